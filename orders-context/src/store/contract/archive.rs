//! Compact history: orders at rest move there, are found there, and come back when they move.

use super::{commit, journal, moved, placed, placed_at, remembered, rosa, unmoved};
use crate::domain::tests::mother::{
    after, order_accepted, order_completed, order_expired, order_redriven, restaurant_notified,
};
use crate::domain::{Order, Status, TaskKind, Timestamp};
use crate::store::{
    Archived, Commit, Counter, Found, JournalRow, Kept, OrdersFilter, OrdersQuery, Outcome,
    Portion, Store, Task, TaskChange, TaskCondition, TaskState, Wanted,
};
use std::sync::Arc;

/// Everything may go that rests.
pub const ALL: Portion =
    Portion { after: 0, published: i64::MAX, before: LAST, now: LAST, limit: 1_000 };

const LAST: Timestamp = Timestamp(i64::MAX);

pub async fn archive(store: &dyn Store, portion: Portion) -> Archived {
    store.archive(portion).await.expect("the store answers")
}

pub(super) fn announcement(order_id: &str, state: TaskState) -> Task {
    Task {
        order_id: order_id.to_owned(),
        sequence: 1,
        kind: TaskKind::NotifyRestaurant,
        state,
        attempts: 3,
        next_attempt_at: after(1),
        give_up_at: after(1_000),
        last_error: Some("http_503".to_owned()),
        event_id: format!("event-{order_id}-1"),
        traceparent: None,
    }
}

/// An order that was completed at 3, with a task in `state`, in one group.
pub fn completed(order_id: &str, state: TaskState) -> Vec<Commit> {
    let born = placed(order_id);
    let accepted = moved(&born.order, after(2), order_accepted());
    let completed = moved(&accepted.order, after(3), order_completed());
    let tasks = vec![TaskChange::Open(announcement(order_id, state))];
    let remember = Some(remembered(&format!("key-{order_id}"), order_id));
    vec![Commit { tasks, remember, contact: Some(rosa()), ..born }, accepted, completed]
}

/// An order that expired at 2.
pub(super) fn expired(order_id: &str) -> Vec<Commit> {
    let born = placed(order_id);
    let expired = moved(&born.order, after(2), order_expired());
    vec![born, expired]
}

/// What is kept of an order, and everything that others are told of it.
async fn all_of(store: &dyn Store, order_id: &str) -> (Found, Vec<JournalRow>, Kept, Arc<Order>) {
    let id = || order_id.to_owned();
    let found = store.order(id()).await.unwrap().expect("it is there");
    let history = store.history(id(), 0, 100).await.unwrap();
    let kept = store.kept(vec![id()]).await.unwrap().remove(0);
    let wanted = Wanted { order_ids: vec![id()], ..Wanted::default() };
    let loaded = store.load(wanted).await.unwrap().orders.remove(order_id);
    (found, history, kept, loaded.expect("it is there"))
}

async fn living(store: &dyn Store) -> Vec<String> {
    let all = OrdersQuery::newest(OrdersFilter::default(), 100, after(0));
    let page = store.orders(all).await.unwrap();
    let mut ids: Vec<_> = page.orders.into_iter().map(|order| order.order_id).collect();
    ids.sort();
    ids
}

pub async fn an_order_at_rest_moves_and_is_found_all_the_same(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, completed("order-1", TaskState::Done)).await;
    let before = all_of(&*store, "order-1").await;
    assert_eq!(before.1.len(), 3);
    assert!(!store.journal_reader().unwrap().has_archived().unwrap());
    assert_eq!(store.journal_reader().unwrap().newest_gone().unwrap(), 0);
    let newest = store.journal_reader().unwrap().newest().unwrap();
    let archived = archive(&*store, ALL).await;
    assert_eq!((archived.orders, archived.events, archived.has_more), (1, 3, false));
    assert_eq!(archived.reached, newest);
    assert!(archived.bytes > 0);
    for store in [Arc::clone(&store), open()] {
        assert_eq!(journal(&*store), []);
        assert_eq!(living(&*store).await, [""; 0]);
        assert_eq!(all_of(&*store, "order-1").await, before);
        let mut reader = store.journal_reader().unwrap();
        assert_eq!(reader.newest().unwrap(), newest, "the journal ends where it ended");
        assert!(reader.has_archived().unwrap());
        assert_eq!(reader.newest_gone().unwrap(), newest);
    }
    let page = store.history("order-1".to_owned(), 1, 1).await.unwrap();
    assert_eq!(page, before.1[1..2]);
    assert_eq!(store.contact("order-1".to_owned()).await.unwrap(), Some(rosa()));
    let keys = Wanted { idempotency_keys: vec!["key-order-1".to_owned()], ..Wanted::default() };
    assert_eq!(store.load(keys).await.unwrap().remembered.len(), 1);
    assert_eq!(store.known_ids(String::new(), 10).await.unwrap(), ["order-1"]);
    commit(&*store, vec![placed("order-2")]).await;
    assert!(journal(&*store)[0].position > newest, "no position is given twice");
    assert_eq!(store.known_ids(String::new(), 10).await.unwrap(), ["order-1", "order-2"]);
}

