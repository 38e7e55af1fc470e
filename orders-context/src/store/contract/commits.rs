//! A commit is whole or not at all, and a group is one transaction.

use super::{commit, journal, moved, placed, remembered, rosa, unmoved};
use crate::domain::tests::mother::{
    EVENING, MINUTE, after, order_accepted, order_cancelled, order_rejected, restaurant_notified,
};
use crate::domain::{Status, TaskKind};
use crate::store::{Commit, Outcome, Remembered, Store, Task, TaskChange, TaskState, Wanted};
use std::sync::Arc;

fn announcement(order_id: &str, sequence: i64) -> Task {
    Task {
        order_id: order_id.to_owned(),
        sequence,
        kind: TaskKind::NotifyRestaurant,
        state: TaskState::Open,
        attempts: 0,
        next_attempt_at: EVENING,
        give_up_at: after(10 * MINUTE),
        last_error: None,
        event_id: format!("event-{order_id}-{sequence}"),
        traceparent: None,
    }
}

/// An order with all that goes with one.
fn whole(order_id: &str, key: &str) -> Commit {
    Commit {
        tasks: vec![TaskChange::Open(announcement(order_id, 1))],
        contact: Some(rosa()),
        remember: Some(remembered(key, order_id)),
        ..placed(order_id)
    }
}

fn key(key: &str) -> Wanted {
    Wanted { idempotency_keys: vec![key.to_owned()], ..Wanted::default() }
}

pub async fn what_was_committed_is_found_also_after_opening_again(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let born = whole("order-1", "key-1");
    let order = Arc::clone(&born.order);
    commit(&*store, vec![born]).await;
    let told = moved(&order, after(MINUTE), restaurant_notified());
    let order = Arc::clone(&told.order);
    commit(&*store, vec![told]).await;
    let written = journal(&*store);
    for store in [Arc::clone(&store), {
        drop(store);
        open()
    }] {
        let order_ids = vec!["order-1".to_owned(), "order-1".to_owned(), "order-9".to_owned()];
        let wanted = Wanted { order_ids, ..key("key-1") };
        let loaded = store.load(wanted).await.unwrap();
        assert_eq!(loaded.orders.len(), 1);
        assert_eq!(loaded.orders["order-1"], order);
        assert_eq!(loaded.remembered["key-1"], remembered("key-1", "order-1"));
        let found = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
        assert_eq!(found.order, *order);
        assert_eq!(found.tasks, [announcement("order-1", 1)]);
        assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), Some(rosa()));
        assert_eq!(journal(&*store), written);
        assert_eq!(store.history("order-1".to_owned(), 0, 10).await.unwrap(), written);
    }
    let row = &written[1];
    assert_eq!((row.order_id.as_str(), row.sequence), ("order-1", 2));
    assert_eq!((row.status, row.occurred_at), (Status::Notified, after(MINUTE)));
    assert_eq!((row.total_minor, row.currency.as_str()), (2_050, "EUR"));
    assert_eq!((row.restaurant_id.as_str(), row.actor.as_str()), ("bella-napoli", "customer"));
    assert_eq!((row.customer_id.as_str(), &row.event), ("customer-rosa", &restaurant_notified()));
    assert!(row.traceparent.is_some());
    assert_eq!(row.causation_id.as_deref(), Some("event-before"));
}

pub async fn a_stale_commit_leaves_nothing_behind_and_the_others_whole(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let old = whole("order-1", "key-1");
    let seen = Arc::clone(&old.order);
    commit(&*store, vec![old]).await;
    commit(&*store, vec![moved(&seen, after(1), restaurant_notified())]).await;
    let before = journal(&*store).len();
    let stale = Commit {
        tasks: vec![TaskChange::WithdrawOpen, TaskChange::Open(announcement("order-1", 2))],
        contact: Some(rosa()),
        remember: Some(remembered("key-of-the-stale", "order-1")),
        ..moved(&seen, after(2), order_accepted())
    };
    let group = vec![whole("order-2", "key-2"), stale, whole("order-3", "key-3")];
    let outcomes = store.commit(group).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Conflict, Outcome::Committed]);

    let untouched = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
    assert_eq!((untouched.order.status, untouched.order.version), (Status::Notified, 2));
    assert_eq!(untouched.tasks, [announcement("order-1", 1)]);
    assert!(store.load(key("key-of-the-stale")).await.unwrap().remembered.is_empty());
    assert_eq!(journal(&*store).len(), before + 2);
    for (order_id, key_used) in [("order-2", "key-2"), ("order-3", "key-3")] {
        assert!(store.order(order_id.to_owned()).await.unwrap().is_some());
        assert!(store.contact(order_id.to_owned()).await.unwrap().is_some());
        let remembered = store.load(key(key_used)).await.unwrap().remembered;
        assert_eq!(remembered[key_used].order_id, order_id);
    }
}

