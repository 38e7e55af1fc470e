//! Restaurants told by every channel they have: the first that takes an order has told them.

use crate::deliveries::{endpoint, telling, told as deliveries_of};
use crate::sink::{Answer, Sink};
use crate::support::{
    MINUTE, SECOND, Takeaway, bella_napoli, history, last_event, placed, told, until,
};
use crate::tasks::{announcement, at_work, at_work_over, attempted, mute_mail};
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause};
use orders_context::domain::{
    Action, Announce, Deadline, DeliveryState, Endpoint, Event, Heard, Intervention, MailAddress,
    Restaurant, Status, TaskKind, Until,
};
use orders_context::store::{Task, TaskState};
use std::time::Duration;

/// Once the endpoint has taken so many events.
async fn taken(app: &App, endpoint: &Endpoint, events: usize) {
    until("a delivery", async || {
        let told = deliveries_of(app, endpoint).await;
        let done = told.iter().filter(|delivery| delivery.state == DeliveryState::Done);
        (done.count() == events).then_some(())
    })
    .await;
}

/// The first reminder, once it has come to its end.
async fn reminder(app: &App, order_id: &str) -> Task {
    until("the reminder", async || {
        let tasks = app.order(order_id).await.unwrap().tasks;
        let is_over = |task: &Task| {
            task.kind == TaskKind::RemindRestaurant(1) && task.state != TaskState::Open
        };
        tasks.into_iter().find(is_over)
    })
    .await
}

/// Tasks at work, for a restaurant that has nothing but an endpoint at `sink`, which wants new orders.
async fn at_work_for_an_endpoint(takeaway: &Takeaway, sink: &Sink) -> (App, Endpoint, Shutdown) {
    let (app, stop) = at_work(takeaway, sink).await;
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    (app, system, stop)
}

#[tokio::test]
async fn a_restaurant_that_has_endpoints_alone_is_told_and_reminded_by_them() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced, Heard::RestaurantReminded]).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    assert_eq!(order.announce, Announce::ByMailOrEndpoint);
    let waiting = attempted(&app, id, 1).await;
    let error = waiting.last_error.as_deref();
    assert_eq!((waiting.state, error), (TaskState::Open, Some("endpoint_not_yet")));

    let _stop = telling(&takeaway, &app, 60_000);
    taken(&app, &system, 1).await;
    takeaway.clock.advance_us(SECOND);
    assert_eq!(attempted(&app, id, 2).await.state, TaskState::Done);
    let notified = Event::RestaurantNotified { channel: "endpoint".to_owned(), attempts: 2 };
    assert_eq!(last_event(&app, id).await, notified);
    assert_eq!(app.order(id).await.unwrap().order.status, Status::Notified);

    takeaway.clock.advance_us(90 * SECOND);
    app.wake_order(id.clone()).await.unwrap();
    taken(&app, &system, 2).await;
    takeaway.clock.advance_us(SECOND);
    assert_eq!(reminder(&app, id).await.state, TaskState::Done);
    assert_eq!(told(&app, id).await.last(), Some(&"restaurant_reminded"));
    let came = sink.deliveries();
    let types: Vec<_> = came.iter().map(|delivery| delivery.body["type"].clone()).collect();
    assert_eq!(types, ["order_placed", "restaurant_reminded"], "each once");
}

#[tokio::test]
async fn a_webhook_is_tried_on_when_an_endpoint_has_told_the_restaurant() {
    let answers = &[Answer::Status(503), Answer::Status(503), Answer::Status(200)];
    let (hook, sink) = (Sink::open(answers).await, Sink::open(&[Answer::Status(204)]).await);
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &hook).await;
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    attempted(&app, id, 1).await;
    let _stop = telling(&takeaway, &app, 60_000);
    taken(&app, &system, 1).await;
    takeaway.clock.advance_us(SECOND);
    let second = attempted(&app, id, 2).await;
    assert_eq!((second.state, second.last_error.as_deref()), (TaskState::Open, Some("http_503")));
    assert_eq!(app.order(id).await.unwrap().order.status, Status::Notified);
    takeaway.clock.advance_us(2 * SECOND);
    assert_eq!(attempted(&app, id, 3).await.state, TaskState::Done);
    assert_eq!(told(&app, id).await, ["order_placed", "restaurant_notified"], "told once");
    assert_eq!((hook.deliveries().len(), sink.deliveries().len()), (3, 1));
}

