//! Customers told over a push gateway, with a real one to talk to.

use crate::sink::{Answer, Sink};
use crate::support::{SECOND, Takeaway, cook, last_event, placed, until};
use crate::tasks::at_work_over;
use chassis::clock::{Clock as _, SystemClock};
use orders_context::app::{App, Cause};
use orders_context::domain::{Decision, Event, Notification, Webhook};
use orders_context::store::{Task, TaskState};
use orders_context::tasks::post::{Poster, Reach};
use orders_context::tasks::{Channels, Customers};
use std::sync::Arc;

fn by_push(url: &str, reach: Reach) -> Channels {
    let secret = "whsec_cHVzaGluZyBpcyBub3QgcHVsbGluZw==".to_owned();
    let gateway = Webhook { url: url.to_owned(), secret };
    let poster = Arc::new(Poster::new(reach).unwrap());
    Channels { poster, mailer: None, customers: Customers::Push(gateway) }
}

/// What tells the customer that the order was accepted, once it has had so many attempts.
async fn told(app: &App, order_id: &str, attempts: u32) -> Task {
    until("an attempt", async || {
        let tasks = app.order(order_id).await.unwrap().tasks;
        let accepted = Notification::Accepted.task();
        tasks.into_iter().find(|task| task.kind == accepted && task.attempts == attempts)
    })
    .await
}

async fn accept(app: &App, order_id: &str) {
    app.decide_order(order_id, Decision::Accept, cook(), Cause::default()).await.unwrap();
}

#[tokio::test]
async fn a_gateway_is_told_ids_and_a_code_until_it_has_taken_them() {
    let restaurant = Sink::open(&[Answer::Status(200)]).await;
    let gateway = Sink::open(&[Answer::Status(503), Answer::Silence, Answer::Status(202)]).await;
    let takeaway = Takeaway::open();
    let channels = by_push(&gateway.url, Reach::Anywhere);
    let (app, _stop) = at_work_over(channels, &takeaway, &restaurant).await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    let began_us = SystemClock.now_us();
    accept(&app, id).await;

    let first = told(&app, id, 1).await;
    assert_eq!((first.state, first.last_error.as_deref()), (TaskState::Open, Some("http_503")));
    takeaway.clock.advance_us(5 * SECOND);
    let second = told(&app, id, 2).await;
    assert_eq!(second.last_error.as_deref(), Some("broken_connection"));
    takeaway.clock.advance_us(30 * SECOND);
    let third = told(&app, id, 3).await;
    assert_eq!((third.state, third.last_error), (TaskState::Done, None));

    let notification = Notification::Accepted;
    let fact = Event::UserNotified { notification, channel: "push".to_owned(), attempts: 3 };
    assert_eq!(last_event(&app, id).await, fact);
    let deliveries = gateway.deliveries();
    assert_eq!(deliveries.len(), 3);
    for delivery in &deliveries {
        assert_eq!(delivery.headers["webhook-id"], format!("msg_{id}_{}", third.sequence));
        assert!(delivery.headers["webhook-signature"].starts_with("v1,"));
        let told_s: i64 = delivery.headers["webhook-timestamp"].parse().unwrap();
        let by_the_wall = began_us / 1_000_000..=SystemClock.now_us() / 1_000_000;
        assert!(by_the_wall.contains(&told_s), "{told_s}");
        let said = serde_json::json!({
            "type": "customer.notification",
            "timestamp": delivery.body["timestamp"],
            "data": {
                "customer_id": "customer-rosa",
                "order_id": id,
                "notification": "order_accepted",
            },
        });
        assert_eq!(delivery.body, said, "and nothing else");
    }
}

#[tokio::test]
async fn a_gateway_on_an_address_of_ours_is_not_called() {
    let restaurant = Sink::open(&[Answer::Status(200)]).await;
    let gateway = Sink::open(&[Answer::Status(202)]).await;
    let takeaway = Takeaway::open();
    let channels = by_push(&gateway.url, Reach::PublicOnly);
    let (app, _stop) = at_work_over(channels, &takeaway, &restaurant).await;
    let order = placed(&app, "rosa-1").await;
    accept(&app, &order.order_id).await;
    let task = told(&app, &order.order_id, 1).await;
    assert_eq!(task.last_error.as_deref(), Some("forbidden_address"));
    assert_eq!((task.state, gateway.deliveries().len()), (TaskState::GivenUp, 0));
}