pub async fn only_what_rests_is_done_and_published_moves(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-open");
    let told = moved(&born.order, after(1), restaurant_notified());
    commit(&*store, vec![born, told]).await;
    commit(&*store, completed("order-task", TaskState::Open)).await;
    commit(&*store, completed("order-rest", TaskState::GivenUp)).await;
    let last = journal(&*store).last().expect("a row").position;
    let is_left = async |portion: Portion| {
        let left = archive(&*store, portion).await.orders == 0;
        assert_eq!(living(&*store).await.len(), 3);
        left
    };
    assert!(is_left(Portion { published: last - 1, ..ALL }).await, "not all is published");
    assert!(is_left(Portion { before: after(3), ..ALL }).await, "it came to rest just now");
    assert!(is_left(Portion { published: 0, ..ALL }).await, "nothing is published");
    let archived = archive(&*store, Portion { before: after(4), published: last, ..ALL }).await;
    assert_eq!(archived.orders, 1);
    assert_eq!(living(&*store).await, ["order-open", "order-task"]);
    assert_eq!(archive(&*store, ALL).await.orders, 0);
    let order = store.order("order-task".to_owned()).await.unwrap().expect("it is there").order;
    let last_error = Some("http_503".to_owned());
    let close = TaskChange::Close { sequence: 1, attempts: 4, state: TaskState::Done, last_error };
    commit(&*store, vec![unmoved(&Arc::new(order), close)]).await;
    assert_eq!(archive(&*store, ALL).await.orders, 1);
    assert_eq!(living(&*store).await, ["order-open"]);
    let rows: Vec<_> = journal(&*store).into_iter().map(|row| row.order_id).collect();
    assert_eq!(rows, ["order-open", "order-open"]);
}

pub async fn portions_reach_every_order_once(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    for number in 0..5 {
        commit(&*store, expired(&format!("order-{number}"))).await;
        commit(&*store, vec![placed_at(&format!("waiting-{number}"), after(number))]).await;
    }
    let (mut portion, mut orders, mut portions) = (Portion { limit: 4, ..ALL }, 0, 0);
    loop {
        let archived = archive(&*store, portion).await;
        assert!(archived.orders <= 4 && archived.reached >= portion.after);
        (portion.after, orders, portions) =
            (archived.reached, orders + archived.orders, portions + 1);
        if !archived.has_more {
            break;
        }
    }
    assert_eq!(orders, 5);
    assert!(portions >= 3, "{portions}");
    assert_eq!(journal(&*store).len(), 5);
    assert_eq!(archive(&*store, ALL).await.orders, 0);
    let known = store.known_ids("order-3".to_owned(), 2).await.unwrap();
    assert_eq!(known, ["order-4", "waiting-0"]);
}

pub async fn a_clock_that_was_ahead_ends_no_portion(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, vec![placed_at("order-ahead", after(1_000))]).await;
    commit(&*store, completed("order-1", TaskState::Done)).await;
    commit(&*store, vec![placed_at("order-young", after(5))]).await;
    commit(&*store, completed("order-2", TaskState::Done)).await;
    let young = journal(&*store)[4].position;
    let portion = Portion { before: after(4), now: after(10), ..ALL };
    let archived = archive(&*store, portion).await;
    assert_eq!((archived.orders, archived.reached < young), (1, true), "up to what is young");
    assert_eq!(living(&*store).await, ["order-2", "order-ahead", "order-young"]);
}

