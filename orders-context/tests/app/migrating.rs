//! Moving orders under way to other terms: each once, whatever is lost on the way, and as the plan said.

use crate::faulty::Fault;
use crate::support::{
    MINUTE, SECOND, Takeaway, bella_napoli, cook, history, lease, placed, run_until_killed, told,
    until,
};
use orders_context::app::{App, Bulk, BulkWanted, Cause, TaskReport};
use orders_context::check;
use orders_context::domain::migrate::{Migration, migration};
use orders_context::domain::{Action, Decision, Event, Intervention, Order, Policy, Status, Terms};
use orders_context::plan::{self, Outcome};
use orders_context::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A quarter of an hour to answer, an hour and a half in all, one reminder.
fn evening() -> Terms {
    let policy = Policy {
        version: 2,
        accept_within_ms: 15 * 60_000,
        complete_within_ms: 90 * 60_000,
        remind_after_ms: vec![240_000],
        ..Policy::standard()
    };
    policy.into()
}

fn moving() -> BulkWanted {
    BulkWanted {
        action: Action::Migrate { to: evening() },
        filter: plan::under_way(),
        intervention: Intervention {
            actor: "operator-7".to_owned(),
            reason: "Evenings are slow".to_owned(),
        },
        per_second: 20,
    }
}

/// Has the newest task of an order delivered.
async fn deliver(app: &App, order_id: &str, channel: &'static str) {
    let task = app.order(order_id).await.unwrap().tasks.pop().unwrap();
    app.report_task(&task, 1, TaskReport::Delivered { channel }, &lease()).await.unwrap();
}

async fn decide(app: &App, order_id: &str, decision: Decision) {
    app.decide_order(order_id, decision, cook(), Cause::default()).await.unwrap();
}

/// So many dinners, as many in each status under way, and some at rest.
async fn evening_orders(takeaway: &Takeaway, app: &App, count: usize) -> Vec<String> {
    let url = Some("https://bella-napoli.example/orders".to_owned());
    app.register_restaurant(bella_napoli(url)).await.unwrap();
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        let id = placed(app, &format!("rosa-{number}")).await.order_id.clone();
        takeaway.clock.advance_us(SECOND / 10);
        if number % 5 > 0 {
            deliver(app, &id, "webhook").await;
        }
        if number % 5 > 1 {
            decide(app, &id, Decision::Accept).await;
        }
        if number % 5 > 2 {
            deliver(app, &id, "mail").await;
        }
        if number % 5 > 3 {
            decide(app, &id, Decision::Complete).await;
        }
        ids.push(id);
    }
    ids
}

async fn all(app: &App, ids: &[String]) -> Vec<Order> {
    let mut orders = Vec::with_capacity(ids.len());
    for id in ids {
        orders.push(app.order(id).await.unwrap().order);
    }
    orders
}

/// The loop, killed at one of its next writes, a later one each time, until the bulk action has
/// ended. Now and then a write before that is lost as well.
async fn run_and_kill(takeaway: &Takeaway, bulk_id: &str) -> (Bulk, usize) {
    let mut kills = 0;
    loop {
        let fatal = if kills % 2 == 0 { Fault::HangsBefore } else { Fault::HangsAfter };
        let mut writes = vec![None; 1 + kills % 4];
        match kills % 10 {
            2 => writes.push(Some(Fault::Before)),
            7 => writes.push(Some(Fault::After)),
            _ => {}
        }
        writes.push(Some(fatal));
        takeaway.store.spoil_writes(writes);
        match run_until_killed(takeaway, bulk_id).await {
            Some(done) => return (done, kills),
            None => kills += 1,
        }
    }
}

