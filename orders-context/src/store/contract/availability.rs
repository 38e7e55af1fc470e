//! Restaurants that take no orders, and how they come to that: judged where orders are written.

use super::{commit, journal, moved, placed, remembered, rosa};
use crate::domain::tests::mother::{
    EVENING, MINUTE, after, order_accepted, order_completed, order_expired, order_rejected,
};
use crate::domain::{Availability, Bearing, Opening, Order, Role, Shut, Timestamp};
use crate::store::{Commit, Outcome, Store, Wanted};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) const HOUSE: &str = "bella-napoli";

pub(super) fn paused(version: i64, until: Option<Timestamp>) -> Availability {
    Availability {
        version,
        opening: Opening::Paused,
        until,
        reason: Some("oven_broken".to_owned()),
        set_by: Role::Restaurant,
        since: EVENING,
        ..Availability::unsaid()
    }
}

fn room_for(version: i64, capacity: u32) -> Availability {
    Availability { version, capacity: Some(capacity), since: EVENING, ..Availability::unsaid() }
}

/// A new order that the restaurant is asked about.
pub(super) fn asking(order_id: &str) -> Commit {
    Commit { bearing: Some(Bearing::Asks), ..placed(order_id) }
}

pub(super) fn silent(order: &Arc<Order>, minute: i64) -> Commit {
    let at = after(minute * MINUTE);
    let bearing = Bearing::Silent { pause_after: 3, until: after(60 * MINUTE) };
    Commit { bearing: Some(bearing), ..moved(order, at, order_expired()) }
}

async fn put(store: &dyn Store, next: Availability) {
    assert!(store.put_availability(HOUSE.to_owned(), next).await.unwrap(), "it is the next");
}

async fn found(store: &dyn Store) -> Availability {
    store.availability(HOUSE.to_owned()).await.unwrap().expect("it was spoken of")
}

pub async fn how_a_restaurant_stands_is_replaced_by_the_next_version_alone(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    assert_eq!(store.availability(HOUSE.to_owned()).await.unwrap(), None);
    let put = async |next: Availability| store.put_availability(HOUSE.to_owned(), next).await;
    assert!(!put(paused(2, None)).await.unwrap(), "nothing is before it");
    assert!(put(paused(1, Some(after(MINUTE)))).await.unwrap());
    assert!(!put(paused(1, None)).await.unwrap(), "somebody was faster");
    assert!(!put(paused(3, None)).await.unwrap(), "one is missing");
    let second = Availability { expired_in_a_row: 7, ..room_for(2, 20) };
    assert!(put(second.clone()).await.unwrap());
    drop(store);
    let store = open();
    assert_eq!(found(&*store).await, second);
    assert_eq!(store.availability("nino".to_owned()).await.unwrap(), None);
}

pub async fn an_order_that_is_refused_leaves_nothing_behind(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    put(&*store, paused(1, Some(after(MINUTE)))).await;
    let whole = |id: &str| Commit {
        contact: Some(rosa()),
        remember: Some(remembered("key-1", id)),
        ..asking(id)
    };
    let shut =
        Shut::Away { opening: Opening::Paused, until: Some(after(MINUTE)), asked_at: EVENING };
    let elsewhere = {
        let mut order = (*placed("order-2").order).clone();
        order.restaurant_id = "nino".to_owned();
        Commit { order: Arc::new(order), ..asking("order-2") }
    };
    let outcomes = store.commit(vec![whole("order-1"), elsewhere]).await.unwrap();
    assert_eq!(
        outcomes,
        [Outcome::Shut(shut), Outcome::Committed],
        "another has nothing to do with it"
    );
    let wanted = Wanted {
        order_ids: vec!["order-1".to_owned()],
        idempotency_keys: vec!["key-1".to_owned()],
    };
    let loaded = store.load(wanted).await.unwrap();
    assert!(loaded.orders.is_empty() && loaded.remembered.is_empty());
    assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), None);
    assert_eq!(journal(&*store).len(), 1);
    // It opens by itself.
    let mut later = whole("order-1");
    let order = Order { placed_at: after(MINUTE), ..(*later.order).clone() };
    later.order = Arc::new(order);
    commit(&*store, vec![later]).await;
    // What was placed before is placed, whatever the restaurant says now.
    put(&*store, paused(2, None)).await;
    let again = store.commit(vec![whole("order-3")]).await.unwrap();
    assert_eq!(again, [Outcome::Conflict], "its key was used: that is looked at first");
}