#[tokio::test]
async fn a_channel_that_is_gone_is_given_up_and_what_wants_no_orders_is_none() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    let url = |path: &str| format!("{}/{path}", sink.url);
    endpoint(&app, &url("ledger"), &[Heard::OrderCompleted]).await;
    let unannounced = placed(&app, "rosa-1").await;
    assert_eq!(unannounced.announce, Announce::NotAtAll);
    let system = endpoint(&app, &url("kitchen"), &[Heard::OrderPlaced]).await;
    let order = placed(&app, "rosa-2").await;
    let id = &order.order_id;
    attempted(&app, id, 1).await;
    app.remove_endpoint("bella-napoli", &system.endpoint_id).await.unwrap();
    takeaway.clock.advance_us(SECOND);
    let given_up = attempted(&app, id, 2).await;
    assert_eq!(given_up.state, TaskState::GivenUp);
    assert_eq!(announcement(&app, id).await.last_error.as_deref(), Some("no_channel"));
    assert_eq!(told(&app, id).await, ["order_placed", "notification_failed"]);
    assert_eq!(placed(&app, "rosa-3").await.announce, Announce::NotAtAll);
    assert_eq!(history(&app, &unannounced.order_id).await.len(), 1);
}

#[tokio::test]
async fn an_order_that_waits_for_an_answer_again_is_told_to_who_wants_new_orders() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, system, _stop) = at_work_for_an_endpoint(&takeaway, &sink).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    attempted(&app, id, 1).await;
    takeaway.clock.advance_us(10 * MINUTE);
    app.wake_order(id.clone()).await.unwrap();
    let why = Intervention { actor: "operator-7".to_owned(), reason: "No power".to_owned() };
    let redriven = app.act(id, &Action::Redrive, why, Cause::default()).await.unwrap();
    assert_eq!(redriven.status, Status::Placed);
    let _stop = telling(&takeaway, &app, 60_000);
    taken(&app, &system, 1).await;
    takeaway.clock.advance_us(MINUTE);
    until("the notification", async || {
        assert!(!told(&app, id).await.contains(&"notification_failed"));
        (app.order(id).await.unwrap().order.status == Status::Notified).then_some(())
    })
    .await;
    let came = sink.deliveries();
    assert_eq!(came.len(), 1, "what it was to hear of first had become pointless");
    let (body, accept_by) = (&came[0].body, chassis::clock::rfc3339(redriven.accept_by.0));
    assert_eq!(body["type"], "order_redriven");
    assert_eq!(body["data"]["items"][0]["item_id"], "margherita");
    assert_eq!(body["data"]["accept_by"], *accept_by);
}

#[tokio::test]
async fn a_reminder_that_no_endpoint_wants_is_no_failure() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, system, _stop) = at_work_for_an_endpoint(&takeaway, &sink).await;
    let _stop = telling(&takeaway, &app, 60_000);
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    taken(&app, &system, 1).await;
    takeaway.clock.advance_us(SECOND);
    until("the notification", async || {
        (app.order(id).await.unwrap().order.status == Status::Notified).then_some(())
    })
    .await;
    takeaway.clock.advance_us(90 * SECOND);
    app.wake_order(id.clone()).await.unwrap();
    let reminder = reminder(&app, id).await;
    assert_eq!((reminder.state, reminder.last_error), (TaskState::Withdrawn, None));
    assert_eq!(
        told(&app, id).await,
        ["order_placed", "restaurant_notified", "restaurant_reminded"]
    );
}

/// The mail server takes calls and never says a word.
#[tokio::test]
async fn what_a_webhook_has_taken_is_not_told_to_it_again_while_a_letter_waits() {
    let hook = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &hook).await;
    let mail = Some(MailAddress("kitchen@bella-napoli.example".to_owned()));
    let house = Restaurant { mail, ..bella_napoli(Some(hook.url.clone())) };
    app.register_restaurant(house).await.unwrap();
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    for (attempts, seconds) in [(1, 1), (2, 597)] {
        let task = attempted(&app, id, attempts).await;
        let error = task.last_error.as_deref();
        assert_eq!((task.state, error), (TaskState::Open, Some("mail:smtp_timeout")));
        let notified = Event::RestaurantNotified { channel: "webhook".to_owned(), attempts: 1 };
        assert_eq!(last_event(&app, id).await, notified);
        takeaway.clock.advance_us(seconds * SECOND);
    }
    // The last attempt before the answer is due.
    assert_eq!(attempted(&app, id, 3).await.state, TaskState::Done);
    assert_eq!(told(&app, id).await, ["order_placed", "restaurant_notified"], "that is no failure");
    assert_eq!(hook.deliveries().len(), 1);
}

