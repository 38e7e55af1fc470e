//! `orders check`: does every journal keep to the flow, is every row the fold of its journal, and is every
//! counter right?
//!
//! Orders are read page by page, row and journal as of one moment, so that memory is bounded and
//! orders being taken meanwhile raise no false alarm. What the flow allows is judged in
//! [`crate::domain::conformance`]; here is what compares it with the rows.

use crate::domain::conformance::{Breach, BreachKind, Told, judge, judge_wake};
use crate::domain::{Order, Timestamp, evolve};
use crate::store::{Counted, Error, JournalRow, Kept, KeptRow, Store};
use serde::Serialize;

/// How many orders are read as of one moment: a few milliseconds of a reader's time.
pub const PAGE: usize = 256;

/// One thing that differs, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which order; `None` for a counter of many.
    pub order_id: Option<String>,
    /// At which of its events; `None` for its row.
    pub sequence: Option<i64>,
    /// In what way.
    pub kind: BreachKind,
    /// For people. Holds nothing personal.
    pub what: String,
}

/// How much was looked at, and how much of it differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Orders, whether they have a row or only a journal.
    pub orders: u64,
    /// Events.
    pub events: u64,
    /// Counters.
    pub counters: u64,
    /// Differences.
    pub violations: u64,
}

/// Looks at every order there is and counts everything again, and hands each violation to `found` as it is met.
///
/// # Errors
/// When the store does not answer, or `found` fails.
pub async fn check(
    store: &dyn Store,
    mut found: impl FnMut(&Violation) -> anyhow::Result<()>,
) -> anyhow::Result<Checked> {
    let (mut checked, mut after) = (Checked::default(), String::new());
    loop {
        let order_ids = store.known_ids(after.clone(), PAGE).await?;
        let Some(last) = order_ids.last() else { break };
        after.clone_from(last);
        let (page, violations) = check_orders(store, order_ids).await?;
        checked.orders += page.orders;
        checked.events += page.events;
        checked.violations += page.violations;
        violations.iter().try_for_each(&mut found)?;
    }
    let counted = store.counted(None).await?;
    let violations = wrong_counters(&counted);
    checked.counters = counted.found.iter().count() as u64;
    checked.violations += violations.len() as u64;
    violations.iter().try_for_each(&mut found)?;
    Ok(checked)
}

/// Counters that do not say what was counted.
#[must_use]
pub fn wrong_counters(Counted { kept, found }: &Counted) -> Vec<Violation> {
    let mut difference = kept.clone();
    found.iter().for_each(|(counter, count)| difference.add(counter, -count));
    let wrong = difference.iter().map(|(counter, _)| {
        let (says, are) = (kept.get(counter), found.get(counter));
        let what = format!("{counter}: the counter says {says}, there are {are}");
        Violation { order_id: None, sequence: None, kind: BreachKind::Counter, what }
    });
    wrong.collect()
}

/// The same for these orders alone.
///
/// # Errors
/// When the store does not answer.
pub async fn check_orders(
    store: &dyn Store,
    order_ids: Vec<String>,
) -> Result<(Checked, Vec<Violation>), Error> {
    let kept = store.kept(order_ids).await?;
    let violations: Vec<Violation> = kept.iter().flat_map(violations).collect();
    let checked = Checked {
        orders: kept.len() as u64,
        events: kept.iter().map(|each| each.journal.len() as u64).sum(),
        counters: 0,
        violations: violations.len() as u64,
    };
    Ok((checked, violations))
}

