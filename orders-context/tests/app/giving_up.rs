//! When a task is given up, and what endpoints have taken by then, or are told once more.

use crate::deliveries::{HOUSE, endpoint, telling, told as deliveries_of};
use crate::sink::{Answer, Sink};
use crate::support::{
    MINUTE, SECOND, Takeaway, bella_napoli, last_event, lease, placed, told, until,
};
use crate::tasks::{announcement, at_work, attempted};
use orders_context::app::{App, Cause, HeardBy, TaskReport};
use orders_context::domain::{
    Action, Attempt, Deadline, Delivery, DeliveryState, Endpoint, Event, Heard, Intervention,
    Policy, TaskKind, TaskWas, Until,
};
use orders_context::store::{Deliveries, Task, TaskState};

fn why() -> Intervention {
    Intervention { actor: "operator-7".to_owned(), reason: "No power".to_owned() }
}

/// The only delivery to the endpoint, once it is as it `should` be.
async fn delivery(app: &App, to: &Endpoint, should: impl Fn(&Delivery) -> bool) -> Delivery {
    until("a delivery", async || deliveries_of(app, to).await.pop().filter(|found| should(found)))
        .await
}

fn is_done(delivery: &Delivery) -> bool {
    delivery.state == DeliveryState::Done
}

/// An attempt at this delivery in vain, after which it is given up.
async fn fail_for_good(takeaway: &Takeaway, app: &App, delivery: &Delivery) {
    let attempt = Attempt { at: app.now(), outcome: Err("http_503".to_owned()), duration_ms: 1 };
    let given_up = delivery.attempted(attempt, None);
    assert!(takeaway.store.replace_delivery(given_up).await.unwrap());
}

#[tokio::test]
async fn what_an_endpoint_takes_in_the_last_minute_has_told_the_restaurant() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    attempted(&app, id, 1).await;
    // The next look but one would come too late.
    takeaway.clock.advance_us(10 * MINUTE - 3 * SECOND / 2);
    let task = attempted(&app, id, 2).await;
    let last_look = order.accept_by.plus_ms(-1_000);
    assert_eq!((task.state, task.next_attempt_at), (TaskState::Open, last_look));
    let _stop = telling(&takeaway, &app, 60_000);
    delivery(&app, &system, is_done).await;
    takeaway.clock.advance_us(SECOND / 2);
    assert_eq!(attempted(&app, id, 3).await.state, TaskState::Done);
    assert_eq!(told(&app, id).await, ["order_placed", "restaurant_notified"]);
}

#[tokio::test]
async fn an_endpoint_that_has_not_heard_at_the_last_look_is_given_up() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &sink).await;
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let id = &placed(&app, "rosa-1").await.order_id;
    attempted(&app, id, 1).await;
    takeaway.clock.advance_us(10 * MINUTE - SECOND);
    let task = attempted(&app, id, 2).await;
    let error = task.last_error.as_deref();
    assert_eq!((task.state, error), (TaskState::GivenUp, Some("endpoint_not_yet")));
    assert_eq!(told(&app, id).await, ["order_placed", "notification_failed"]);
}

