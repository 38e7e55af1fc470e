//! What endpoints are told: each event once for each endpoint, whoever comes twice.

use super::endpoints::{HOUSE, add, endpoint, house};
use super::feed::at_nino;
use super::{commit, placed};
use crate::domain::tests::mother::{EVENING, MINUTE, after};
use crate::domain::{Attempt, Delivery, DeliveryState, Endpoint, PausedBy, Timestamp, Url};
use crate::store::{Health, Store};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(super) fn delivery(endpoint_id: &str, event_id: &str, due: Timestamp) -> Delivery {
    Delivery {
        endpoint_id: endpoint_id.to_owned(),
        event_id: event_id.to_owned(),
        event_type: "order_placed".to_owned(),
        order_id: "order-1".to_owned(),
        sequence: 1,
        occurred_at: due,
        traceparent: None,
        body: "{}".to_owned(),
        round: 1,
        state: DeliveryState::Pending,
        attempts: 0,
        recent: Vec::new(),
        next_attempt_at: due,
        give_up_at: after(60 * MINUTE),
    }
}

fn attempt(outcome: Result<u16, &str>) -> Attempt {
    Attempt { at: EVENING, outcome: outcome.map_err(str::to_owned), duration_ms: 12 }
}

pub(super) async fn with_endpoints(store: &dyn Store, ids: &[&str]) {
    store.put_restaurant(house()).await.unwrap();
    for id in ids {
        add(store, endpoint(id)).await;
    }
}

async fn all_of(store: &dyn Store, endpoint_id: &str) -> Vec<Delivery> {
    store.deliveries(endpoint_id.to_owned(), None, None, 100).await.expect("the store answers")
}

pub async fn what_concerns_endpoints_is_of_restaurants_that_have_one(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    let page = async |after: i64, limit| {
        let page = store.concerning(after, limit).await.expect("the store answers");
        let ids: Vec<_> = page.rows.iter().map(|row| row.order_id.clone()).collect();
        (ids.join(" "), page.up_to, page.is_full)
    };
    assert_eq!(page(0, 10).await, (String::new(), 0, false));
    commit(&*store, vec![placed("order-1"), placed("order-2")]).await;
    let (ids, passed, is_full) = page(0, 1).await;
    assert_eq!((&*ids, is_full), ("", false), "nobody has an endpoint");
    with_endpoints(&*store, &["endpoint-1", "endpoint-2"]).await;
    assert_eq!(page(passed, 10).await, (String::new(), passed, false), "what was there is passed");
    let evening = vec![placed("order-3"), at_nino("n-1"), placed("order-5"), placed("order-6")];
    commit(&*store, evening).await;
    let (ids, first, is_full) = page(passed, 2).await;
    assert_eq!((&*ids, is_full), ("order-3", true), "another has none");
    let (ids, second, is_full) = page(first, 2).await;
    assert_eq!((&*ids, is_full), ("order-5 order-6", true));
    assert_eq!(page(second, 2).await, (String::new(), second, false));
    assert_eq!(page(passed, 100).await.0, "order-3 order-5 order-6");
}

pub async fn deliveries_come_with_the_position_they_were_made_up_to(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1"]).await;
    assert_eq!(store.endpoints_of(vec![HOUSE.to_owned()]).await.unwrap(), [endpoint("endpoint-1")]);
    assert_eq!(store.endpoints_of(vec!["nino".to_owned()]).await.unwrap(), []);
    let first = delivery("endpoint-1", "event-1", EVENING);
    let gone = delivery("endpoint-9", "event-1", EVENING);
    assert_eq!(store.deliveries_position().await.unwrap(), 0);
    assert!(!store.add_deliveries(5, 7, vec![first.clone()]).await.unwrap(), "nothing was read");
    assert!(store.add_deliveries(0, 7, vec![first.clone(), gone]).await.unwrap());
    let second = delivery("endpoint-1", "event-2", EVENING);
    assert!(
        !store.add_deliveries(0, 9, vec![second.clone()]).await.unwrap(),
        "somebody was faster"
    );
    drop(store);
    let store = open();
    assert_eq!(store.deliveries_position().await.unwrap(), 7);
    assert_eq!(all_of(&*store, "endpoint-1").await, std::slice::from_ref(&first));
    assert_eq!(all_of(&*store, "endpoint-9").await, [], "there is no such endpoint");
    assert!(store.add_deliveries(7, 9, vec![first.clone(), second.clone()]).await.unwrap());
    assert_eq!(all_of(&*store, "endpoint-1").await, [second, first], "each once");
}

