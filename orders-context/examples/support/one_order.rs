//! One order all the way through the application, without HTTP: whoever measures plays customer,
//! restaurant and both channels.

use orders_context::app::{App, Cause, Contact, PlaceOrder, Task, TaskReport, TaskState};
use orders_context::domain::{Actor, Decision, MenuItem, Restaurant, TaskKind, Timestamp, Webhook};
use orders_context::store::Lease;
use std::sync::Arc;

/// Takes one order all the way and returns its id. `told` hears of each event once it is durable:
/// whose, and which.
pub async fn take(app: &App, number: u64, told: impl Fn(&str, i64)) -> anyhow::Result<String> {
    let placed = app.place_order(dinner(number), Cause::default()).await?;
    let id = &placed.order.order_id;
    told(id, 1);
    deliver(app, id, 1, TaskKind::NotifyRestaurant, "webhook").await?;
    told(id, 2);
    let by = Arc::new(Actor::Restaurant(vec!["nino".to_owned()]));
    app.decide_order(id, Decision::Accept, Arc::clone(&by), Cause::default()).await?;
    told(id, 3);
    let accepted = orders_context::domain::Notification::Accepted.task();
    deliver(app, id, 3, accepted, "push").await?;
    told(id, 4);
    app.decide_order(id, Decision::Complete, by, Cause::default()).await?;
    told(id, 5);
    Ok(id.clone())
}

/// Reports a task that event number `sequence` asked for as done at the first attempt.
async fn deliver(
    app: &App,
    order_id: &str,
    sequence: i64,
    kind: TaskKind,
    channel: &'static str,
) -> anyhow::Result<()> {
    let task = Task {
        order_id: order_id.to_owned(),
        sequence,
        kind,
        state: TaskState::Open,
        attempts: 0,
        next_attempt_at: Timestamp(0),
        give_up_at: Timestamp(i64::MAX),
        last_error: None,
        event_id: format!("event-{sequence}"),
        traceparent: None,
    };
    let lease = Lease { name: "tasks".into(), token: 1 };
    Ok(app.report_task(&task, 1, TaskReport::Delivered { channel }, &lease).await?)
}

/// The restaurant of every order.
pub fn trattoria() -> Restaurant {
    let dish = |item_id: &str, name: &str, price_minor| MenuItem {
        item_id: item_id.to_owned(),
        name: name.to_owned(),
        price_minor,
    };
    Restaurant {
        restaurant_id: "nino".to_owned(),
        name: "Trattoria da Nino".to_owned(),
        currency: "EUR".to_owned(),
        menu: vec![dish("margherita", "Pizza Margherita", 950), dish("tiramisu", "Tiramisù", 550)],
        webhook: Some(Webhook {
            url: "https://nino.example/orders".to_owned(),
            secret: "whsec_bm9ib2R5IHNpZ25zIGFueXRoaW5nIGhlcmU=".to_owned(),
        }),
        mail: None,
    }
}

fn dinner(number: u64) -> PlaceOrder {
    PlaceOrder {
        restaurant_id: "nino".to_owned(),
        customer_id: format!("customer-{number}"),
        items: vec![("margherita".to_owned(), 2), ("tiramisu".to_owned(), 1)],
        contact: Contact {
            name: "Ada Lovelace".to_owned(),
            email: "ada@example.org".to_owned(),
            note: Some("Second floor, the bell says Byron.".to_owned()),
            remark: None,
        },
        idempotency_key: format!("key-{number}"),
        request_hash: vec![7; 32],
    }
}