pub async fn a_restaurant_has_as_many_orders_in_work_as_it_takes(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    put(&*store, room_for(1, 2)).await;
    let full = Outcome::Shut(Shut::Full { capacity: 2 });
    let first = asking("order-1");
    let order = Arc::clone(&first.order);
    let outcomes = store.commit(vec![first, asking("order-2"), asking("order-3")]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Committed, full], "within a group");
    assert_eq!(store.commit(vec![asking("order-3")]).await.unwrap(), [full], "and after it");
    let accepted = moved(&order, after(MINUTE), order_accepted());
    let done = moved(&accepted.order, after(2 * MINUTE), order_completed());
    let group = vec![asking("order-4"), accepted, asking("order-5"), done, asking("order-6")];
    let outcomes = store.commit(group).await.unwrap();
    let (yes, no) = (Outcome::Committed, full);
    assert_eq!(outcomes, [no, yes, no, yes, yes], "a place is free once an order is at rest");
    put(&*store, room_for(2, 1)).await;
    let less = Outcome::Shut(Shut::Full { capacity: 1 });
    assert_eq!(store.commit(vec![asking("order-7")]).await.unwrap(), [less]);
    put(&*store, Availability { capacity: None, ..room_for(3, 1) }).await;
    commit(&*store, vec![asking("order-7")]).await;
}

pub async fn of_many_at_once_as_many_are_taken_as_there_is_room(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    put(&*store, room_for(1, 5)).await;
    let stores = [Arc::clone(&store), open()];
    let mut placing = JoinSet::new();
    for number in 0..24 {
        let store = Arc::clone(&stores[number % 2]);
        placing.spawn(async move {
            let (one, two) = (format!("order-{number}-a"), format!("order-{number}-b"));
            store.commit(vec![asking(&one), asking(&two)]).await.expect("the store answers")
        });
    }
    let outcomes: Vec<_> = placing.join_all().await.into_iter().flatten().collect();
    let taken = outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count();
    let full = Outcome::Shut(Shut::Full { capacity: 5 });
    let refused = outcomes.iter().filter(|outcome| **outcome == full).count();
    assert_eq!((taken, refused), (5, 43));
}

pub async fn silence_in_a_row_pauses_and_an_answer_ends_the_row(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born: Vec<_> = (0..7).map(|number| asking(&format!("order-{number}"))).collect();
    let orders: Vec<_> = born.iter().map(|commit| Arc::clone(&commit.order)).collect();
    commit(&*store, born).await;
    commit(&*store, vec![silent(&orders[0], 11), silent(&orders[1], 11)]).await;
    assert_eq!(
        (found(&*store).await.expired_in_a_row, found(&*store).await.opening),
        (2, Opening::Open)
    );
    let answered = Commit {
        bearing: Some(Bearing::Answered),
        ..moved(&orders[2], after(MINUTE), order_accepted())
    };
    commit(&*store, vec![answered, silent(&orders[3], 12)]).await;
    assert_eq!(found(&*store).await.expired_in_a_row, 1);
    let version = found(&*store).await.version;
    commit(&*store, vec![silent(&orders[4], 13), silent(&orders[5], 13)]).await;
    let asleep = found(&*store).await;
    let expected = Availability {
        version: version + 2,
        opening: Opening::Paused,
        until: Some(after(60 * MINUTE)),
        reason: Some("no_answer".to_owned()),
        set_by: Role::System,
        since: after(13 * MINUTE),
        capacity: None,
        expired_in_a_row: 3,
    };
    assert_eq!(asleep, expected);
    let declines = Bearing::Declines {
        opening: Opening::Closed,
        until: after(240 * MINUTE),
        reason: "closed",
    };
    let refused = Commit {
        bearing: Some(declines),
        ..moved(&orders[6], after(9 * MINUTE), order_rejected())
    };
    commit(&*store, vec![refused]).await;
    let closed = found(&*store).await;
    assert_eq!((closed.opening, closed.until), (Opening::Closed, Some(after(240 * MINUTE))));
    assert_eq!((closed.expired_in_a_row, closed.set_by), (0, Role::Restaurant));
}
