//! Orders that move between the portion they were taken in and their turn: the filter judges them again.

use crate::bulk::{cancelling, dinners, finish, intervention, start};
use crate::faulty::Fault;
use crate::support::{SECOND, Takeaway, cook, lease, until};
use orders_context::app::{App, Bulk, BulkState, Cause, Failure, Interrupt};
use orders_context::domain::{Decision, Order, Status};
use std::sync::Arc;

async fn accept(app: &App, order_id: &str) -> Result<Arc<Order>, Failure> {
    app.decide_order(order_id, Decision::Accept, cook(), Cause::default()).await
}

/// The first is being cooked, the others are called off.
async fn judge(app: &App, done: &Bulk, ids: &[String]) {
    for (id, status) in ids.iter().zip([Status::Accepted, Status::Cancelled, Status::Cancelled]) {
        assert_eq!(app.order(id).await.unwrap().order.status, status, "{id}");
    }
    assert_eq!((done.state, done.tally.acted, done.taken()), (BulkState::Done, 2, 3));
    let passed_over = &done.tally.refused["no_longer_matches"];
    assert_eq!((passed_over.count, &passed_over.order_ids[..]), (1, &ids[..1]));
}

#[tokio::test]
async fn who_moved_while_a_portion_was_left_is_passed_over() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 3).await;
    takeaway.clock.advance_us(1);
    let bulk = start(&app, cancelling()).await;
    // The portion is taken, and nobody acts on it.
    takeaway.store.spoil_writes_after(1, [Fault::Before; 10]);
    let _ = app.advance_bulk(bulk.clone(), &lease()).await;
    takeaway.store.spoil_nothing();
    assert_eq!(app.bulk(&bulk.bulk_id).await.unwrap().portion.order_ids, ids);
    let interrupt = async |what| app.interrupt_bulk(&bulk.bulk_id, what, intervention()).await;
    interrupt(Interrupt::Pause).await.unwrap();
    accept(&app, &ids[0]).await.unwrap();
    interrupt(Interrupt::Resume).await.unwrap();
    judge(&app, &finish(&takeaway, &app, &bulk.bulk_id).await, &ids).await;
}

/// The restaurant's answer is on its way to the disk while the order is judged.
#[tokio::test]
async fn who_moves_between_judgement_and_action_is_judged_again() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let ids = dinners(&app, 3).await;
    takeaway.clock.advance_us(SECOND);
    let bulk = start(&app, cancelling()).await;
    let before = takeaway.store.commits();
    takeaway.store.hold();
    let answering = tokio::spawn({
        let (app, id) = (app.clone(), ids[0].clone());
        async move { accept(&app, &id).await }
    });
    until("the answer", async || (takeaway.store.commits() > before).then_some(())).await;
    let advancing = tokio::spawn({
        let (app, bulk) = (app.clone(), bulk.clone());
        async move { app.advance_bulk(bulk, &lease()).await }
    });
    until("the judgement", async || (takeaway.store.judged() == 1).then_some(())).await;
    takeaway.store.let_go();
    answering.await.unwrap().unwrap();
    advancing.await.unwrap().unwrap();
    judge(&app, &finish(&takeaway, &app, &bulk.bulk_id).await, &ids).await;
}