pub async fn an_order_that_moves_comes_back_first(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, expired("order-1")).await;
    commit(&*store, expired("order-2")).await;
    let written = journal(&*store);
    let (found, ..) = all_of(&*store, "order-1").await;
    assert_eq!(archive(&*store, ALL).await.orders, 2);
    let expired = Arc::new(found.order);
    let redriven = moved(&expired, after(9), order_redriven());
    let order = Arc::clone(&redriven.order);
    let accepted = moved(&order, after(10), order_accepted());
    // Decided on what was never true: it stays where it is.
    let other = Order { version: 1, ..(*expired).clone() };
    let stale = moved(&Arc::new(other), after(9), order_accepted());
    assert_eq!(store.commit(vec![stale]).await.unwrap(), [Outcome::Conflict]);
    assert_eq!(living(&*store).await, [""; 0]);

    commit(&*store, vec![redriven, accepted]).await;
    assert_eq!(living(&*store).await, ["order-1"]);
    let (found, history, kept, loaded) = all_of(&*store, "order-1").await;
    assert_eq!((found.order.status, found.order.version), (Status::Accepted, 4));
    assert_eq!((&*loaded, kept.journal.len()), (&found.order, 4));
    assert_eq!(history[..2], written[..2], "where it was in the journal");
    assert_eq!(journal(&*store), history);
    assert!(store.next_wake_at().await.unwrap().is_some());
    // And goes again when it has come to rest again.
    let completed = moved(&loaded, after(11), order_completed());
    commit(&*store, vec![completed]).await;
    assert_eq!(archive(&*store, ALL).await.orders, 1);
    assert_eq!(store.history("order-1".to_owned(), 0, 10).await.unwrap().len(), 5);
    assert_eq!(journal(&*store), []);
}

/// As versions left it that did not withdraw what was given up when it was done anew.
pub async fn what_was_redriven_is_in_no_trouble_when_it_comes_back(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let born = placed("order-1");
    let left = moved(&born.order, after(2), order_expired());
    let again = moved(&left.order, after(3), order_redriven());
    let over = moved(&again.order, after(4), order_expired());
    let given_up = |sequence| Task { sequence, ..announcement("order-1", TaskState::GivenUp) };
    let opened = |sequence| vec![TaskChange::Open(given_up(sequence))];
    let rest = Arc::clone(&over.order);
    let (born, over) = (Commit { tasks: opened(1), ..born }, Commit { tasks: opened(4), ..over });
    commit(&*store, vec![born, left, again, over]).await;
    assert_eq!(archive(&*store, ALL).await.orders, 1);
    // It stands as it did until it moves.
    let found = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
    assert_eq!(found.tasks[0].state, TaskState::GivenUp);
    commit(&*store, vec![moved(&rest, after(5), order_redriven())]).await;
    let found = store.order("order-1".to_owned()).await.unwrap().expect("it is there");
    let states: Vec<_> = found.tasks.iter().map(|task| task.state).collect();
    assert_eq!(
        states,
        [TaskState::Withdrawn, TaskState::GivenUp],
        "the last is done anew by nobody yet"
    );
    let given_up = store.counters().await.unwrap().get(Counter::Tasks(TaskCondition::GivenUp));
    assert_eq!(given_up, 1);
}

pub async fn of_those_who_move_an_archived_order_one_succeeds(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    commit(&*store, expired("order-1")).await;
    let order = store.order("order-1".to_owned()).await.unwrap().expect("it is there").order;
    archive(&*store, ALL).await;
    let redriven = moved(&Arc::new(order), after(9), order_redriven());
    let all = (0..8).map(|_| {
        let (store, commit) = (open(), redriven.clone());
        async move { store.commit(vec![commit]).await.expect("the store answers") }
    });
    let outcomes = all.collect::<tokio::task::JoinSet<_>>().join_all().await.concat();
    let committed = outcomes.iter().filter(|outcome| **outcome == Outcome::Committed);
    assert_eq!(committed.count(), 1);
    assert_eq!(store.history("order-1".to_owned(), 0, 10).await.unwrap().len(), 3);
}
