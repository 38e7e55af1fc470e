//! What a hand in the database has spoiled holds up nothing of others. `spoil` runs SQL that both stores understand.

use super::archive::{ALL, announcement, archive, completed, expired};
use super::availability::{HOUSE, asking, paused, silent};
use super::bulk::start;
use super::deliveries::{delivery, with_endpoints};
use super::endpoints::endpoint;
use super::{commit, moved, placed, placed_at, remembered};
use crate::deliveries::plan::Planner;
use crate::domain::tests::mother::{
    EVENING, MINUTE, after, deadline_extended, order_accepted, order_expired, order_redriven,
};
use crate::domain::{Bearing, PausedBy, Receiver, Timestamp};
use crate::store::{Commit, Health, Outcome, Store, TaskChange, TaskState, Wanted};
use std::sync::Arc;

/// These over one store: `$spoilable` is a new one, and a hand in its database.
macro_rules! damage_contract {
    ($spoilable:expr) => {
        damage_contract! { $spoilable;
            a_damaged_task_stands_in_no_order_s_way,
            a_restaurant_that_makes_no_sense_spoils_no_group,
            compact_history_that_makes_no_sense_spoils_no_group,
            tasks_that_make_no_sense_keep_their_order_from_compact_history,
            loops_pass_over_what_makes_no_sense,
            a_delivery_that_makes_no_sense_is_not_prolonged_and_the_others_are,
        }
    };
    ($spoilable:expr; $($test:ident,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let (store, spoil) = $spoilable;
                $crate::store::contract::damage::$test(store, spoil).await;
            }
        )*
    };
}
pub(in crate::store) use damage_contract;

const LAST: Timestamp = Timestamp(i64::MAX);

/// An order with an open task.
pub fn announced(order_id: &str) -> Commit {
    let task = announcement(order_id, TaskState::Open);
    Commit { tasks: vec![TaskChange::Open(task)], ..placed(order_id) }
}

async fn outcomes(store: &dyn Store, commits: Vec<Commit>) -> Vec<Outcome> {
    store.commit(commits).await.expect("no group fails for one of its rows")
}

pub async fn a_damaged_task_stands_in_no_order_s_way(
    store: Arc<dyn Store>,
    spoil: impl AsyncFn(&str),
) {
    let store = &*store;
    let damage = ["attempts = -1", "state = 'forgotten'", "kind = '\"ring_the_bell\"'"];
    for (number, damage) in damage.into_iter().enumerate() {
        let order_id = format!("order-{number}");
        let born = announced(&order_id);
        assert_eq!(outcomes(store, vec![born.clone()]).await, [Outcome::Committed]);
        spoil(&format!("UPDATE tasks SET {damage} WHERE order_id = '{order_id}'")).await;
        let again = TaskChange::TryAgain {
            sequence: 1,
            attempts: 4,
            next_attempt_at: after(2),
            last_error: "http_503".to_owned(),
        };
        let expired = moved(&born.order, after(2), order_expired());
        let expired = Commit { tasks: vec![again, TaskChange::WithdrawOpen], ..expired };
        let group = vec![expired, placed(&format!("other-{number}"))];
        assert_eq!(outcomes(store, group).await, [Outcome::Committed; 2], "{damage}");
    }
    let kept = store.kept(vec!["order-2".to_owned(), "other-2".to_owned()]).await.unwrap();
    assert!(kept[0].unreadable[0].starts_with("a task: "), "{:?}", kept[0].unreadable);
    assert_eq!(kept[1].unreadable, [""; 0]);
}

pub async fn a_restaurant_that_makes_no_sense_spoils_no_group(
    store: Arc<dyn Store>,
    spoil: impl AsyncFn(&str),
) {
    let store = &*store;
    commit(store, vec![placed("order-1"), placed("order-2")]).await;
    assert!(store.put_availability(HOUSE.to_owned(), paused(1, None)).await.unwrap());
    spoil("UPDATE availability SET opening = 'shut'").await;
    let new = Commit { remember: Some(remembered("key-3", "order-3")), ..asking("order-3") };
    let answered = moved(&placed("order-1").order, after(2), order_accepted());
    let answered = Commit { bearing: Some(Bearing::Answered), ..answered };
    let group = vec![new, answered, silent(&placed("order-2").order, 1), placed("order-4")];
    let [unreadable, others @ ..] = &outcomes(store, group).await[..] else { panic!("an answer") };
    assert_eq!((*unreadable, others), (Outcome::Unreadable, &[Outcome::Committed; 3][..]));
    let idempotency_keys = vec!["key-3".to_owned()];
    let wanted = Wanted { order_ids: vec!["order-3".to_owned()], idempotency_keys };
    let loaded = store.load(wanted).await.unwrap();
    assert!(loaded.orders.is_empty() && loaded.remembered.is_empty(), "nothing was written");
}