pub async fn an_order_exists_once(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let again = Commit { contact: Some(rosa()), ..placed("order-1") };
    let outcomes = store.commit(vec![placed("order-1"), again]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Conflict]);
    assert_eq!(store.commit(vec![placed("order-1")]).await.unwrap(), [Outcome::Conflict]);
    assert_eq!(journal(&*store).len(), 1);
    assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), None);
}

pub async fn an_order_moves_twice_in_one_group(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let told = moved(&born.order, after(1), restaurant_notified());
    let accepted = moved(&told.order, after(2), order_accepted());
    let last = Arc::clone(&accepted.order);
    commit(&*store, vec![born, told, accepted]).await;
    let found = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
    assert_eq!(found.order, *last);
    let sequences: Vec<_> = journal(&*store).iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

pub async fn a_move_decided_on_an_uncommitted_move_falls_with_it(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let born = placed("order-1");
    let seen = Arc::clone(&born.order);
    commit(&*store, vec![born]).await;
    commit(&*store, vec![moved(&seen, after(1), order_cancelled())]).await;
    let told = moved(&seen, after(2), restaurant_notified());
    let accepted = moved(&told.order, after(3), order_accepted());
    let outcomes = store.commit(vec![told, accepted]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Conflict, Outcome::Conflict]);
    assert_eq!(journal(&*store).len(), 2);
}

pub async fn a_key_is_remembered_with_its_order(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert!(store.load(key("key-1")).await.unwrap().remembered.is_empty());
    commit(&*store, vec![whole("order-1", "key-1")]).await;
    let found = store.load(key("key-1")).await.unwrap().remembered;
    assert_eq!(found["key-1"], remembered("key-1", "order-1"));
    assert!(store.load(key("KEY-1")).await.unwrap().remembered.is_empty());
}

pub async fn a_key_is_used_once(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let group =
        vec![whole("order-1", "key-1"), whole("order-2", "key-1"), whole("order-3", "key-3")];
    let outcomes = store.commit(group).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Conflict, Outcome::Committed]);
    assert_eq!(store.order("order-2".to_owned()).await.unwrap(), None);
    assert_eq!(store.contact("order-2".to_owned()).await.unwrap(), None);
    let used = store.load(key("key-1")).await.unwrap().remembered;
    assert_eq!(used["key-1"].order_id, "order-1");
}

pub async fn of_many_at_once_one_moves_the_order(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let seen = Arc::clone(&born.order);
    commit(&*store, vec![born]).await;
    let mut deciding = tokio::task::JoinSet::new();
    for number in 0..20 {
        let event = if number % 2 == 0 { order_accepted() } else { order_rejected() };
        let (store, decision) = (Arc::clone(&store), moved(&seen, after(number), event));
        deciding.spawn(async move { store.commit(vec![decision]).await.unwrap() });
    }
    let outcomes = deciding.join_all().await.concat();
    let committed = outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count();
    assert_eq!((committed, journal(&*store).len()), (1, 2));
}

pub async fn a_group_of_nothing_is_nothing(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert_eq!(store.commit(Vec::new()).await.unwrap(), []);
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    commit(&*store, vec![born, unmoved(&order, TaskChange::WithdrawOpen)]).await;
    assert_eq!(journal(&*store).len(), 1);
}

pub async fn old_keys_are_forgotten_in_portions_the_oldest_first(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    for minute in 1..=4 {
        let (order_id, key) = (format!("order-{minute}"), format!("key-{minute}"));
        let at = after(minute * MINUTE);
        let used = Remembered { at, ..remembered(&key, &order_id) };
        commit(&*store, vec![Commit { remember: Some(used), ..placed(&order_id) }]).await;
    }
    let before = after(4 * MINUTE);
    assert_eq!(store.forget_keys(before, 2).await.unwrap(), 2);
    let wanted = |at: i64| key(&format!("key-{at}"));
    let known = async |at| !store.load(wanted(at)).await.unwrap().remembered.is_empty();
    assert!(!known(1).await && !known(2).await && known(3).await && known(4).await);
    assert_eq!(store.forget_keys(before, 2).await.unwrap(), 1, "the fourth is not old yet");
    assert!(known(4).await);
}

/// By such keys a bulk action acts on an order once.
pub async fn a_key_guards_a_move_too(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let order = Arc::clone(&born.order);
    commit(&*store, vec![born]).await;
    let keyed = |order: &Arc<crate::domain::Order>, event| Commit {
        remember: Some(remembered("bulk-1 order-1", "order-1")),
        ..moved(order, after(1), event)
    };
    let told = keyed(&order, restaurant_notified());
    let order = Arc::clone(&told.order);
    commit(&*store, vec![told]).await;
    let again = keyed(&order, order_accepted());
    let on_top = moved(&again.order, after(2), order_rejected());
    let outcomes = store.commit(vec![again, on_top]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Conflict; 2]);
    assert_eq!(journal(&*store).len(), 2);
    let loaded = store.load(key("bulk-1 order-1")).await.unwrap();
    assert_eq!(loaded.remembered.len(), 1, "and the key stays");
}
