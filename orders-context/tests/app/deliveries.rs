//! The loop that tells endpoints, with a restaurant's system to talk to.

use crate::faulty::Faulty;
use crate::sink::{Answer, Sink};
use crate::support::{MINUTE, SECOND, Takeaway, bella_napoli, cook, lease, placed, until};
use chassis::clock::BootInstant;
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, EndpointChange, EndpointWanted, ListDeliveries, TaskReport};
use orders_context::deliveries::{self, Parts};
use orders_context::domain::{
    Decision, Delivery, DeliveryState, Endpoint, Heard, PausedBy, Profile, Signing, Url,
};
use orders_context::leases::Held;
use orders_context::store::{Deliveries, Store};
use orders_context::tasks::post::{Poster, Reach};
use std::sync::Arc;
use std::time::Duration;

pub const HOUSE: &str = "bella-napoli";

/// The loop, until the answer is cancelled.
pub fn telling(takeaway: &Takeaway, app: &App, pause_after_ms: i64) -> Shutdown {
    telling_over(takeaway.open_again(), app, pause_after_ms)
}

fn telling_over(store: Arc<dyn Store>, app: &App, pause_after_ms: i64) -> Shutdown {
    let parts = Parts {
        app: app.clone(),
        store,
        poster: Arc::new(Poster::new(Reach::Anywhere).unwrap()),
        mailer: None,
        pause_after_ms,
    };
    let stop = Shutdown::new();
    let held = Held::until(lease(), BootInstant::now() + Duration::from_secs(600));
    tokio::spawn(deliveries::run(parts, held, stop.clone()));
    stop
}

pub async fn endpoint(app: &App, url: &str, events: &[Heard]) -> Endpoint {
    let wanted = EndpointWanted {
        restaurant_id: HOUSE.to_owned(),
        url: Url(url.to_owned()),
        events: events.to_vec(),
        signing: Signing::Hmac,
        profile: Profile::Urgent,
    };
    app.add_endpoint(wanted, url.to_owned(), vec![7]).await.unwrap()
}

pub async fn told(app: &App, endpoint: &Endpoint) -> Vec<Delivery> {
    let all = ListDeliveries { limit: 100, ..ListDeliveries::default() };
    app.deliveries(HOUSE, &endpoint.endpoint_id, all).await.unwrap()
}

/// The only delivery there is, once it has had so many attempts.
async fn attempted(app: &App, endpoint: &Endpoint, attempts: u32) -> Delivery {
    until("an attempt", async || {
        let mut told = told(app, endpoint).await;
        assert!(told.len() <= 1, "{told:?}");
        told.pop().filter(|delivery| delivery.attempts == attempts)
    })
    .await
}