/// What differs in one order, its journal first.
#[must_use]
pub fn violations(kept: &Kept) -> Vec<Violation> {
    let at = |sequence: Option<i64>| {
        move |Breach { kind, what }| Violation {
            order_id: Some(kept.order_id.clone()),
            sequence,
            kind,
            what,
        }
    };
    let mut found: Vec<Violation> = Vec::new();
    let mut fold: Option<(Order, Timestamp)> = None;
    for row in &kept.journal {
        let (after, breaches) = replay(fold, row);
        found.extend(breaches.into_iter().map(at(Some(row.sequence))));
        fold = after;
        if fold.is_none() {
            break;
        }
    }
    let of_row = match (&kept.row, &fold) {
        _ if !kept.unreadable.is_empty() => {
            let unreadable = kept.unreadable.iter();
            unreadable.map(|what| Breach::new(BreachKind::Unreadable, what)).collect()
        }
        (Some(row), Some((order, last_at))) => compare(row, order, *last_at),
        (None, _) => vec![Breach::new(BreachKind::Missing, "there is a journal and no row")],
        (Some(_), None) if kept.journal.is_empty() => {
            vec![Breach::new(BreachKind::Missing, "there is a row and no journal")]
        }
        (Some(_), None) => Vec::new(),
    };
    found.extend(of_row.into_iter().map(at(None)));
    found
}

/// The order after one more row of its journal, with the moment of it, and what is wrong about it.
/// After a gap it goes on from the number found, so that one missing event is told of once.
fn replay(
    fold: Option<(Order, Timestamp)>,
    row: &JournalRow,
) -> (Option<(Order, Timestamp)>, Vec<Breach>) {
    let before = fold.map(|(order, _)| order);
    let told =
        Told { sequence: row.sequence, at: row.occurred_at, status: row.status, event: &row.event };
    let mut breaches = judge(before.as_ref(), &told);
    let after = evolve(before, &row.order_id, row.occurred_at, &row.event);
    let Some(mut order) = after else { return (None, breaches) };
    order.version = row.sequence;
    let repeated = (&row.restaurant_id, &row.customer_id, row.total_minor, &row.currency);
    let known = (&order.restaurant_id, &order.customer_id, order.total_minor, &order.currency);
    let flow = row.flow_version.unwrap_or(order.flow_version);
    if repeated != known || flow != order.flow_version {
        let what = "restaurant, customer, total or flow stand otherwise in the journal's columns";
        breaches.push(Breach::new(BreachKind::Columns, what));
    }
    (Some((order, row.occurred_at)), breaches)
}

fn compare(row: &KeptRow, fold: &Order, last_at: Timestamp) -> Vec<Breach> {
    let Order { version, status, .. } = fold;
    let mut breaches = Vec::new();
    if row.order != *fold {
        let (theirs, at) = (row.order.status, row.order.version);
        let what = match (theirs, at) == (*status, *version) {
            true => "the row's state is not the fold of the journal".to_owned(),
            false => format!(
                "the row's state is {theirs} at version {at}, the journal leads to {status} at {version}"
            ),
        };
        breaches.push(Breach::new(BreachKind::Row, what));
    }
    let columns = (row.version, row.status, &row.restaurant_id, row.placed_at);
    let searched_by = (row.customer_id.as_ref(), row.since, row.deadline, row.flow_version);
    if columns != (*version, *status, &fold.restaurant_id, fold.placed_at)
        || searched_by
            != (
                Some(&fold.customer_id),
                Some(fold.since),
                fold.deadline(),
                fold.flow_version.number(),
            )
    {
        let what = format!(
            "the row's columns say {} at version {}, the journal leads to {status} at {version}, \
             or restaurant, customer, flow, deadline or a moment differ",
            row.status, row.version
        );
        breaches.push(Breach::new(BreachKind::Row, what));
    }
    breaches.extend(judge_wake(fold, last_at, row.wake_at));
    breaches
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { order_id, sequence, kind, what } = self;
        let order_id = order_id.as_deref().unwrap_or("all orders");
        match sequence {
            Some(sequence) => write!(f, "{order_id} event {sequence}: {kind}: {what}"),
            None => write!(f, "{order_id}: {kind}: {what}"),
        }
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { orders, events, counters, violations } = self;
        write!(f, "orders {orders}, events {events}, counters {counters}: ")?;
        match violations {
            0 => f.write_str("clean, every journal keeps to the flow, every row is its fold and every counter right"),
            1 => f.write_str("1 violation"),
            n => write!(f, "{n} violations"),
        }
    }
}