pub async fn compact_history_that_makes_no_sense_spoils_no_group(
    store: Arc<dyn Store>,
    spoil: impl AsyncFn(&str),
) {
    let store = &*store;
    commit(store, [expired("order-1"), expired("order-2")].concat()).await;
    let rest = |order_id: &str| Arc::clone(&expired(order_id)[1].order);
    assert_eq!(archive(store, ALL).await.orders, 2);
    spoil("UPDATE archive SET data = substr(data, 1, 1) WHERE order_id = 'order-1'").await;
    let redriven = |order_id| moved(&rest(order_id), after(9), order_redriven());
    let group = vec![redriven("order-1"), redriven("order-2"), placed("order-3")];
    let expected = [Outcome::Unreadable, Outcome::Committed, Outcome::Committed];
    assert_eq!(outcomes(store, group).await, expected);
    let order_ids = vec!["order-1".to_owned(), "order-2".to_owned()];
    let loaded = store.load(Wanted { order_ids, ..Wanted::default() }).await.unwrap();
    assert!(loaded.unreadable.contains_key("order-1") && loaded.orders.contains_key("order-2"));
    let kept = store.kept(vec!["order-1".to_owned()]).await.unwrap();
    assert_eq!(kept[0].unreadable.len(), 1, "it is where it was");
}

pub async fn tasks_that_make_no_sense_keep_their_order_from_compact_history(
    store: Arc<dyn Store>,
    spoil: impl AsyncFn(&str),
) {
    let store = &*store;
    for (number, damage) in
        ["attempts = -1", "state = 'forgotten'", "kind = '{}'"].iter().enumerate()
    {
        commit(store, completed(&format!("order-{number}"), TaskState::Done)).await;
        let spoilt = format!("UPDATE tasks SET {damage} WHERE order_id = 'order-{number}'");
        spoil(&spoilt).await;
    }
    commit(store, completed("order-9", TaskState::Done)).await;
    assert_eq!(archive(store, ALL).await.orders, 1, "the last alone");
}

pub async fn loops_pass_over_what_makes_no_sense(store: Arc<dyn Store>, spoil: impl AsyncFn(&str)) {
    let store = &*store;
    commit(store, vec![announced("order-1"), announced("order-2")]).await;
    spoil("UPDATE tasks SET kind = '\"ring_the_bell\"' WHERE order_id = 'order-1'").await;
    let open = store.open_tasks(Receiver::Restaurant, EVENING..=LAST, 1).await.unwrap();
    let open: Vec<_> = open.iter().map(|(_, task)| &*task.order_id).collect();
    assert_eq!(open, ["order-2"], "it takes nobody's place");

    let (_, second) = (start(store, "bulk-1").await, start(store, "bulk-2").await);
    spoil("UPDATE bulk_actions SET data = '{' WHERE bulk_id = 'bulk-1'").await;
    let open = store.open_bulks().await.unwrap();
    assert_eq!((open.bulks, open.unreadable), (vec![second], 1));

    with_endpoints(store, &["endpoint-1", "endpoint-2", "endpoint-3"]).await;
    let new = [("endpoint-1", "event-1"), ("endpoint-1", "event-2"), ("endpoint-2", "event-1")];
    let new = new.map(|(endpoint, event)| delivery(endpoint, event, EVENING)).to_vec();
    assert!(store.add_deliveries(0, 1, new).await.unwrap());
    spoil("UPDATE deliveries SET data = '{' WHERE endpoint_id = 'endpoint-1' AND event_id = 'event-1'")
        .await;
    let due = async |each| -> Vec<(String, String)> {
        let due = store.due_deliveries(LAST, Health::Well, each, 10).await.unwrap();
        let mut due: Vec<_> =
            due.into_iter().map(|(_, due)| (due.endpoint_id, due.event_id)).collect();
        due.sort();
        due
    };
    let named = |(endpoint, event): (&str, &str)| (endpoint.to_owned(), event.to_owned());
    let (first, second) = (named(("endpoint-1", "event-2")), named(("endpoint-2", "event-1")));
    for each in [1, 4] {
        assert_eq!(due(each).await, [first.clone(), second.clone()], "it takes nobody's place");
    }
    let pause = endpoint("endpoint-1").paused(PausedBy::Failing, EVENING);
    assert!(store.replace_endpoint(pause).await.unwrap());
    assert_eq!(store.stale_deliveries(LAST, 9).await.unwrap().len(), 1);
    spoil("UPDATE endpoints SET data = '{' WHERE endpoint_id <> 'endpoint-2'").await;
    assert_eq!(due(4).await, [second]);
    let of_house = store.endpoints_of(vec![HOUSE.to_owned()]).await.unwrap();
    assert_eq!(of_house, [endpoint("endpoint-2")]);
    assert_eq!(store.untold_pauses(9).await.unwrap(), []);
}

pub async fn a_delivery_that_makes_no_sense_is_not_prolonged_and_the_others_are(
    store: Arc<dyn Store>,
    spoil: impl AsyncFn(&str),
) {
    with_endpoints(&*store, &["endpoint-1", "endpoint-2"]).await;
    let mut planner = Planner::new(Arc::clone(&store));
    commit(&*store, vec![placed_at("order-1", after(1))]).await;
    planner.go_on().await.expect("deliveries of it");
    spoil("UPDATE deliveries SET data = '{' WHERE endpoint_id = 'endpoint-1'").await;
    let born = placed_at("order-1", after(1)).order;
    commit(&*store, vec![moved(&born, after(MINUTE), deadline_extended())]).await;
    planner.go_on().await.expect("the other is prolonged");
    let kept = store.delivery("endpoint-2".to_owned(), "event-order-1-1".to_owned()).await;
    assert_eq!(
        kept.unwrap().map(|kept| (kept.round, kept.give_up_at)),
        Some((2, after(25 * MINUTE)))
    );
}
