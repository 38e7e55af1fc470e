//! Every filter with every other in every sort: what a store finds is what a plain loop finds.

use super::bulk::A_MINUTE;
use super::{commit, moved, placed_at};
use crate::domain::tests::mother::{
    EVENING, MINUTE, SECOND, after, order_accepted, order_rejected, restaurant_notified,
};
use crate::domain::{FlowVersion, Order, Status, TaskKind, Timestamp};
use crate::store::{
    Commit, OrdersFilter, OrdersQuery, OrdersSort, Store, Task, TaskChange, TaskCondition,
    TaskState,
};
use std::collections::HashMap;
use std::sync::Arc;

/// When these questions are asked.
const NOW: Timestamp = after(MINUTE);

/// How many orders there are.
const ORDERS: i64 = 60;

/// Each filter alone, each with each other, and all at once; in each sort.
pub fn every_question() -> Vec<OrdersQuery> {
    let parts: [fn(&mut OrdersFilter); 11] = [
        |filter| filter.status = vec![Status::Placed, Status::Rejected],
        |filter| filter.status = vec![Status::Notified],
        |filter| filter.stuck = true,
        |filter| filter.customer_id = Some("nora".to_owned()),
        |filter| filter.restaurant_id = Some("nino".to_owned()),
        |filter| filter.flow_version = Some(FlowVersion::FIRST),
        |filter| filter.placed_from = Some(after(20 * SECOND)),
        |filter| filter.deadline_within_ms = Some(30 * 60_000),
        |filter| filter.age_ms = Some(25_000),
        |filter| filter.task = Some(TaskCondition::GivenUp),
        |filter| filter.last_error = Some("timeout".to_owned()),
    ];
    let mut filters = vec![OrdersFilter::default()];
    for (at, part) in parts.iter().enumerate() {
        for other in &parts[at..] {
            let mut filter = OrdersFilter::default();
            part(&mut filter);
            other(&mut filter);
            filters.push(filter);
        }
    }
    let mut all = OrdersFilter::default();
    parts.iter().for_each(|part| part(&mut all));
    filters.push(all);
    let usual_ms = [(Status::Placed, 20_000), (Status::Notified, 5_000)];
    let asked = |filter: OrdersFilter, sort: OrdersSort, usual_ms: &[(Status, i64)]| OrdersQuery {
        sort,
        usual_ms: usual_ms.to_vec(),
        ..OrdersQuery::newest(filter, 7, NOW)
    };
    let each = filters.into_iter().map(|filter| (filter, &usual_ms[..]));
    each.chain(of_no_status().into_iter().map(|filter| (filter, &[][..])))
        .flat_map(|(filter, usual_ms)| {
            OrdersSort::ALL.iter().map(move |sort| asked(filter.clone(), *sort, usual_ms))
        })
        .collect()
}

/// What no status can hold: being old at rest, or being stuck where nobody knows what is usual; of one restaurant
/// and of one customer.
fn of_no_status() -> Vec<OrdersFilter> {
    let old_at_rest =
        OrdersFilter { status: vec![Status::Expired], age_ms: Some(1), ..OrdersFilter::default() };
    let stuck = OrdersFilter { stuck: true, ..OrdersFilter::default() };
    let of_some = |filter: OrdersFilter| {
        [
            OrdersFilter { restaurant_id: Some("nino".to_owned()), ..filter.clone() },
            OrdersFilter { customer_id: Some("nora".to_owned()), ..filter },
        ]
    };
    [old_at_rest, stuck].into_iter().flat_map(of_some).collect()
}

/// An order, with the task it has, if it has one.
type Known = (Order, Option<Task>);

/// Orders with something of everything: the commits that make them, and how they stand.
fn evening() -> (Vec<Commit>, Vec<Known>) {
    let (mut commits, mut known) = (Vec::new(), Vec::new());
    for number in 0..ORDERS {
        let at = after(number * 7 % ORDERS * SECOND / 2);
        let born = placed_at(&format!("order-{number:02}"), at);
        let mut order = (*born.order).clone();
        order.accept_by = after(number * 37 % ORDERS * MINUTE);
        if number % 3 == 0 {
            order.restaurant_id = "nino".to_owned();
        }
        if number % 4 == 0 {
            order.customer_id = "nora".to_owned();
        }
        let task = (number % 6 == 1).then(|| in_trouble(&order, number));
        let tasks = task.iter().cloned().map(TaskChange::Open).collect();
        let born = Commit { order: Arc::new(order), tasks, ..born };
        let later = Timestamp(at.0 + number * SECOND / 4);
        let next = match number % 5 {
            1 => Some(moved(&born.order, later, restaurant_notified())),
            2 => Some(moved(&born.order, later, order_accepted())),
            3 => Some(moved(&born.order, later, order_rejected())),
            _ => None,
        };
        known.push(((*next.as_ref().unwrap_or(&born).order).clone(), task));
        commits.extend([Some(born), next].into_iter().flatten());
    }
    (commits, known)
}

