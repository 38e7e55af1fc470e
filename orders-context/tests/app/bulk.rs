//! One action on many orders: each once, whatever is lost on the way.

use crate::faulty::Fault;
use crate::support::{MINUTE, SECOND, Takeaway, history, lease, placed, run_until_killed, until};
use chassis::clock::{BootInstant, Clock};
use chassis::shutdown::Shutdown;
use orders_context::app::{
    App, Bulk, BulkRefusal, BulkState, BulkWanted, Cause, Failure, Interrupt, OrdersFilter,
    TaskReport,
};
use orders_context::bulk_actions;
use orders_context::domain::{Action, Deadline, Event, Intervention, Status, Until};
use orders_context::leases::Held;
use std::sync::Arc;
use std::time::Duration;

pub fn intervention() -> Intervention {
    Intervention { actor: "operator-7".to_owned(), reason: "No power at the harbour".to_owned() }
}

fn placed_ones() -> OrdersFilter {
    OrdersFilter { status: vec![Status::Placed], ..OrdersFilter::default() }
}

/// Ten minutes more for each order: doing it twice would show.
fn ten_minutes_more() -> BulkWanted {
    let until = Until::Later { by_ms: 600_000 };
    BulkWanted {
        action: Action::Extend { deadline: Deadline::CompleteBy, until },
        filter: placed_ones(),
        intervention: intervention(),
        per_second: 10,
    }
}

pub fn cancelling() -> BulkWanted {
    let action = Action::Cancel { reason: "restaurant_closed".to_owned() };
    BulkWanted { action, ..ten_minutes_more() }
}

pub async fn start(app: &App, wanted: BulkWanted) -> Bulk {
    app.start_bulk(wanted, "key".to_owned(), vec![7]).await.unwrap()
}

pub async fn dinners(app: &App, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(placed(app, &format!("rosa-{number}")).await.order_id.clone());
    }
    ids
}

/// Takes it to its end, a portion at a time, asking again after failures.
pub async fn finish(takeaway: &Takeaway, app: &App, bulk_id: &str) -> Bulk {
    until("the end of the bulk action", async || {
        takeaway.clock.advance_us(SECOND);
        let bulk = app.bulk(bulk_id).await.unwrap();
        if !bulk.is_open() {
            return Some(bulk);
        }
        let _ = app.advance_bulk(bulk, &lease()).await;
        None
    })
    .await
}

/// How often each of the orders was given more time.
async fn extended(app: &App, ids: &[String]) -> Vec<usize> {
    let mut times = Vec::new();
    for id in ids {
        let rows = history(app, id).await;
        let extended = rows.iter().filter(|r| matches!(r.event, Event::DeadlineExtended { .. }));
        times.push(extended.count());
    }
    times
}

#[tokio::test]
async fn each_order_that_matches_is_acted_on_once_and_says_by_whom() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 23).await;
    let by_hand = Action::Cancel { reason: "changed_mind".to_owned() };
    app.act(&ids[0], &by_hand, intervention(), Cause::default()).await.unwrap();
    takeaway.clock.advance_us(1);
    let bulk = start(&app, cancelling()).await;
    assert_eq!((bulk.matched, bulk.state), (Some(22), BulkState::Running));
    takeaway.clock.advance_us(1);
    let later = placed(&app, "too-late-for-this").await;
    let done = finish(&takeaway, &app, &bulk.bulk_id).await;
    assert_eq!(done.state, BulkState::Done);
    assert_eq!((done.tally.acted, done.tally.unchanged, done.taken()), (22, 0, 22));
    assert!(done.ended_at.is_some());
    for id in &ids[1..] {
        let last = history(&app, id).await.pop().unwrap();
        assert_eq!(last.event.intervention(), Some(&intervention()));
        assert_eq!(last.causation_id.as_deref(), Some(bulk.bulk_id.as_str()));
    }
    assert_eq!(app.order(&later.order_id).await.unwrap().order.status, Status::Placed);
}

#[tokio::test]
async fn refusals_are_counted_by_cause_and_named() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 12).await;
    takeaway.clock.advance_us(10 * MINUTE);
    let wanted = cancelling();
    let dry = app.try_bulk(wanted.clone()).await.unwrap();
    assert_eq!((dry.matched, dry.sampled), (Some(12), 12));
    let bulk = start(&app, wanted).await;
    let done = finish(&takeaway, &app, &bulk.bulk_id).await;
    let refused = &done.tally.refused["deadline_passed"];
    assert_eq!((refused.count, done.tally.acted), (12, 0));
    assert_eq!(refused.order_ids, ids[..10], "the first few");
    assert_eq!(dry.tally, done.tally, "a dry run says what comes of it");
    for id in &ids {
        assert_eq!(history(&app, id).await.len(), 1, "and does nothing");
    }
}

