//! The loop that lets orders do what is due. The clock is moved; nobody waits ten minutes.

use crate::faulty::Fault;
use crate::lateness::Lateness;
use crate::support::{
    MINUTE, SECOND, Takeaway, bella_napoli, cook, everything, last_event, lease, placed, told,
    until,
};
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, TaskReport};
use orders_context::deadlines;
use orders_context::domain::{Actor, Decision, Event, Status, TaskKind};
use orders_context::store::TaskState;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// How many orders are on their way at a time: fewer than are due in one of the tests.
const SHARE: usize = 64;

/// Starts the loop.
fn watch(takeaway: &Takeaway, app: &App) -> (Shutdown, JoinHandle<anyhow::Result<()>>) {
    let stop = Shutdown::new();
    let clock = Arc::new(takeaway.clock.clone());
    (stop.clone(), tokio::spawn(deadlines::run(app.clone(), clock, SHARE, stop)))
}

async fn until_told(app: &App, order_id: &str, event_type: &str, times: usize) {
    until(event_type, async || {
        let told = told(app, order_id).await;
        (told.iter().filter(|each| **each == event_type).count() == times).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_order_that_nobody_answers_is_reminded_of_and_expires() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let webhook = "https://bella-napoli.example/orders".to_owned();
    app.register_restaurant(bella_napoli(Some(webhook))).await.unwrap();
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    let announcement = app.order(id).await.unwrap().tasks.remove(0);
    assert_eq!(announcement.kind, TaskKind::NotifyRestaurant);
    let told_it = TaskReport::Delivered { channel: "webhook" };
    app.report_task(&announcement, 1, told_it, &lease()).await.unwrap();

    let (stop, watching) = watch(&takeaway, &app);
    let mut now = 0;
    for (number, at) in [(1, 90 * SECOND), (2, 3 * MINUTE), (3, 8 * MINUTE)] {
        takeaway.clock.advance_us(at - now);
        now = at;
        until_told(&app, id, "restaurant_reminded", number).await;
    }
    takeaway.clock.advance_us(10 * MINUTE - now);
    until_told(&app, id, "order_expired", 1).await;
    stop.cancel();
    watching.await.unwrap().unwrap();

    assert_eq!(
        told(&app, id).await,
        [
            "order_placed",
            "restaurant_notified",
            "restaurant_reminded",
            "restaurant_reminded",
            "restaurant_reminded",
            "order_expired",
        ]
    );
    assert_eq!(last_event(&app, id).await, Event::OrderExpired { accept_by: order.accept_by });
    let tasks = app.order(id).await.unwrap().tasks;
    let stand: Vec<_> = tasks.iter().map(|task| (task.kind.as_str(), task.state)).collect();
    let reminder = ("remind_restaurant", TaskState::Withdrawn);
    assert_eq!(
        stand,
        [
            ("notify_restaurant", TaskState::Done),
            reminder,
            reminder,
            reminder,
            ("notify_user", TaskState::Open),
        ]
    );
    assert_eq!(app.next_wake_at().await.unwrap(), None);
}

#[tokio::test]
async fn an_accepted_order_times_out_and_may_be_redriven() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    let id = &order.order_id;
    let decide =
        async |decision, by| app.decide_order(id, decision, by, Cause::default()).await.unwrap();
    decide(Decision::Accept, cook()).await;
    let (_stop, _watching) = watch(&takeaway, &app);
    takeaway.clock.advance_us(120 * MINUTE);
    until_told(&app, id, "order_timed_out", 1).await;
    assert_eq!(decide(Decision::Redrive, Actor::Operator).await.status, Status::Accepted);
    takeaway.clock.advance_us(120 * MINUTE);
    until_told(&app, id, "order_timed_out", 2).await;
}

/// More than the loop looks at together, and all of them overdue.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_long_sleep_every_order_comes_to_rest() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    // Fewer at a time than may wait, whoever gets to work when.
    for first in (0..600).step_by(200) {
        let placing = (first..first + 200).map(|number| {
            let app = app.clone();
            async move { placed(&app, &format!("rosa-{number}")).await }
        });
        placing.collect::<tokio::task::JoinSet<_>>().join_all().await;
    }
    takeaway.clock.advance_us(600 * MINUTE);
    let (_stop, _watching) = watch(&takeaway, &app);
    until("all to expire", async || app.next_wake_at().await.unwrap().is_none().then_some(()))
        .await;
    let orders = app.orders(everything(1_000)).await.unwrap().orders;
    assert_eq!(orders.len(), 600);
    assert!(orders.iter().all(|order| (order.status, order.version) == (Status::Expired, 2)));
}

/// The loop is seven seconds late for more orders than it looks after at a time; people are answered meanwhile.
#[tokio::test]
async fn how_late_deadlines_are_met_is_recorded() {
    const DUE: usize = 2 * SHARE;
    let lateness = Lateness::default();
    let _recorded = metrics::set_default_local_recorder(&lateness);
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    for number in 0..DUE {
        placed(&app, &format!("rosa-{number}")).await;
    }
    takeaway.clock.advance_us(10 * MINUTE + 7 * SECOND);
    let (stop, watching) = watch(&takeaway, &app);
    until("the first to expire", async || (lateness.count() > 0).then_some(())).await;
    assert_eq!(placed(&app, "rosa-meanwhile").await.status, Status::Placed);
    until("all to expire", async || (lateness.count() >= DUE).then_some(())).await;
    stop.cancel();
    watching.await.unwrap().unwrap();
    assert_eq!(lateness.take(), [7.0; DUE]);
}

#[tokio::test]
async fn a_store_that_fails_delays_a_deadline_and_does_not_end_the_loop() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    takeaway.clock.advance_us(10 * MINUTE);
    let before = takeaway.store.commits();
    takeaway.store.spoil([Fault::Before, Fault::After]);
    let (stop, watching) = watch(&takeaway, &app);
    until("a commit that fails", async || (takeaway.store.commits() > before).then_some(())).await;
    until("the order to expire", async || {
        // The loop looks again a second later by the clock that stands still.
        takeaway.clock.advance_us(SECOND);
        let status = app.order(&order.order_id).await.unwrap().order.status;
        (status == Status::Expired).then_some(())
    })
    .await;
    stop.cancel();
    watching.await.unwrap().unwrap();
    assert_eq!(told(&app, &order.order_id).await, ["order_placed", "order_expired"]);
}