fn in_trouble(order: &Order, number: i64) -> Task {
    let (state, attempts) = match number % 4 {
        1 => (TaskState::GivenUp, 3),
        _ => (TaskState::Open, 1),
    };
    let code = if number % 12 == 1 { "http_503" } else { "timeout" };
    Task {
        order_id: order.order_id.clone(),
        sequence: 1,
        kind: TaskKind::NotifyRestaurant,
        state,
        attempts,
        next_attempt_at: EVENING,
        give_up_at: NOW,
        last_error: Some(code.to_owned()),
        event_id: format!("event-{number}"),
        traceparent: None,
    }
}

fn matches(query: &OrdersQuery, (order, task): &Known) -> bool {
    let OrdersFilter {
        status,
        restaurant_id,
        customer_id,
        placed_from,
        placed_before,
        age_ms,
        deadline_within_ms,
        task: condition,
        last_error,
        flow_version,
        stuck,
    } = &query.filter;
    let by_placing = matches!(query.sort, OrdersSort::Newest | OrdersSort::Oldest);
    let awake = age_ms.is_some() || deadline_within_ms.is_some() || *stuck || !by_placing;
    let age_us = NOW.0 - order.since.0;
    let usual = query.usual_ms.iter().find(|(of, _)| *of == order.status);
    let in_trouble = |task: &Task| match condition {
        None | Some(TaskCondition::Open) => true,
        Some(TaskCondition::Retrying) => task.state == TaskState::Open,
        Some(TaskCondition::GivenUp) => task.state == TaskState::GivenUp,
    };
    (status.is_empty() || status.contains(&order.status))
        && restaurant_id.as_ref().is_none_or(|id| *id == order.restaurant_id)
        && customer_id.as_ref().is_none_or(|id| *id == order.customer_id)
        && flow_version.is_none_or(|flow| flow == order.flow_version)
        && placed_from.is_none_or(|from| order.placed_at >= from)
        && placed_before.is_none_or(|before| order.placed_at < before)
        && (!awake || !order.status.is_at_rest())
        && age_ms.is_none_or(|ms| age_us >= ms * 1_000)
        && (!stuck || usual.is_some_and(|(_, ms)| age_us > ms * 1_000))
        && deadline_within_ms
            .is_none_or(|ms| order.deadline().is_some_and(|at| at.0 <= NOW.0 + ms * 1_000))
        && (condition.is_none() || task.as_ref().is_some_and(in_trouble))
        && last_error.as_ref().is_none_or(|code| {
            task.as_ref().is_some_and(|task| task.last_error.as_ref() == Some(code))
        })
}

fn expected(query: &OrdersQuery, known: &[Known]) -> Vec<String> {
    let mut found: Vec<_> = known.iter().filter(|each| matches(query, each)).collect();
    found.sort_by_key(|(order, _)| {
        let at = match query.sort {
            OrdersSort::Newest | OrdersSort::Oldest => Some(order.placed_at),
            OrdersSort::DeadlineNearest | OrdersSort::DeadlineFurthest => order.deadline(),
            OrdersSort::AgeLongest | OrdersSort::AgeShortest => Some(order.since),
        };
        (at, order.order_id.clone())
    });
    if query.sort.is_descending() {
        found.reverse();
    }
    found.into_iter().map(|(order, _)| order.order_id.clone()).collect()
}

/// Those of `expected` that were asked for, each with its version.
fn versions(expected: &[String], asked: &[String], known: &[Known]) -> HashMap<String, i64> {
    let of_both = known
        .iter()
        .filter(|(order, _)| expected.contains(&order.order_id) && asked.contains(&order.order_id));
    of_both.map(|(order, _)| (order.order_id.clone(), order.version)).collect()
}

pub async fn every_question_finds_what_it_asks_for(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let (commits, known) = evening();
    commit(&*store, commits).await;
    let mut found_any = 0;
    let some: Vec<_> = known.iter().map(|(order, _)| order.order_id.clone()).step_by(2).collect();
    for mut query in every_question() {
        let expected = expected(&query, &known);
        let matching =
            store.matching(query.clone(), some.clone()).await.expect("the store answers");
        assert_eq!(matching, versions(&expected, &some, &known), "{:?}", query.filter);
        let counted = store.count_orders(query.clone(), A_MINUTE).await.expect("the store answers");
        let (filter, sort) = (query.filter.clone(), query.sort);
        if matches!(sort, OrdersSort::Newest) {
            assert_eq!(counted, expected.len() as u64, "{filter:?}");
        }
        let mut found = Vec::new();
        loop {
            let page = store.orders(query.clone()).await.expect("the store answers");
            assert!(page.orders.len() <= query.limit);
            found.extend(page.orders.into_iter().map(|order| order.order_id));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?} {sort}");
        found_any += usize::from(!found.is_empty());
    }
    assert!(found_any > 200, "questions that find nothing say little: {found_any}");
}
