//! Orders, filtered and sorted, page by page.

use super::{commit, moved, placed_at};
use crate::domain::tests::mother::{
    EVENING, after, order_accepted, order_rejected, restaurant_notified,
};
use crate::domain::{Order, Status, TaskKind};
use crate::store::{
    Commit, OrdersFilter, OrdersQuery, OrdersSort, Store, Task, TaskChange, TaskCondition,
    TaskState,
};
use std::sync::Arc;

/// An order of that evening with something of its own.
fn order(order_id: &str, at_us: i64, own: impl FnOnce(&mut Order)) -> Commit {
    let commit = placed_at(order_id, after(at_us));
    let mut order = (*commit.order).clone();
    own(&mut order);
    Commit { order: Arc::new(order), ..commit }
}

fn at_nino(order_id: &str, at_us: i64) -> Commit {
    order(order_id, at_us, |order| order.restaurant_id = "nino".to_owned())
}

fn then(before: &Commit, at_us: i64, event: crate::domain::Event) -> Commit {
    moved(&before.order, after(at_us), event)
}

async fn ask(store: &dyn Store, query: OrdersQuery) -> Vec<String> {
    let page = store.orders(query).await.expect("the store answers");
    page.orders.into_iter().map(|order| order.order_id).collect()
}

/// All pages of a listing; after each, `between` is done.
async fn walk(store: &dyn Store, first: OrdersQuery, between: impl AsyncFn()) -> Vec<String> {
    let (mut seen, mut query) = (Vec::new(), first);
    loop {
        let page = store.orders(query.clone()).await.expect("the store answers");
        assert!(page.orders.len() <= query.limit);
        seen.extend(page.orders.into_iter().map(|order| order.order_id));
        query.after = Some(match page.next {
            Some(place) => place,
            None => return seen,
        });
        between().await;
    }
}

/// Some orders cannot be understood: the others are listed, the newest first, and every walk comes to its end.
pub async fn what_is_unreadable_has_its_place(
    store: &dyn Store,
    readable: &[&str],
    unreadable: &[&str],
) {
    for limit in 1..=4 {
        assert_eq!(walk(store, newest(limit), async || {}).await, readable, "{limit}");
    }
    let whole = store.orders(newest(10)).await.expect("the store answers");
    assert_eq!(
        (whole.unreadable, whole.next),
        (unreadable.iter().map(|&id| id.into()).collect(), None)
    );
}

fn newest(limit: usize) -> OrdersQuery {
    OrdersQuery::newest(OrdersFilter::default(), limit, EVENING)
}

pub async fn orders_are_listed_the_newest_first(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert_eq!(ask(&*store, newest(10)).await, [""; 0]);
    let group = [("order-2", 20), ("order-3", 30), ("order-1", 10)];
    let group = group.map(|(id, us)| placed_at(id, after(us))).to_vec();
    let last = (*group[1].order).clone();
    commit(&*store, group).await;
    assert_eq!(ask(&*store, newest(10)).await, ["order-3", "order-2", "order-1"]);
    let first = store.orders(newest(2)).await.unwrap();
    assert_eq!(first.orders[0], last, "whole orders are listed");
    assert_eq!(first.orders.len(), 2);
    let second = store.orders(OrdersQuery { after: first.next, ..newest(2) }).await.unwrap();
    assert_eq!((second.orders[0].order_id.as_str(), second.next), ("order-1", None));
    let full = store.orders(newest(3)).await.unwrap();
    assert_eq!(
        (full.orders.len(), full.next),
        (3, None),
        "nothing follows a last page that is full"
    );
}