#[tokio::test]
async fn each_order_under_way_is_moved_once_as_planned_whatever_is_lost() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = evening_orders(&takeaway, &app, 300).await;
    let before = all(&app, &ids).await;
    let store: Arc<dyn Store> = takeaway.open_again();
    let planned = plan::plan(&*store, &evening(), app.now()).await.unwrap();
    let moving_orders: u64 =
        planned.groups.iter().filter(|g| g.outcome == Outcome::Moves).map(|g| g.orders).sum();
    assert_eq!(moving_orders, 240, "{planned}");
    let statuses: BTreeMap<_, _> =
        planned.statuses.iter().map(|each| (each.status, each.orders)).collect();
    for status in [Status::Placed, Status::Notified, Status::Accepted, Status::Confirmed] {
        assert_eq!(statuses[&status], 60, "{planned}");
    }
    let dry = app.try_bulk(moving()).await.unwrap();
    assert_eq!((dry.matched, dry.tally.acted), (Some(240), 200), "a sample of them: {dry:?}");

    let bulk = app.start_bulk(moving(), "key".to_owned(), vec![7]).await.unwrap();
    let (done, kills) = run_and_kill(&takeaway, &bulk.bulk_id).await;
    assert!(kills > 10, "it was killed {kills} times");
    assert_eq!((done.tally.acted, done.tally.unchanged, done.taken()), (240, 0, 240));

    // Another process, which reads what is stored.
    let app = takeaway.app().await;
    for (order, moved) in before.iter().zip(all(&app, &ids).await) {
        let rows = history(&app, &order.order_id).await;
        let moves = rows.iter().filter(|r| matches!(r.event, Event::FlowMigrated { .. })).count();
        let at = rows.last().unwrap().occurred_at;
        match migration(order, &evening(), at) {
            Migration::Moves { accept_by, complete_by } => {
                assert_eq!((moves, moved.status), (1, order.status), "{}", order.order_id);
                assert_eq!((moved.accept_by, moved.complete_by), (accept_by, complete_by));
                assert_eq!(moved.policy, evening().policy);
                let intervention = rows.last().unwrap().event.intervention();
                assert_eq!(intervention, Some(&moving().intervention));
            }
            stands => {
                assert_eq!((moves, stands), (0, Migration::Stands), "{}", order.order_id);
                assert_eq!(moved, *order, "what is at rest keeps its terms");
            }
        }
    }
    let checked = check::check(&*store, |violation| panic!("{violation}")).await.unwrap();
    assert_eq!((checked.orders, checked.violations), (300, 0), "{checked}");
    let again = plan::plan(&*store, &evening(), app.now()).await.unwrap();
    assert!(again.groups.iter().all(|group| group.outcome == Outcome::Stands), "{again}");
}

/// What the plan says of each group is what becomes of its orders when they are moved at that moment.
#[tokio::test]
async fn a_plan_of_the_same_moment_says_what_becomes_of_each() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = evening_orders(&takeaway, &app, 10).await;
    takeaway.clock.advance_us(11 * MINUTE);
    let store: Arc<dyn Store> = takeaway.open_again();
    let planned = plan::plan(&*store, &evening(), app.now()).await.unwrap();
    let before = all(&app, &ids).await;
    let bulk = app.start_bulk(moving(), "key".to_owned(), vec![7]).await.unwrap();
    until("the end of the bulk action", async || {
        let bulk = app.bulk(&bulk.bulk_id).await.unwrap();
        if !bulk.is_open() {
            return Some(());
        }
        app.advance_bulk(bulk, &lease()).await.unwrap();
        None
    })
    .await;
    for (order, moved) in before.iter().zip(all(&app, &ids).await) {
        let group = planned.groups.iter().find(|group| group.status == order.status);
        let Some(group) = group else {
            assert_eq!(told(&app, &order.order_id).await.last(), Some(&"order_completed"));
            continue;
        };
        let expected = if order.status.awaits_answer() { Outcome::TooLate } else { Outcome::Moves };
        assert_eq!(group.outcome, expected, "{planned}");
        let complete_by = order.complete_by.plus_ms(group.complete_by_ms);
        assert_eq!(moved.complete_by, complete_by, "{planned}");
    }
    let done = app.bulk(&bulk.bulk_id).await.unwrap();
    assert_eq!((done.tally.acted, done.tally.refused["deadline_passed"].count), (4, 4));
}