/// Whichever write is lost, before it was stored or after, another process finds what is to be done.
#[tokio::test]
async fn whatever_is_lost_each_order_is_acted_on_once() {
    for fault in [Fault::Before, Fault::After] {
        for lost in 0..8 {
            let takeaway = Takeaway::open();
            let app = takeaway.app().await;
            let ids = dinners(&app, 12).await;
            takeaway.clock.advance_us(1);
            let bulk = start(&app, ten_minutes_more()).await;
            takeaway.store.spoil_writes_after(lost, [fault, fault]);
            finish(&takeaway, &app, &bulk.bulk_id).await;
            // Another process, which remembers nothing.
            let other = takeaway.app().await;
            let done = finish(&takeaway, &other, &bulk.bulk_id).await;
            let case = format!("{fault:?} at {lost}");
            assert_eq!(extended(&app, &ids).await, [1; 12], "{case}");
            assert_eq!((done.tally.acted, done.taken()), (12, 12), "{case}");
        }
    }
}

/// The loop is killed at one of its next four writes, before it or after it, again and again.
#[tokio::test]
async fn a_loop_that_is_killed_anywhere_is_taken_over_by_the_next() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 60).await;
    takeaway.clock.advance_us(1);
    let bulk = start(&app, ten_minutes_more()).await;
    let mut kills = 0;
    let done = loop {
        let fatal = if kills % 2 == 0 { Fault::HangsBefore } else { Fault::HangsAfter };
        takeaway.store.spoil_writes_after(kills / 2 % 4, [fatal]);
        match run_until_killed(&takeaway, &bulk.bulk_id).await {
            Some(done) => break done,
            None => kills += 1,
        }
    };
    // Twelve portions of three writes or more, of which no process outlives four.
    assert!(kills >= 8, "it was killed {kills} times");
    assert_eq!(extended(&app, &ids).await, [1; 60]);
    assert_eq!((done.tally.acted, done.taken()), (60, 60));
}

#[tokio::test]
async fn a_bulk_action_keeps_to_its_rate_pauses_goes_on_and_is_cancelled() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 40).await;
    takeaway.clock.advance_us(1);
    let bulk = start(&app, ten_minutes_more()).await;
    let id = bulk.bulk_id.as_str();
    let held = Held::until(lease(), BootInstant::now() + Duration::from_secs(600));
    let (clock, stop): (Arc<dyn Clock>, _) = (Arc::new(takeaway.clock.clone()), Shutdown::new());
    let running = tokio::spawn(bulk_actions::run(app.clone(), clock, held, stop.clone()));
    let taken = async |count: u64| {
        until("orders to be dealt with", async || {
            let bulk = app.bulk(id).await.unwrap();
            (bulk.taken() >= count && bulk.portion.order_ids.is_empty()).then_some(bulk.taken())
        })
        .await
    };
    assert_eq!(taken(5).await, 5, "half a second's worth, and the clock stands still");
    takeaway.clock.advance_us(SECOND / 2);
    assert_eq!(taken(10).await, 10);

    let pause = async |interrupt| app.interrupt_bulk(id, interrupt, intervention()).await;
    let paused = pause(Interrupt::Pause).await.unwrap();
    assert_eq!(paused.state, BulkState::Paused);
    assert_eq!(pause(Interrupt::Pause).await.unwrap(), paused, "again: the same");
    takeaway.clock.advance_us(60 * SECOND);
    assert_eq!(app.advance_bulk(paused, &lease()).await.unwrap(), 0, "nothing is taken");
    assert_eq!(pause(Interrupt::Resume).await.unwrap().state, BulkState::Running);
    takeaway.clock.advance_us(SECOND);
    assert!(taken(15).await < 40);
    let cancelled = pause(Interrupt::Cancel).await.unwrap();
    assert_eq!(cancelled.state, BulkState::Cancelled);
    let ended = pause(Interrupt::Resume).await;
    assert!(matches!(ended, Err(BulkRefusal::Ended(BulkState::Cancelled))), "{ended:?}");
    stop.cancel();
    running.await.unwrap().unwrap();
    let end = app.bulk(id).await.unwrap();
    let acted: usize = extended(&app, &ids).await.iter().sum();
    assert_eq!(end.tally.acted, acted as u64);
    let interrupted: Vec<_> = end.interruptions.iter().map(|each| each.to).collect();
    assert_eq!(interrupted, [BulkState::Paused, BulkState::Running, BulkState::Cancelled]);
}

