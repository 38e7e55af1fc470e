//! When orders want to be looked at.

use super::{commit, moved, placed, unmoved};
use crate::domain::Timestamp;
use crate::domain::tests::mother::{ACCEPT_BY, COMPLETE_BY, after, order_accepted, order_rejected};
use crate::store::{Commit, Due, Outcome, Store, TaskChange, Wake};
use std::sync::Arc;

fn waking(order_id: &str, wake: Wake) -> Commit {
    Commit { wake, ..placed(order_id) }
}

async fn due(store: &dyn Store, now: Timestamp) -> Vec<String> {
    let due = store.due_orders(now, None, 10).await.expect("the store answers");
    due.into_iter().map(|due| due.order_id).collect()
}

async fn next(store: &dyn Store) -> Option<Timestamp> {
    store.next_wake_at().await.expect("the store answers")
}

pub async fn an_order_is_due_from_its_moment_on(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert_eq!(next(&*store).await, None);
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    commit(&*store, vec![born]).await;
    for (us, expected) in [(-1, 0), (0, 1), (1, 1)] {
        assert_eq!(due(&*store, Timestamp(ACCEPT_BY.0 + us)).await.len(), expected, "{us}");
    }
    assert_eq!(next(&*store).await, Some(ACCEPT_BY));
    let accepted = moved(&order, after(1), order_accepted());
    let order = Arc::clone(&accepted.order);
    commit(&*store, vec![accepted]).await;
    assert_eq!(due(&*store, ACCEPT_BY).await, [""; 0]);
    assert_eq!(next(&*store).await, Some(COMPLETE_BY));
    let never = Commit { wake: Wake::Never, ..moved(&order, after(2), order_rejected()) };
    commit(&*store, vec![never]).await;
    assert_eq!(due(&*store, Timestamp(i64::MAX)).await, [""; 0]);
    assert_eq!(next(&*store).await, None);
}

pub async fn the_most_overdue_come_first(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let at = |us| Wake::At(after(us));
    let group = vec![
        waking("order-3", at(30)),
        waking("order-1", at(10)),
        waking("order-4", Wake::Never),
        waking("order-2", at(20)),
    ];
    commit(&*store, group).await;
    assert_eq!(due(&*store, after(30)).await, ["order-1", "order-2", "order-3"]);
    assert_eq!(next(&*store).await, Some(after(10)));
}

pub async fn what_is_due_is_walked_through_once_each(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let moments = [30, 10, 20, 20, 20, 20, 10, 40];
    let waiting =
        |(number, us): (usize, &i64)| waking(&format!("order-{number}"), Wake::At(after(*us)));
    let orders: Vec<Commit> = moments.iter().enumerate().map(waiting).collect();
    let stored: Vec<_> = orders.iter().map(|commit| Arc::clone(&commit.order)).collect();
    commit(&*store, orders).await;
    let expected = [(10, 1), (10, 6), (20, 2), (20, 3), (20, 4), (20, 5), (30, 0)];
    let due = expected.map(|(us, number)| Due {
        wake_at: after(us),
        order_id: format!("order-{number}"),
        order: Some(Arc::clone(&stored[number])),
    });
    for limit in 1..=8 {
        let (mut walked, mut place) = (Vec::new(), None);
        loop {
            let page = store.due_orders(after(30), place, limit).await.unwrap();
            assert!(page.len() <= limit);
            place = page.last().map(Due::place);
            walked.extend(page);
            if place.is_none() {
                break;
            }
        }
        assert_eq!(walked, due, "{limit} at a time");
    }
}

pub async fn a_moment_moves_without_an_event(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    commit(&*store, vec![born]).await;
    let put_off = unmoved(&order, TaskChange::WithdrawOpen);
    commit(&*store, vec![Commit { wake: Wake::At(after(77)), ..put_off }]).await;
    assert_eq!(next(&*store).await, Some(after(77)));
    let found = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
    assert_eq!(found.order, *order);
    assert_eq!(super::journal(&*store).len(), 1);
}

pub async fn a_moment_set_on_an_older_version_is_refused(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let seen = Arc::clone(&born.order);
    let accepted = moved(&seen, after(1), order_accepted());
    commit(&*store, vec![born, accepted]).await;
    let late = Commit { wake: Wake::Never, ..unmoved(&seen, TaskChange::WithdrawOpen) };
    assert_eq!(store.commit(vec![late]).await.unwrap(), [Outcome::Conflict]);
    assert_eq!(next(&*store).await, Some(COMPLETE_BY), "an order is never left without a moment");
}