pub async fn deliveries_of_before_are_replaced_with_the_position_or_nothing_is(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1"]).await;
    let first = delivery("endpoint-1", "event-1", EVENING);
    assert!(store.add_deliveries(0, 7, vec![first.clone()]).await.unwrap());
    let prolonged = first.prolonged(EVENING, after(90 * MINUTE)).expect("that is later");
    let second = delivery("endpoint-1", "event-2", EVENING);
    let new = vec![second.clone(), prolonged];
    assert!(store.replace_delivery(first.given_up()).await.unwrap());
    assert!(!store.add_deliveries(7, 9, new).await.unwrap(), "it has moved on");
    assert_eq!(store.deliveries_position().await.unwrap(), 7);
    assert_eq!(all_of(&*store, "endpoint-1").await, [first.given_up()]);
    let prolonged = first.given_up().prolonged(after(1), after(90 * MINUTE)).expect("as before");
    let new = vec![second.clone(), prolonged.clone()];
    assert!(store.add_deliveries(7, 9, new).await.unwrap());
    assert_eq!(all_of(&*store, "endpoint-1").await, [second, prolonged]);
}

pub async fn of_many_who_read_the_same_page_one_makes_deliveries(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1"]).await;
    for from in [0, 10] {
        let mut racing = JoinSet::new();
        for number in 0..8 {
            let store = Arc::clone(&store);
            let new = vec![delivery("endpoint-1", &format!("event-{from}-{number}"), EVENING)];
            racing.spawn(async move { store.add_deliveries(from, from + 10, new).await.unwrap() });
        }
        assert_eq!(racing.join_all().await.into_iter().filter(|won| *won).count(), 1);
    }
    assert_eq!(all_of(&*store, "endpoint-1").await.len(), 2);
    assert_eq!(store.deliveries_position().await.unwrap(), 20);
}