#[tokio::test]
async fn an_order_that_has_more_time_is_told_to_endpoints_for_as_long() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, system, _stop) = at_work_for_an_endpoint(&takeaway, &sink).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    let until_then = Until::Later { by_ms: 15 * 60_000 };
    let extend = Action::Extend { deadline: Deadline::AcceptBy, until: until_then };
    let why = Intervention { actor: "operator-7".to_owned(), reason: "No power".to_owned() };
    let extended = app.act(id, &extend, why, Cause::default()).await.unwrap();
    attempted(&app, id, 1).await;
    takeaway.clock.advance_us(11 * MINUTE);
    // What the endpoint was to hear of is pointless by the time that the order had.
    let _stop = telling(&takeaway, &app, 60_000);
    until("giving up", async || {
        let delivery = deliveries_of(&app, &system).await.pop()?;
        (delivery.state != DeliveryState::Pending).then_some(())
    })
    .await;
    takeaway.clock.advance_us(MINUTE);
    taken(&app, &system, 1).await;
    let heard = deliveries_of(&app, &system).await.remove(0);
    assert_eq!((heard.attempts, heard.give_up_at), (1, extended.accept_by));
    takeaway.clock.advance_us(MINUTE);
    until("the notification", async || {
        let told = told(&app, id).await;
        (told == ["order_placed", "deadline_extended", "restaurant_notified"]).then_some(())
    })
    .await;
}

/// The webhook has told the restaurant: its task is over.
#[tokio::test]
async fn an_order_that_has_more_time_is_told_to_endpoints_when_its_restaurant_knows_of_it_too() {
    let hook = Sink::open(&[Answer::Status(200)]).await;
    let answers = &[Answer::Status(503), Answer::Status(503), Answer::Status(204)];
    let sink = Sink::open(answers).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &hook).await;
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    assert_eq!(attempted(&app, id, 1).await.state, TaskState::Done);
    let _stop = telling(&takeaway, &app, 60 * 60_000);
    let tried = async |attempts: u32| {
        until("an attempt", async || {
            let delivery = deliveries_of(&app, &system).await.pop()?;
            (delivery.attempts == attempts).then_some(delivery)
        })
        .await
    };
    tried(1).await;
    // The next attempt but one would come too late.
    takeaway.clock.advance_us(10 * MINUTE - SECOND);
    assert_eq!(tried(2).await.state, DeliveryState::GivenUp);
    let until_then = Until::Later { by_ms: 15 * 60_000 };
    let extend = Action::Extend { deadline: Deadline::AcceptBy, until: until_then };
    let why = Intervention { actor: "operator-7".to_owned(), reason: "No power".to_owned() };
    let extended = app.act(id, &extend, why, Cause::default()).await.unwrap();
    let heard = tried(3).await;
    assert_eq!((heard.state, heard.give_up_at), (DeliveryState::Done, extended.accept_by));
}

/// Tasks at work for a restaurant with a webhook and a mail address, whose server never says a word.
async fn at_work_with_mute_mail(takeaway: &Takeaway, hook: &Sink) -> (App, Shutdown) {
    let mute = mute_mail(Duration::from_secs(600));
    let (app, stop) = at_work_over(mute, takeaway, hook).await;
    let mail = Some(MailAddress("kitchen@bella-napoli.example".to_owned()));
    let house = Restaurant { mail, ..bella_napoli(Some(hook.url.clone())) };
    app.register_restaurant(house).await.unwrap();
    (app, stop)
}

#[tokio::test]
async fn a_letter_that_waits_for_its_server_holds_back_no_word_of_the_webhook() {
    let hook = Sink::open(&[Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work_with_mute_mail(&takeaway, &hook).await;
    let order = placed(&app, "rosa-1").await;
    let task = attempted(&app, &order.order_id, 1).await;
    let error = task.last_error.as_deref();
    assert_eq!((task.state, error), (TaskState::Open, Some("mail:smtp_slow")));
    assert_eq!(told(&app, &order.order_id).await, ["order_placed", "restaurant_notified"]);
}

#[tokio::test]
async fn a_letter_that_waits_for_its_server_keeps_no_webhook_from_being_called_again() {
    let hook = Sink::open(&[Answer::Status(503), Answer::Status(200)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work_with_mute_mail(&takeaway, &hook).await;
    let id = &placed(&app, "rosa-1").await.order_id;
    let first = attempted(&app, id, 1).await;
    assert_eq!((first.state, first.last_error.as_deref()), (TaskState::Open, Some("http_503")));
    takeaway.clock.advance_us(SECOND);
    let second = attempted(&app, id, 2).await;
    let error = second.last_error.as_deref();
    assert_eq!((second.state, error), (TaskState::Open, Some("mail:smtp_slow")));
    assert_eq!(told(&app, id).await, ["order_placed", "restaurant_notified"]);
}