/// As after a restart that took longer than the window.
#[tokio::test]
async fn a_task_found_after_its_window_is_done_if_an_endpoint_heard_in_time() {
    let sink = Sink::open(&[Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let idle = takeaway.app().await;
    let system = endpoint(&idle, &sink.url, &[Heard::OrderPlaced]).await;
    let id = &placed(&idle, "rosa-1").await.order_id;
    let _stop = telling(&takeaway, &idle, 60_000);
    delivery(&idle, &system, is_done).await;
    takeaway.clock.advance_us(10 * MINUTE);
    let (app, _stop) = at_work(&takeaway, &sink).await;
    let over = until("the end of the task", async || {
        let task = announcement(&app, id).await;
        (task.state != TaskState::Open).then_some(task)
    });
    assert_eq!(over.await.state, TaskState::Done);
    assert_eq!(told(&app, id).await, ["order_placed", "restaurant_notified"]);
    assert_eq!(sink.deliveries().len(), 1);
}

#[tokio::test]
async fn a_reminder_that_an_endpoint_has_taken_is_no_failure_whatever_the_webhook_says() {
    let (hook, sink) =
        (Sink::open(&[Answer::Status(503)]).await, Sink::open(&[Answer::Status(204)]).await);
    let takeaway = Takeaway::open();
    let (app, _stop) = at_work(&takeaway, &hook).await;
    let wanted = [Heard::OrderPlaced, Heard::RestaurantReminded];
    let system = endpoint(&app, &sink.url, &wanted).await;
    let id = &placed(&app, "rosa-1").await.order_id;
    attempted(&app, id, 1).await;
    let telling = telling(&takeaway, &app, 60_000);
    delivery(&app, &system, is_done).await;
    takeaway.clock.advance_us(90 * SECOND);
    assert_eq!(attempted(&app, id, 2).await.last_error.as_deref(), Some("http_503"));
    app.wake_order(id.clone()).await.unwrap();
    let reminder = async |is_it: &dyn Fn(&Task) -> bool| {
        until("the reminder", async || {
            let tasks = app.order(id).await.unwrap().tasks;
            let of_it = |task: &Task| task.kind == TaskKind::RemindRestaurant(1) && is_it(task);
            tasks.into_iter().find(of_it)
        })
        .await
    };
    until("both deliveries", async || {
        let told = deliveries_of(&app, &system).await;
        (told.iter().filter(|each| is_done(each)).count() == 2).then_some(())
    })
    .await;
    reminder(&|task| task.attempts > 0).await;
    telling.cancel();
    takeaway.clock.advance_us(10 * MINUTE);
    assert_eq!(reminder(&|task| task.state != TaskState::Open).await.state, TaskState::Done);
    let told = told(&app, id).await;
    assert_eq!(told, ["order_placed", "restaurant_notified", "restaurant_reminded"]);
}

#[tokio::test]
async fn what_was_given_up_is_told_once_more_to_endpoints_when_its_task_is_tried_again() {
    let sink = Sink::open(&[Answer::Status(503)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let id = &placed(&app, "rosa-1").await.order_id;
    let telling = telling(&takeaway, &app, 60_000);
    let tried = delivery(&app, &system, |found| found.attempts == 1).await;
    telling.cancel();
    let task = announcement(&app, id).await;
    assert_eq!(app.heard_by(&task, HOUSE).await.unwrap(), HeardBy::NoneYet);
    fail_for_good(&takeaway, &app, &tried).await;
    assert_eq!(app.heard_by(&task, HOUSE).await.unwrap(), HeardBy::NoneAnyMore);
    let gave_up = TaskReport::GaveUp { error: "http_503".to_owned(), too_late: None };
    app.report_task(&task, 1, gave_up, &lease()).await.unwrap();

    takeaway.clock.advance_us(SECOND);
    app.act(id, &Action::RedriveTask, why(), Cause::default()).await.unwrap();
    let task = app.order(id).await.unwrap().tasks.pop().unwrap();
    assert_eq!((task.kind, task.state), (TaskKind::NotifyRestaurant, TaskState::Open));
    assert_eq!(app.heard_by(&task, HOUSE).await.unwrap(), HeardBy::NoneYet);
    let again = delivery(&app, &system, |_| true).await;
    assert_eq!((again.state, again.next_attempt_at), (DeliveryState::Pending, app.now()));
    fail_for_good(&takeaway, &app, &again).await;
    assert_eq!(app.heard_by(&task, HOUSE).await.unwrap(), HeardBy::NoneAnyMore, "once");
    let over = delivery(&app, &system, |_| true).await;
    assert_eq!(over.state, DeliveryState::GivenUp);
}

#[tokio::test]
async fn to_retry_now_is_about_the_task_that_waits_and_not_about_a_newer_one_that_is_due() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    app.register_restaurant(bella_napoli(Some("http://127.0.0.1:1/".to_owned()))).await.unwrap();
    let id = &placed(&app, "rosa-1").await.order_id;
    let in_part = TaskReport::DeliveredInPart {
        channel: "webhook",
        at: app.now().plus_ms(200_000),
        error: "mail:smtp_later".to_owned(),
    };
    app.report_task(&announcement(&app, id).await, 1, in_part, &lease()).await.unwrap();
    let waiting = announcement(&app, id).await;
    takeaway.clock.advance_us(90 * SECOND);
    app.wake_order(id.clone()).await.unwrap();
    assert_eq!(app.order(id).await.unwrap().tasks.len(), 2);
    app.act(id, &Action::RetryNow, why(), Cause::default()).await.unwrap();
    let redriven = last_event(&app, id).await;
    let Event::TaskRedriven { task, was, .. } = redriven else { panic!("{redriven:?}") };
    assert_eq!(task, TaskKind::NotifyRestaurant);
    assert_eq!(was, TaskWas::Waiting { due_at: waiting.next_attempt_at });
    assert_eq!(announcement(&app, id).await.next_attempt_at, app.now());
}

/// Another instance gave the restaurant more time.
#[tokio::test]
async fn a_letter_that_is_over_in_an_older_window_is_tried_on_whoever_made_the_window_longer() {
    let takeaway = Takeaway::open();
    let (app, elsewhere) = (takeaway.app().await, takeaway.app().await);
    app.register_restaurant(bella_napoli(Some("http://127.0.0.1:1/".to_owned()))).await.unwrap();
    let id = &placed(&app, "rosa-1").await.order_id;
    let (at, error) = (app.now().plus_ms(60_000), "mail:smtp_later".to_owned());
    let in_part = TaskReport::DeliveredInPart { channel: "webhook", at, error: error.clone() };
    app.report_task(&announcement(&app, id).await, 1, in_part, &lease()).await.unwrap();
    let begun = announcement(&app, id).await;
    let until_then = Until::Later { by_ms: 10 * 60_000 };
    let extend = Action::Extend { deadline: Deadline::AcceptBy, until: until_then };
    elsewhere.act(id, &extend, why(), Cause::default()).await.unwrap();
    let again_at = begun.give_up_at.plus_ms(1_000);
    let over = TaskReport::Over { error, too_late: Some(again_at) };
    app.report_task(&begun, 2, over, &lease()).await.unwrap();
    let task = announcement(&app, id).await;
    assert_eq!((task.state, task.next_attempt_at), (TaskState::Open, again_at));
}

#[tokio::test]
async fn an_order_that_has_less_time_is_told_to_urgent_endpoints_no_longer() {
    let sink = Sink::open(&[Answer::Status(503), Answer::Status(204)]).await;
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let system = endpoint(&app, &sink.url, &[Heard::OrderPlaced]).await;
    let id = &placed(&app, "rosa-1").await.order_id;
    let _stop = telling(&takeaway, &app, 60_000);
    delivery(&app, &system, |found| found.attempts == 1).await;
    let policy = Policy { version: 2, accept_within_ms: 5 * 60_000, ..Policy::standard() };
    let shorter = Action::Migrate { to: policy.into() };
    let moved = app.act(id, &shorter, why(), Cause::default()).await.unwrap();
    assert_eq!(moved.accept_by, app.now().plus_ms(5 * 60_000));
    delivery(&app, &system, |found| found.give_up_at == moved.accept_by).await;
    takeaway.clock.advance_us(5 * MINUTE);
    delivery(&app, &system, |found| found.state == DeliveryState::GivenUp).await;
    let task = announcement(&app, id).await;
    assert_eq!(app.heard_by(&task, HOUSE).await.unwrap(), HeardBy::NoneAnyMore);
    assert_eq!(sink.deliveries().len(), 1);
}