pub async fn of_each_endpoint_the_most_overdue_are_due(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1", "endpoint-2", "endpoint-3"]).await;
    let paused = endpoint("endpoint-3").paused(PausedBy::Request, EVENING);
    assert!(store.replace_endpoint(paused).await.unwrap());
    let due =
        |endpoint: &str, event: &str, minute| delivery(endpoint, event, after(minute * MINUTE));
    let new = vec![
        due("endpoint-1", "event-1", 3),
        due("endpoint-1", "event-2", 1),
        due("endpoint-1", "event-3", 2),
        due("endpoint-2", "event-1", 4),
        due("endpoint-2", "event-4", 5),
        due("endpoint-3", "event-1", 0),
    ];
    assert!(store.add_deliveries(0, 1, new).await.unwrap());
    let due = async |now, each, limit| {
        let due =
            store.due_deliveries(now, Health::Well, each, limit).await.expect("the store answers");
        let name = |(endpoint, delivery): (Endpoint, Delivery)| {
            assert_eq!(endpoint.endpoint_id, delivery.endpoint_id);
            format!("{} of {}", &delivery.event_id[6..], &delivery.endpoint_id[9..])
        };
        due.into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(due(after(4 * MINUTE), 2, 10).await, ["2 of 1", "3 of 1", "1 of 2"]);
    assert_eq!(due(after(4 * MINUTE), 9, 2).await, ["2 of 1", "3 of 1"]);
    assert_eq!(due(after(MINUTE - 1), 2, 10).await, [""; 0]);
    assert_eq!(due(after(MINUTE), 2, 10).await, ["2 of 1"]);
}

pub async fn endpoints_that_fail_do_not_stand_before_others(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1", "endpoint-2", "endpoint-3"]).await;
    for id in ["endpoint-1", "endpoint-2"] {
        let failing = endpoint(id).attempted(false, EVENING, i64::MAX).expect("it fails now");
        assert!(store.replace_endpoint(failing).await.unwrap());
    }
    let of = |endpoint: &str, event, at| delivery(endpoint, &format!("event-{event}"), after(at));
    let overdue = (0..9).flat_map(|at| [of("endpoint-1", at, at), of("endpoint-2", at, at)]);
    let new = overdue.chain([of("endpoint-3", 9, 9)]).collect();
    assert!(store.add_deliveries(0, 1, new).await.unwrap());
    let due = async |health, each, limit| {
        let due = store.due_deliveries(after(MINUTE), health, each, limit).await;
        let due = due.expect("the store answers").into_iter();
        due.map(|(endpoint, delivery)| (endpoint.endpoint_id, delivery.event_id))
            .collect::<Vec<_>>()
    };
    let named = |endpoint: &str, event: &str| (endpoint.to_owned(), event.to_owned());
    assert_eq!(due(Health::Well, 4, 4).await, [named("endpoint-3", "event-9")]);
    let mut failing = due(Health::Failing, 1, 4).await;
    failing.sort();
    assert_eq!(failing, [named("endpoint-1", "event-0"), named("endpoint-2", "event-0")]);
}

pub async fn a_null_character_stops_no_delivery(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1"]).await;
    let odd = Url("https://napoli.example/\0hooks".to_owned());
    add(&*store, Endpoint { url: odd, ..endpoint("endpoint-2") }).await;
    let odd = Delivery { body: "\0".to_owned(), ..delivery("endpoint-2", "event-2", EVENING) };
    let new = vec![delivery("endpoint-1", "event-1", EVENING), odd];
    assert!(store.add_deliveries(0, 1, new).await.unwrap());
    let due = store.due_deliveries(after(MINUTE), Health::Well, 9, 9).await.unwrap();
    assert_eq!(due.len(), 2);
}

pub async fn a_delivery_is_changed_by_one_at_a_time(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1"]).await;
    let first = delivery("endpoint-1", "event-1", EVENING);
    assert!(store.add_deliveries(0, 1, vec![first.clone()]).await.unwrap());
    let failed = first.attempted(attempt(Err("http_500")), Some(after(MINUTE)));
    let done = first.attempted(attempt(Ok(204)), None);
    assert!(store.replace_delivery(failed.clone()).await.unwrap());
    assert!(!store.replace_delivery(done).await.unwrap(), "somebody was faster");
    let found = store.delivery("endpoint-1".to_owned(), "event-1".to_owned()).await.unwrap();
    assert_eq!(found, Some(failed.clone()));
    assert_eq!(store.due_deliveries(after(MINUTE - 1), Health::Well, 9, 9).await.unwrap(), []);
    assert_eq!(store.hurry_deliveries("endpoint-1".to_owned(), after(1)).await.unwrap(), 1);
    let due = store.due_deliveries(after(1), Health::Well, 9, 9).await.unwrap();
    assert_eq!(due[0].1, Delivery { next_attempt_at: after(1), ..failed.clone() });
    let done = failed.attempted(attempt(Ok(204)), None);
    assert!(store.replace_delivery(done).await.unwrap());
    assert_eq!(store.due_deliveries(after(60 * MINUTE), Health::Well, 9, 9).await.unwrap(), []);
    assert_eq!(store.hurry_deliveries("endpoint-1".to_owned(), after(1)).await.unwrap(), 0);
    let none = store.delivery("endpoint-1".to_owned(), "event-9".to_owned()).await.unwrap();
    assert_eq!(none, None);
}

pub async fn deliveries_are_listed_the_newest_first(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1", "endpoint-2"]).await;
    let new = (1..=5).map(|number| delivery("endpoint-1", &format!("event-{number}"), EVENING));
    let other = delivery("endpoint-2", "event-9", EVENING);
    assert!(store.add_deliveries(0, 1, new.chain([other]).collect()).await.unwrap());
    let second = delivery("endpoint-1", "event-2", EVENING);
    assert!(store.replace_delivery(second.given_up()).await.unwrap());
    let list = async |state, before: Option<&str>, limit| {
        let before = before.map(str::to_owned);
        let found = store.deliveries("endpoint-1".to_owned(), state, before, limit).await.unwrap();
        found.into_iter().map(|delivery| delivery.event_id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 2).await, ["event-5", "event-4"]);
    assert_eq!(list(None, Some("event-4"), 9).await, ["event-3", "event-2", "event-1"]);
    assert_eq!(list(Some(DeliveryState::GivenUp), None, 9).await, ["event-2"]);
    let pending = list(Some(DeliveryState::Pending), Some("event-4"), 9).await;
    assert_eq!(pending, ["event-3", "event-1"]);
}

pub async fn deliveries_are_forgotten_by_age_and_with_their_endpoint(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1", "endpoint-2"]).await;
    let at = |endpoint: &str, minute: i64| {
        delivery(endpoint, &format!("event-{minute}"), after(minute * MINUTE))
    };
    let new = (1..=4).map(|minute| at("endpoint-1", minute)).chain([at("endpoint-2", 4)]).collect();
    assert!(store.add_deliveries(0, 1, new).await.unwrap());
    assert_eq!(store.forget_deliveries(after(3 * MINUTE), 9).await.unwrap(), 0, "all are pending");
    for minute in 1..=4 {
        assert!(store.replace_delivery(at("endpoint-1", minute).given_up()).await.unwrap());
    }
    assert_eq!(store.forget_deliveries(after(3 * MINUTE), 1).await.unwrap(), 1);
    assert_eq!(store.forget_deliveries(after(3 * MINUTE), 9).await.unwrap(), 1);
    assert_eq!(store.forget_deliveries(after(3 * MINUTE), 9).await.unwrap(), 0);
    assert_eq!(all_of(&*store, "endpoint-1").await.len(), 2);
    assert!(store.remove_endpoint(HOUSE.to_owned(), "endpoint-1".to_owned()).await.unwrap());
    assert_eq!(all_of(&*store, "endpoint-1").await, []);
    assert_eq!(all_of(&*store, "endpoint-2").await.len(), 1);
}

pub async fn what_is_pointless_behind_a_pause_is_found(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1", "endpoint-2"]).await;
    let new = [("endpoint-1", "event-1"), ("endpoint-2", "event-1"), ("endpoint-2", "event-2")];
    let new = new.map(|(endpoint, event)| delivery(endpoint, event, EVENING)).to_vec();
    assert!(store.add_deliveries(0, 1, new).await.unwrap());
    let stale = async |at, limit| {
        let found = store.stale_deliveries(at, limit).await.unwrap();
        assert!(found.iter().all(|delivery| delivery.endpoint_id == "endpoint-2"));
        found.len()
    };
    let end = after(60 * MINUTE);
    assert_eq!(stale(end, 9).await, 0, "neither is paused");
    let paused = endpoint("endpoint-2").paused(PausedBy::Request, EVENING);
    assert!(store.replace_endpoint(paused).await.unwrap());
    assert_eq!(stale(Timestamp(end.0 - 1), 9).await, 0);
    assert_eq!((stale(end, 9).await, stale(end, 1).await), (2, 1));
    let given_up = delivery("endpoint-2", "event-1", EVENING).given_up();
    assert!(store.replace_delivery(given_up).await.unwrap());
    assert_eq!(stale(end, 9).await, 1);
}

pub async fn pauses_for_failing_are_found_until_their_owner_knows(
    open: impl Fn() -> Arc<dyn Store>,
) {
    let store = open();
    with_endpoints(&*store, &["endpoint-1", "endpoint-2", "endpoint-3"]).await;
    assert_eq!(store.untold_pauses(9).await.unwrap(), []);
    let asked_for = endpoint("endpoint-1").paused(PausedBy::Request, EVENING);
    let failing =
        ["endpoint-2", "endpoint-3"].map(|id| endpoint(id).paused(PausedBy::Failing, EVENING));
    assert!(store.replace_endpoint(asked_for).await.unwrap());
    for paused in &failing {
        assert!(store.replace_endpoint(paused.clone()).await.unwrap());
    }
    assert_eq!(store.untold_pauses(9).await.unwrap(), failing);
    assert_eq!(store.untold_pauses(1).await.unwrap(), failing[..1]);
    assert!(store.replace_endpoint(failing[0].owner_told()).await.unwrap());
    assert_eq!(store.untold_pauses(9).await.unwrap(), failing[1..]);
}