#[tokio::test]
async fn what_is_paused_within_its_last_portion_is_done_when_it_is_resumed() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 3).await;
    takeaway.clock.advance_us(SECOND);
    let bulk = start(&app, ten_minutes_more()).await;
    takeaway.store.hold();
    let advancing = tokio::spawn({
        let (app, bulk) = (app.clone(), bulk.clone());
        async move { app.advance_bulk(bulk, &lease()).await }
    });
    until("the portion", async || {
        (app.bulk(&bulk.bulk_id).await.unwrap().portion.order_ids.len() == 3).then_some(())
    })
    .await;
    let interrupt = async |what| app.interrupt_bulk(&bulk.bulk_id, what, intervention()).await;
    assert_eq!(interrupt(Interrupt::Pause).await.unwrap().state, BulkState::Paused);
    takeaway.store.let_go();
    assert_eq!(advancing.await.unwrap().unwrap(), 3);
    let paused = app.bulk(&bulk.bulk_id).await.unwrap();
    assert_eq!((paused.state, paused.taken()), (BulkState::Paused, 3));
    let done = interrupt(Interrupt::Resume).await.unwrap();
    assert_eq!((done.state, done.ended_at), (BulkState::Done, Some(app.now())));
    assert_eq!(extended(&app, &ids).await, [1, 1, 1]);
}

#[tokio::test]
async fn the_same_key_is_the_same_bulk_action() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let first = start(&app, cancelling()).await;
    takeaway.clock.advance_us(SECOND);
    assert_eq!(start(&app, cancelling()).await, first);
    let other = app.start_bulk(cancelling(), "key".to_owned(), vec![8]).await;
    assert!(matches!(other, Err(BulkRefusal::Failed(Failure::KeyReused))), "{other:?}");
    let unknown = app.bulk("none").await;
    assert!(matches!(unknown, Err(BulkRefusal::Unknown)), "{unknown:?}");
}

#[tokio::test]
async fn what_waits_or_was_given_up_is_tried_again_in_bulk() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let url = Some("https://bella-napoli.example/orders".to_owned());
    app.register_restaurant(crate::support::bella_napoli(url)).await.unwrap();
    let ids = dinners(&app, 6).await;
    let now = app.now();
    for (number, id) in ids.iter().enumerate() {
        let task = app.order(id).await.unwrap().tasks.pop().unwrap();
        let error = "http_503".to_owned();
        let report = match number % 2 {
            0 => TaskReport::GaveUp { error, too_late: None },
            _ => TaskReport::TryAgain { at: now.plus_ms(300_000), error },
        };
        app.report_task(&task, 1, report, &lease()).await.unwrap();
    }
    takeaway.clock.advance_us(1);
    let again = async |action, key: &str| {
        let wanted = BulkWanted { action, ..ten_minutes_more() };
        let bulk = app.start_bulk(wanted, key.to_owned(), vec![7]).await.unwrap();
        finish(&takeaway, &app, &bulk.bulk_id).await.tally
    };
    let redriven = again(Action::RedriveTask, "redrive").await;
    assert_eq!((redriven.acted, redriven.refused["task_not_given_up"].count), (3, 3));
    let hurried = again(Action::RetryNow, "retry").await;
    assert_eq!((hurried.acted, hurried.unchanged), (3, 3), "those redriven are due anyway");
}

/// What a portion needs to recognise its orders by is not forgotten while it is pending.
#[tokio::test]
async fn keys_of_a_pending_portion_outlive_a_day() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 3).await;
    takeaway.clock.advance_us(1);
    let bulk = start(&app, ten_minutes_more()).await;
    // The orders are acted on, and what became of them is not written down.
    takeaway.store.spoil_writes_after(2, [Fault::Before; 10]);
    let _ = app.advance_bulk(app.bulk(&bulk.bulk_id).await.unwrap(), &lease()).await;
    takeaway.clock.advance_us(25 * 60 * MINUTE);
    takeaway.store.spoil_nothing();
    assert_eq!(app.forget_keys(100).await.unwrap(), 3, "those of the orders' placing");
    let done = finish(&takeaway, &app, &bulk.bulk_id).await;
    assert_eq!((done.tally.acted, done.taken()), (3, 3));
    assert_eq!(extended(&app, &ids).await, [1; 3]);
    takeaway.clock.advance_us(25 * 60 * MINUTE);
    assert_eq!(app.forget_keys(100).await.unwrap(), 3, "now nothing needs them");
}
