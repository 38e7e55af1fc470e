//! Bella Napoli, and as many customers as are wanted.

use anyhow::Context;
use chassis::clock::Clock;
use chassis::ids::UuidV7Ids;
use chassis::shutdown::Shutdown;
use orders_context::app::group::Limits;
use orders_context::app::{App, Cause, PlaceOrder, StartedTask, TaskReport};
use orders_context::domain::{MenuItem, Policy, Restaurant};
use orders_context::store::{Contact, Lease, Store};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// As `orders serve` has them.
pub const LIMITS: Limits = Limits { queue: 4_096, group: 512 };

/// How many orders are placed at a time while there is nothing to measure yet.
const AT_ONCE: usize = 1_024;

/// No reminders: orders wait for their end alone.
pub fn policy(accept_within_ms: i64) -> Policy {
    Policy {
        accept_within_ms,
        complete_within_ms: accept_within_ms + 7_200_000,
        remind_after_ms: Vec::new(),
        ..Policy::standard()
    }
}

/// What becomes of tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    /// They stay open.
    Left,
    /// Each is reported as delivered at once.
    Delivered,
}

/// An application at work. It stops with the guard.
pub async fn open(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    policy: Policy,
    tasks: Tasks,
) -> anyhow::Result<(App, impl Sized + use<>)> {
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    let (app, mut group) = App::new(store, clock, Arc::new(UuidV7Ids), policy, LIMITS);
    if tasks == Tasks::Delivered {
        let (hand_over, started) = mpsc::channel(LIMITS.queue);
        group.hand_tasks_to(hand_over);
        tokio::spawn(deliver(app.clone(), started));
    }
    let stop = Shutdown::new();
    tokio::spawn(group.run(stop.clone()));
    let margherita = MenuItem {
        item_id: "margherita".to_owned(),
        name: "Pizza Margherita".to_owned(),
        price_minor: 950,
    };
    app.register_restaurant(Restaurant {
        restaurant_id: "bella-napoli".to_owned(),
        name: "Bella Napoli".to_owned(),
        currency: "EUR".to_owned(),
        menu: vec![margherita],
        webhook: None,
        mail: None,
    })
    .await?;
    Ok((app, stop.drop_guard()))
}

async fn deliver(app: App, mut started: mpsc::Receiver<StartedTask>) {
    while let Some(StartedTask { task, .. }) = started.recv().await {
        let app = app.clone();
        let delivered = TaskReport::Delivered { channel: "mail" };
        // What fails stays open, and is seen in the figures.
        let lease = Lease { name: "tasks".into(), token: 1 };
        tokio::spawn(async move { app.report_task(&task, 1, delivered, &lease).await });
    }
}

/// Places one order; its id.
pub async fn place(app: &App, name: &str, number: usize) -> anyhow::Result<String> {
    let wanted = PlaceOrder {
        restaurant_id: "bella-napoli".to_owned(),
        customer_id: format!("customer-{number}"),
        items: vec![("margherita".to_owned(), 2)],
        contact: Contact {
            name: "Rosa Parodi".to_owned(),
            email: "rosa@example.org".to_owned(),
            note: None,
            remark: None,
        },
        idempotency_key: format!("{name}-{number}"),
        request_hash: vec![7; 32],
    };
    Ok(app.place_order(wanted, Cause::default()).await?.order.order_id.clone())
}

/// Places many, as fast as it goes.
pub async fn place_many(app: &App, name: &'static str, orders: usize) -> anyhow::Result<()> {
    let mut placing = JoinSet::new();
    for number in 0..orders {
        if placing.len() == AT_ONCE {
            placing.join_next().await.context("one was on its way")???;
        }
        let app = app.clone();
        placing.spawn(async move { place(&app, name, number).await });
    }
    while let Some(placed) = placing.join_next().await {
        placed??;
    }
    Ok(())
}
