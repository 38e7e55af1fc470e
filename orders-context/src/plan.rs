//! `orders plan`: what moving every order under way to other terms would do, before anything happens.
//!
//! How many stand where comes from the counters that commits keep. Those under way are read page by page
//! and counted in groups, so that memory is bounded. Nothing is written.

#[cfg(test)]
mod tests;

use crate::domain::migrate::{Migration, migration};
use crate::domain::{Order, Status, Terms, Timestamp};
use crate::store::{Counter, Error, OrdersFilter, OrdersQuery, OrdersSort, Store};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many orders are read at once.
const PAGE: usize = 500;

/// How many orders without a place are named, and how many that cannot be read.
const NAMED: usize = 20;

/// What would happen.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The flow that orders would follow.
    pub flow_version: i32,
    /// The policy they would live by.
    pub policy_version: u32,
    /// How many orders stand where.
    pub statuses: Vec<Standing>,
    /// What would become of those under way.
    pub groups: Vec<Group>,
    /// Some of those that have no place in the flow.
    pub without_place: Vec<String>,
    /// Those of which nothing can be said.
    pub unreadable: Unreadable,
}

/// Orders under way that cannot be read: they would not be moved.
#[derive(Debug, Default, Serialize)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub order_ids: Vec<String>,
}

/// Orders of one status.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// The status.
    pub status: Status,
    /// How many.
    pub orders: u64,
    /// Whether the flow knows it.
    pub has_place: bool,
}

crate::domain::words! {
    /// What becomes of an order.
    Outcome {
        /// Its terms are others then.
        Moves = "moves",
        /// It lives by these terms already.
        Stands = "stands",
        /// The flow has no such status: it cannot be moved.
        WithoutPlace = "without_place",
        /// Its deadline has passed and it is about to move by itself.
        TooLate = "too_late",
    }
}

/// Orders of which the same becomes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Group {
    /// Where they stand.
    pub status: Status,
    /// The flow they follow.
    pub flow_version: i32,
    /// The policy they live by.
    pub policy_version: u32,
    /// What becomes of them.
    pub outcome: Outcome,
    /// By how much their acceptance deadline moves, in milliseconds; `None` once it is over.
    pub accept_by_ms: Option<i64>,
    /// By how much the end of their total time moves, in milliseconds.
    pub complete_by_ms: i64,
    /// How many.
    pub orders: u64,
}

/// Which orders can be moved: those that are not at rest.
#[must_use]
pub fn under_way() -> OrdersFilter {
    let status = Status::ALL.iter().copied().filter(|status| !status.is_at_rest()).collect();
    OrdersFilter { status, ..OrdersFilter::default() }
}

/// Looks at every order under way, as of `now`.
///
/// # Errors
/// When the store does not answer.
pub async fn plan(store: &dyn Store, to: &Terms, now: Timestamp) -> Result<Plan, Error> {
    let mut plan = Plan {
        flow_version: to.flow.number(),
        policy_version: to.policy.version,
        statuses: Vec::new(),
        groups: Vec::new(),
        without_place: Vec::new(),
        unreadable: Unreadable::default(),
    };
    let counters = store.counters().await?;
    for &status in Status::ALL {
        let orders = u64::try_from(counters.get(Counter::Orders(status))).unwrap_or_default();
        plan.statuses.push(Standing { status, orders, has_place: to.flow.knows(status) });
    }
    let mut groups = BTreeMap::<Group, u64>::new();
    let all = OrdersQuery::newest(under_way(), PAGE, now);
    let mut query = OrdersQuery { sort: OrdersSort::Oldest, ..all };
    loop {
        let page = store.orders(query.clone()).await?;
        for order in &page.orders {
            let group = group(order, to, now);
            if group.outcome == Outcome::WithoutPlace && plan.without_place.len() < NAMED {
                plan.without_place.push(order.order_id.clone());
            }
            *groups.entry(group).or_default() += 1;
        }
        let Unreadable { count, order_ids } = &mut plan.unreadable;
        *count += page.unreadable.len() as u64;
        let room = NAMED.saturating_sub(order_ids.len());
        order_ids.extend(page.unreadable.into_iter().take(room));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    plan.groups = groups.into_iter().map(|(group, orders)| Group { orders, ..group }).collect();
    Ok(plan)
}

fn group(order: &Order, to: &Terms, now: Timestamp) -> Group {
    let (outcome, accept_by, complete_by) = match migration(order, to, now) {
        Migration::Stands => (Outcome::Stands, order.accept_by, order.complete_by),
        Migration::NoPlace => (Outcome::WithoutPlace, order.accept_by, order.complete_by),
        Migration::TooLate { .. } => (Outcome::TooLate, order.accept_by, order.complete_by),
        Migration::Moves { accept_by, complete_by } => (Outcome::Moves, accept_by, complete_by),
    };
    let moved_ms = |from: Timestamp, to: Timestamp| (to.0 - from.0) / 1_000;
    Group {
        status: order.status,
        flow_version: order.flow_version.number(),
        policy_version: order.policy.version,
        outcome,
        accept_by_ms: order.status.awaits_answer().then(|| moved_ms(order.accept_by, accept_by)),
        complete_by_ms: moved_ms(order.complete_by, complete_by),
        orders: 0,
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { flow_version, policy_version, statuses, groups, .. } = self;
        writeln!(f, "To flow {flow_version} and policy {policy_version}.\n")?;
        writeln!(f, "{:<10} {:>10}  place in flow {flow_version}", "status", "orders")?;
        for Standing { status, orders, has_place } in statuses {
            let place = if *has_place { "yes" } else { "no" };
            writeln!(f, "{:<10} {orders:>10}  {place}", status.as_str())?;
        }
        writeln!(
            f,
            "\n{:<10} {:>5} {:>6} {:>10}  {:<13} {:>12} {:>12}",
            "under way", "flow", "policy", "orders", "what happens", "accept by", "complete by"
        )?;
        for group in groups {
            let accept_by = group.accept_by_ms.map_or("-".to_owned(), span);
            writeln!(
                f,
                "{:<10} {:>5} {:>6} {:>10}  {:<13} {:>12} {:>12}",
                group.status.as_str(),
                group.flow_version,
                group.policy_version,
                group.orders,
                group.outcome.as_str(),
                accept_by,
                span(group.complete_by_ms)
            )?;
        }
        if !self.without_place.is_empty() {
            writeln!(f, "\nwithout a place: {}", self.without_place.join(", "))?;
        }
        let Unreadable { count, order_ids } = &self.unreadable;
        if *count > 0 {
            writeln!(f, "\n{count} cannot be read, such as {}", order_ids.join(", "))?;
        }
        let moving: u64 =
            groups.iter().filter(|g| g.outcome == Outcome::Moves).map(|g| g.orders).sum();
        write!(f, "\n{moving} orders would move. Nothing has been done.")
    }
}

/// A span of time with its sign, in the two largest units: `+1h 30m`, `-45s`, `0`.
fn span(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let mut left = ms.unsigned_abs();
    let mut parts = Vec::new();
    for (unit, length_ms) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if left >= length_ms && parts.len() < 2 {
            parts.push(format!("{}{unit}", left / length_ms));
        }
        left %= length_ms;
    }
    if parts.is_empty() { "0".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}