pub async fn every_sort_lists_each_order_once_in_its_order(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let deadline = |us| move |order: &mut Order| order.accept_by = after(us);
    let (b, c, d) =
        (order("b", 2, deadline(700)), order("c", 3, deadline(600)), order("d", 4, deadline(600)));
    let (told, said_no) = (then(&b, 50, restaurant_notified()), then(&d, 60, order_rejected()));
    let twin = order("a", 3, deadline(800));
    commit(&*store, vec![b, c, d, told, said_no, twin]).await;
    let cases = [
        (OrdersSort::Newest, vec!["d", "c", "a", "b"]),
        (OrdersSort::Oldest, vec!["b", "a", "c", "d"]),
        // Nothing is expected of the rejected one any more.
        (OrdersSort::DeadlineNearest, vec!["c", "b", "a"]),
        (OrdersSort::DeadlineFurthest, vec!["a", "b", "c"]),
        (OrdersSort::AgeLongest, vec!["a", "c", "b"]),
        (OrdersSort::AgeShortest, vec!["b", "c", "a"]),
    ];
    assert_eq!(cases.len(), OrdersSort::ALL.len());
    for (sort, expected) in cases {
        for limit in 1..=4 {
            let query = OrdersQuery { sort, ..newest(limit) };
            assert_eq!(walk(&*store, query, async || {}).await, expected, "{sort}, {limit}");
        }
    }
}

pub async fn a_listing_keeps_to_what_is_asked_for(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let for_nora = |order: &mut Order| order.customer_id = "nora".to_owned();
    let (two, four) = (order("2", 2, for_nora), at_nino("4", 4));
    let (two_later, four_later) =
        (then(&two, 10, order_accepted()), then(&four, 12, order_rejected()));
    let three = at_nino("3", 3);
    commit(&*store, vec![placed_at("1", after(1)), two, two_later, three, four, four_later]).await;
    let none = OrdersFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let is = |status| OrdersFilter { status: vec![status], ..none() };
    // Judged at 1 ms after the evening began; the accepted order is due in two hours, the others in 10 min.
    let hours = |hours: i64| Some(hours * 3_600_000);
    let cases: Vec<(OrdersFilter, &[&str])> = vec![
        (none(), &["4", "3", "2", "1"]),
        (is(Status::Placed), &["3", "1"]),
        (is(Status::Expired), &[]),
        (OrdersFilter { status: vec![Status::Accepted, Status::Rejected], ..none() }, &["4", "2"]),
        (OrdersFilter { restaurant_id: some("nino"), ..none() }, &["4", "3"]),
        (OrdersFilter { restaurant_id: some("nino"), ..is(Status::Placed) }, &["3"]),
        (OrdersFilter { restaurant_id: some("nobody"), ..none() }, &[]),
        (OrdersFilter { customer_id: some("nora"), ..none() }, &["2"]),
        (OrdersFilter { customer_id: some("nora"), restaurant_id: some("nino"), ..none() }, &[]),
        (OrdersFilter { placed_from: Some(after(3)), ..none() }, &["4", "3"]),
        (OrdersFilter { placed_before: Some(after(3)), ..none() }, &["2", "1"]),
        (
            OrdersFilter { placed_from: Some(after(2)), placed_before: Some(after(4)), ..none() },
            &["3", "2"],
        ),
        (OrdersFilter { age_ms: Some(0), ..none() }, &["3", "2", "1"]),
        (OrdersFilter { age_ms: Some(1), ..none() }, &[]),
        (OrdersFilter { deadline_within_ms: hours(1), ..none() }, &["3", "1"]),
        (OrdersFilter { deadline_within_ms: hours(3), ..none() }, &["3", "2", "1"]),
        (OrdersFilter { deadline_within_ms: Some(0), ..none() }, &[]),
        (
            OrdersFilter { age_ms: Some(0), deadline_within_ms: hours(3), ..is(Status::Accepted) },
            &["2"],
        ),
    ];
    for (filter, expected) in cases {
        for limit in [1, 10] {
            let query = OrdersQuery::newest(filter.clone(), limit, after(1_000));
            assert_eq!(walk(&*store, query, async || {}).await, expected, "{filter:?}");
        }
    }
    let at = |now| OrdersQuery::newest(OrdersFilter { age_ms: Some(1), ..none() }, 10, after(now));
    assert_eq!(ask(&*store, at(1_001)).await, ["1"], "from the moment on");
    assert_eq!(ask(&*store, at(1_009)).await, ["3", "1"]);
    assert_eq!(ask(&*store, at(1_010)).await, ["3", "2", "1"]);
}