#[tokio::test]
async fn an_endpoint_that_fails_twice_hears_at_the_third_attempt() {
    let sink = Sink::open(&[Answer::Status(503), Answer::Silence, Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let endpoint = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let _stop = telling(&takeaway, &app, 60_000);
    let order = placed(&app, "rosa-1").await;

    let first = attempted(&app, &endpoint, 1).await;
    assert_eq!(first.recent[0].outcome, Err("http_503".to_owned()));
    assert_eq!((first.state, first.give_up_at), (DeliveryState::Pending, order.accept_by));
    takeaway.clock.advance_us(SECOND);
    let second = attempted(&app, &endpoint, 2).await;
    assert_eq!(second.recent[1].outcome, Err("broken_connection".to_owned()));
    let failing = app.endpoint(HOUSE, &endpoint.endpoint_id).await.unwrap();
    assert!(failing.failing_since.is_some());
    takeaway.clock.advance_us(2 * SECOND);
    let third = attempted(&app, &endpoint, 3).await;
    assert_eq!((third.state, &third.recent[2].outcome), (DeliveryState::Done, &Ok(204)));
    until("the end of the failing", async || {
        let now = app.endpoint(HOUSE, &endpoint.endpoint_id).await.unwrap();
        now.failing_since.is_none().then_some(())
    })
    .await;

    let came = sink.deliveries();
    assert_eq!(came.len(), 3);
    for delivery in &came {
        assert_eq!(delivery.headers["webhook-id"], third.webhook_id(), "the same at each attempt");
        assert_eq!(delivery.body, came[0].body, "the same words");
    }
    assert_eq!(came[0].body["type"], "order_placed");
    let data = &came[0].body["data"];
    assert_eq!(
        (&data["order_id"], &data["sequence"]),
        (&order.order_id.as_str().into(), &1.into())
    );
    assert_eq!(data["items"][0]["name"], "Pizza Margherita");
    let said = came[0].body.to_string();
    assert!(!said.contains("Rosa") && !said.contains("rosa"), "nothing personal: {said}");
}

#[tokio::test]
async fn each_event_is_told_once_whoever_takes_the_work_over() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let before = placed(&app, "before").await;
    takeaway.clock.advance_us(1);
    let endpoint = endpoint(&app, &sink.url, &[Heard::OrderPlaced, Heard::OrderAccepted]).await;
    let first = telling(&takeaway, &app, 60_000);
    let order = placed(&app, "rosa-1").await;
    until("the order", async || (told(&app, &endpoint).await.len() == 1).then_some(())).await;
    first.cancel();
    let (_second, _third) = (telling(&takeaway, &app, 60_000), telling(&takeaway, &app, 60_000));
    let accept = Decision::Accept;
    app.decide_order(&order.order_id, accept, cook(), Cause::default()).await.unwrap();
    let done = until("both events", async || {
        let told = told(&app, &endpoint).await;
        let done = told.iter().filter(|delivery| delivery.state == DeliveryState::Done).count();
        (done == 2).then_some(told)
    })
    .await;
    let types: Vec<_> = done.iter().map(|delivery| delivery.event_type.as_str()).collect();
    assert_eq!(types, ["order_accepted", "order_placed"], "the newest first");
    assert!(done.iter().all(|delivery| delivery.order_id != before.order_id));
}

#[tokio::test]
async fn an_endpoint_that_fails_for_long_is_paused_and_hears_all_when_it_is_resumed() {
    let answers = &[Answer::Status(500), Answer::Status(500), Answer::Status(204)];
    let sink = Sink::open(answers).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let endpoint = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let _stop = telling(&takeaway, &app, 60_000);
    placed(&app, "rosa-1").await;
    attempted(&app, &endpoint, 1).await;
    takeaway.clock.advance_us(MINUTE);
    attempted(&app, &endpoint, 2).await;
    let id = &endpoint.endpoint_id;
    let paused = until("the pause", async || app.endpoint(HOUSE, id).await.unwrap().pause).await;
    assert_eq!(paused.why, PausedBy::Failing);
    // Where nobody can be told, that is noted too.
    until("the note", async || {
        let pause = app.endpoint(HOUSE, id).await.unwrap().pause;
        pause.filter(|pause| pause.owner_told)
    })
    .await;
    takeaway.clock.advance_us(MINUTE);
    app.interrupt_endpoint(HOUSE, id, EndpointChange::Resume).await.unwrap();
    let done = attempted(&app, &endpoint, 3).await;
    assert_eq!((done.state, sink.deliveries().len()), (DeliveryState::Done, 3));
}

#[tokio::test]
async fn what_is_pointless_is_given_up_without_a_call_and_told_all_the_same_when_asked_for() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let endpoint = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    placed(&app, "rosa-1").await;
    takeaway.clock.advance_us(10 * MINUTE);
    let _stop = telling(&takeaway, &app, 60_000);
    let given_up = until("giving up", async || {
        let told = told(&app, &endpoint).await.pop();
        told.filter(|delivery| delivery.state == DeliveryState::GivenUp)
    })
    .await;
    assert_eq!((given_up.attempts, sink.deliveries().len()), (0, 0));
    let (id, event_id) = (&endpoint.endpoint_id, &given_up.event_id);
    for attempts in [1, 2] {
        app.replay_delivery(HOUSE, id, event_id).await.unwrap();
        let done = attempted(&app, &endpoint, attempts).await;
        assert_eq!(done.state, DeliveryState::Done);
    }
    let came = sink.deliveries();
    assert_eq!(came.len(), 2);
    assert!(came.iter().all(|delivery| delivery.headers["webhook-id"] == given_up.webhook_id()));
    assert!(app.replay_delivery(HOUSE, id, "another").await.is_err());
}

/// An endpoint that was told of an order in vain, once, and is paused since; and that delivery.
async fn tried_and_paused(takeaway: &Takeaway, app: &App, sink: &Sink) -> (Endpoint, Delivery) {
    let endpoint = endpoint(app, &sink.url, &[Heard::OrderPlaced]).await;
    placed(app, "rosa-1").await;
    let telling = telling(takeaway, app, 60_000);
    let tried = attempted(app, &endpoint, 1).await;
    let pause = app.interrupt_endpoint(HOUSE, &endpoint.endpoint_id, EndpointChange::Pause);
    pause.await.unwrap();
    telling.cancel();
    (endpoint, tried)
}

#[tokio::test]
async fn what_is_pointless_is_given_up_while_its_endpoint_is_paused() {
    let sink = Sink::open(&[Answer::Status(500)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let (endpoint, _) = tried_and_paused(&takeaway, &app, &sink).await;
    takeaway.clock.advance_us(10 * MINUTE);
    // Whoever begins looks after paused endpoints at once.
    let _second = telling(&takeaway, &app, 60_000);
    let given_up = until("giving up", async || {
        let told = told(&app, &endpoint).await.pop();
        told.filter(|delivery| delivery.state == DeliveryState::GivenUp)
    })
    .await;
    assert_eq!((given_up.attempts, sink.deliveries().len()), (1, 1));
}

#[tokio::test]
async fn however_much_is_pointless_behind_a_pause_one_look_gives_it_up() {
    let sink = Sink::open(&[Answer::Status(500)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let (endpoint, tried) = tried_and_paused(&takeaway, &app, &sink).await;
    let id = &endpoint.endpoint_id;
    let another =
        |number| Delivery { event_id: format!("event-{number}"), round: 1, ..tried.clone() };
    let at = takeaway.store.deliveries_position().await.unwrap();
    assert!(takeaway.store.add_deliveries(at, at, (0..650).map(another).collect()).await.unwrap());
    takeaway.clock.advance_us(10 * MINUTE);
    let _second = telling(&takeaway, &app, 60_000);
    let pending = Some(DeliveryState::Pending);
    until("giving up", async || {
        let left = takeaway.store.deliveries(id.clone(), pending, None, 1).await.unwrap();
        left.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_keeps_no_other_from_being_told() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let endpoint = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    placed(&app, "rosa-1").await;
    let second = placed(&app, "rosa-2").await;
    takeaway.store.spoil_row(1);
    let store = Arc::<Faulty>::clone(&takeaway.store);
    let _stop = telling_over(store, &app, 60_000);
    let done = attempted(&app, &endpoint, 1).await;
    assert_eq!((done.state, &done.order_id), (DeliveryState::Done, &second.order_id));
    assert_eq!(takeaway.store.deliveries_position().await.unwrap(), 2);
}

#[tokio::test]
async fn what_is_due_is_told_while_the_journal_cannot_be_read() {
    let sink = Sink::open(&[Answer::Status(500), Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let endpoint = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    placed(&app, "rosa-1").await;
    let store = Arc::<Faulty>::clone(&takeaway.store);
    let _stop = telling_over(store, &app, 60_000);
    attempted(&app, &endpoint, 1).await;
    takeaway.store.spoil_row(-1);
    takeaway.clock.advance_us(SECOND);
    assert_eq!(attempted(&app, &endpoint, 2).await.state, DeliveryState::Done);
}

#[tokio::test]
async fn an_urgent_reminder_is_worth_telling_until_the_answer_is_due() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let endpoint = endpoint(&app, &sink.url, &[Heard::RestaurantReminded]).await;
    app.register_restaurant(bella_napoli(Some(sink.url.clone()))).await.unwrap();
    let order = placed(&app, "rosa-1").await;
    let task = app.order(&order.order_id).await.unwrap().tasks.remove(0);
    let told_it = TaskReport::Delivered { channel: "webhook" };
    app.report_task(&task, 1, told_it, &lease()).await.unwrap();
    takeaway.clock.advance_us(90 * SECOND);
    app.wake_order(order.order_id.clone()).await.unwrap();
    let _stop = telling(&takeaway, &app, 60_000);
    let reminder = attempted(&app, &endpoint, 1).await;
    assert_eq!(
        (&*reminder.event_type, reminder.give_up_at),
        ("restaurant_reminded", order.accept_by)
    );
}

#[tokio::test]
async fn where_nobody_listens_the_journal_is_passed_over() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    placed(&app, "rosa-1").await;
    placed(&app, "rosa-2").await;
    let _stop = telling(&takeaway, &app, 60_000);
    until("the end of the journal", async || {
        (takeaway.store.deliveries_position().await.unwrap() == 2).then_some(())
    })
    .await;
}