pub async fn orders_are_found_by_how_their_tasks_stand(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let with = |order_id: &str, at_us, changes: Vec<TaskChange>| {
        let task = TaskChange::Open(Task {
            order_id: order_id.to_owned(),
            sequence: 1,
            kind: TaskKind::NotifyRestaurant,
            state: TaskState::Open,
            attempts: 0,
            next_attempt_at: EVENING,
            give_up_at: after(1_000),
            last_error: None,
            event_id: format!("event-{order_id}"),
            traceparent: None,
        });
        Commit { tasks: [vec![task], changes].concat(), ..placed_at(order_id, after(at_us)) }
    };
    let failed = |code: &str| TaskChange::TryAgain {
        sequence: 1,
        attempts: 1,
        next_attempt_at: after(50),
        last_error: code.to_owned(),
    };
    let ended = |state, code: Option<&str>| TaskChange::Close {
        sequence: 1,
        attempts: 2,
        state,
        last_error: code.map(str::to_owned),
    };
    let group = vec![
        placed_at("1", after(1)),
        with("2", 2, vec![]),
        with("3", 3, vec![failed("http_503")]),
        with("4", 4, vec![failed("timeout")]),
        with("5", 5, vec![failed("timeout"), ended(TaskState::GivenUp, Some("http_410"))]),
        with("6", 6, vec![ended(TaskState::GivenUp, Some("timeout"))]),
        with("7", 7, vec![failed("timeout"), ended(TaskState::Done, None)]),
        with("8", 8, vec![failed("timeout"), TaskChange::WithdrawOpen]),
    ];
    commit(&*store, group).await;
    let (open, retrying, given_up) =
        (Some(TaskCondition::Open), Some(TaskCondition::Retrying), Some(TaskCondition::GivenUp));
    let cases: Vec<(Option<TaskCondition>, Option<&str>, &[&str])> = vec![
        (open, None, &["4", "3", "2"]),
        (retrying, None, &["4", "3"]),
        (given_up, None, &["6", "5"]),
        (None, Some("timeout"), &["6", "4"]),
        (None, Some("http_503"), &["3"]),
        (None, Some("nothing"), &[]),
        (open, Some("timeout"), &["4"]),
        (retrying, Some("http_503"), &["3"]),
        (given_up, Some("timeout"), &["6"]),
        (given_up, Some("http_503"), &[]),
    ];
    for (task, code, expected) in cases {
        let filter =
            OrdersFilter { task, last_error: code.map(str::to_owned), ..Default::default() };
        for sort in [OrdersSort::Newest, OrdersSort::AgeShortest] {
            let query = OrdersQuery { sort, ..OrdersQuery::newest(filter.clone(), 1, EVENING) };
            assert_eq!(walk(&*store, query, async || {}).await, expected, "{filter:?} {sort}");
        }
    }
}

pub async fn a_cursor_stays_put_while_orders_come_in(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let numbered = |number: i64| placed_at(&format!("order-{number:02}"), after(number));
    commit(&*store, (0..10).map(numbered).collect()).await;
    let newer = std::cell::Cell::new(10);
    let seen = walk(&*store, newest(3), async || {
        newer.set(newer.get() + 1);
        commit(&*store, vec![numbered(newer.get())]).await;
    })
    .await;
    let expected: Vec<String> = (0..10).rev().map(|number| format!("order-{number:02}")).collect();
    assert_eq!(seen, expected);
}

pub async fn orders_of_one_moment_are_listed_once_each(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let group = ["order-b", "order-d", "order-a", "order-c"].map(|id| placed_at(id, after(0)));
    commit(&*store, group.to_vec()).await;
    let mut expected = ["order-a", "order-b", "order-c", "order-d"];
    for (sort, reversed) in OrdersSort::ALL.iter().map(|sort| {
        (
            *sort,
            matches!(
                sort,
                OrdersSort::Newest | OrdersSort::DeadlineFurthest | OrdersSort::AgeShortest
            ),
        )
    }) {
        expected.sort_unstable();
        if reversed {
            expected.reverse();
        }
        let query = OrdersQuery { sort, ..newest(1) };
        assert_eq!(walk(&*store, query, async || {}).await, expected, "{sort}");
    }
}
