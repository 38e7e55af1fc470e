//! One group is formed while another is written: who waits for what, and who for nothing. The store
//! begins a commit when a test lets it.

use crate::faulty::Fault;
use crate::support::{
    ROOMY, Takeaway, cook, everything, margherite, place, placed, reject, told, until,
};
use chassis::shutdown::Shutdown;
use orders_context::app::group::Limits;
use orders_context::app::{App, Cause, Failure};
use orders_context::domain::{Actor, Decision, Order, Rejection, Status};
use std::sync::Arc;
use tokio::task::JoinHandle;

type Decided = JoinHandle<Result<Arc<Order>, Failure>>;

fn decide(app: &App, order: &Order, decision: Decision) -> Decided {
    let (app, order_id) = (app.clone(), order.order_id.clone());
    tokio::spawn(
        async move { app.decide_order(&order_id, decision, cook(), Cause::default()).await },
    )
}

/// Lets everything happen that needs no commit: all of it is on this one thread.
async fn pause() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

/// Waits until so many commits were asked for, since `before`.
async fn until_commits(takeaway: &Takeaway, before: usize, commits: usize) {
    until("a commit", async || (takeaway.store.commits() == before + commits).then_some(())).await;
    pause().await;
}

/// What may be done before and after, so that only the commit would have told that it rests on nothing.
#[tokio::test]
async fn what_concerns_an_order_that_is_being_written_is_decided_on_what_became_of_it() {
    for (fault, accepts) in [(None, true), (Some(Fault::Before), false)] {
        let takeaway = Takeaway::open();
        let app = takeaway.app().await;
        let order = placed(&app, "rosa-1").await;
        let before = takeaway.store.commits();
        takeaway.store.spoil(fault);
        takeaway.store.hold();
        let accepted = decide(&app, &order, Decision::Accept);
        until_commits(&takeaway, before, 1).await;
        let cancelled = tokio::spawn({
            let (app, order_id) = (app.clone(), order.order_id.clone());
            let cancel = Decision::Cancel { reason: "restaurant_closed".to_owned() };
            async move { app.decide_order(&order_id, cancel, Actor::Operator, Cause::default()).await }
        });
        let another = place(&app, "rosa-2");
        pause().await;
        takeaway.store.let_one_go();
        assert_eq!(accepted.await.unwrap().is_ok(), accepts);
        until_commits(&takeaway, before, 2).await;
        takeaway.store.let_go();
        assert_eq!(cancelled.await.unwrap().unwrap().status, Status::Cancelled);
        another.await.unwrap().unwrap();
        let accepted = accepts.then_some("order_accepted");
        let happened = ["order_placed"].into_iter().chain(accepted).chain(["order_cancelled"]);
        assert_eq!(told(&app, &order.order_id).await, happened.collect::<Vec<_>>());
        assert_eq!(takeaway.store.commits() - before, 2, "with what was formed meanwhile");
    }
}

#[tokio::test]
async fn what_concerns_other_orders_is_ready_when_the_store_is() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let first = placed(&app, "rosa-1").await;
    let second = placed(&app, "rosa-2").await;
    let before = takeaway.store.commits();
    takeaway.store.hold();
    let writing = decide(&app, &first, Decision::Accept);
    until_commits(&takeaway, before, 1).await;
    let accepted = decide(&app, &second, Decision::Accept);
    let again = decide(&app, &second, Decision::Accept);
    let completed = decide(&app, &second, Decision::Complete);
    let placing = place(&app, "rosa-3");
    pause().await;
    assert!(!accepted.is_finished() && !again.is_finished(), "nothing of it is durable");
    takeaway.store.let_go();
    assert_eq!(writing.await.unwrap().unwrap().status, Status::Accepted);
    assert_eq!(accepted.await.unwrap().unwrap().status, Status::Accepted);
    assert_eq!(again.await.unwrap().unwrap().status, Status::Accepted);
    assert_eq!(completed.await.unwrap().unwrap().status, Status::Completed);
    placing.await.unwrap().unwrap();
    assert_eq!(takeaway.store.commits() - before, 2, "one transaction for all of them");
}

#[tokio::test]
async fn a_commit_that_fails_refuses_its_own_group_and_not_the_next() {
    for fault in [Fault::Before, Fault::After] {
        let takeaway = Takeaway::open();
        let app = takeaway.app().await;
        let (first, second) = (placed(&app, "rosa-1").await, placed(&app, "rosa-2").await);
        let before = takeaway.store.commits();
        takeaway.store.spoil([fault]);
        takeaway.store.hold();
        let lost = [decide(&app, &first, Decision::Accept), decide(&app, &first, reject())];
        until_commits(&takeaway, before, 1).await;
        let stands = [decide(&app, &second, Decision::Accept), decide(&app, &second, reject())];
        pause().await;
        takeaway.store.let_go();
        for answer in lost {
            let answer = answer.await.unwrap();
            assert!(matches!(answer, Err(Failure::Unavailable(_))), "{fault:?}: {answer:?}");
        }
        let [accepted, rejected] = stands;
        assert_eq!(accepted.await.unwrap().unwrap().status, Status::Accepted, "{fault:?}");
        let rejected = rejected.await.unwrap();
        let otherwise =
            matches!(rejected, Err(Failure::Rejected(Rejection::DecidedOtherwise { .. })));
        assert!(otherwise, "{fault:?}: {rejected:?}");
        assert_eq!(told(&app, &second.order_id).await, ["order_placed", "order_accepted"]);
        // Whatever has become of the first, it is read again and not guessed.
        assert!(decide(&app, &first, Decision::Accept).await.unwrap().is_ok(), "{fault:?}");
        assert_eq!(told(&app, &first.order_id).await, ["order_placed", "order_accepted"]);
    }
}

#[tokio::test]
async fn who_is_decided_again_keeps_the_place_before_those_who_came_later() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    let before = takeaway.store.commits();
    takeaway.store.spoil([Fault::Moved, Fault::Moved]);
    takeaway.store.hold();
    let (accepted, again) =
        (decide(&app, &order, Decision::Accept), decide(&app, &order, Decision::Accept));
    until_commits(&takeaway, before, 1).await;
    let late = [decide(&app, &order, Decision::Complete), decide(&app, &order, reject())];
    pause().await;
    takeaway.store.let_go();
    assert_eq!(accepted.await.unwrap().unwrap().status, Status::Accepted);
    assert_eq!(again.await.unwrap().unwrap().status, Status::Accepted);
    let [completed, rejected] = late;
    assert_eq!(completed.await.unwrap().unwrap().status, Status::Completed);
    let rejected = rejected.await.unwrap();
    assert!(
        matches!(
            rejected,
            Err(Failure::Rejected(Rejection::DecidedOtherwise { status: Status::Completed, .. }))
        ),
        "{rejected:?}"
    );
    assert_eq!(
        told(&app, &order.order_id).await,
        ["order_placed", "order_accepted", "order_completed"]
    );
}

#[tokio::test]
async fn an_order_that_others_move_for_ever_is_given_up() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    takeaway.store.spoil([Fault::Moved; 6]);
    let contended = decide(&app, &order, Decision::Accept).await.unwrap();
    assert!(matches!(contended, Err(Failure::Contended)), "{contended:?}");
    assert!(decide(&app, &order, Decision::Accept).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_key_that_is_being_written_is_replayed_and_leads_to_one_order() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    placed(&app, "rosa-1").await;
    let before = takeaway.store.commits();
    takeaway.store.hold();
    let first = place(&app, "rosa-2");
    until_commits(&takeaway, before, 1).await;
    let again = place(&app, "rosa-2");
    let (asking, mut wanted) = (app.clone(), margherite("rosa-2"));
    wanted.request_hash = vec![8; 32];
    let other = tokio::spawn(async move { asking.place_order(wanted, Cause::default()).await });
    pause().await;
    takeaway.store.let_go();
    let (first, again) = (first.await.unwrap().unwrap(), again.await.unwrap().unwrap());
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.order, again.order);
    assert!(matches!(other.await.unwrap(), Err(Failure::KeyReused)));
    assert_eq!(app.orders(everything(10)).await.unwrap().orders.len(), 2);
}

#[tokio::test]
async fn a_store_that_hangs_fills_the_queue_and_no_more() {
    let takeaway = Takeaway::open();
    takeaway.app().await;
    let (app, group) = takeaway.idle_app(Limits { queue: 8, group: 2 });
    tokio::spawn(group.run(Shutdown::new()));
    app.restaurant("bella-napoli").await.unwrap().unwrap();
    let before = takeaway.store.commits();
    takeaway.store.hold();
    let mut taken = vec![place(&app, "rosa-0")];
    until_commits(&takeaway, before, 1).await;
    // Two are formed behind the one that is being written; three are queued, for new orders get no more
    // than a quarter of the queue and one place.
    for number in 1..=5 {
        taken.push(place(&app, &format!("rosa-{number}")));
        pause().await;
    }
    let one_more = place(&app, "one-more").await.unwrap();
    assert!(matches!(one_more, Err(Failure::Overloaded)), "{one_more:?}");
    assert_eq!(takeaway.store.commits() - before, 1, "one transaction is under way at a time");
    takeaway.store.let_go();
    for answer in taken {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(takeaway.store.commits() - before, 4, "one, two, two, one");
}

#[tokio::test]
async fn stopping_answers_whom_is_written_whom_is_formed_and_who_waits() {
    let takeaway = Takeaway::open();
    let order = placed(&takeaway.app().await, "rosa-1").await;
    let (app, group) = takeaway.idle_app(ROOMY);
    app.restaurant("bella-napoli").await.unwrap().unwrap();
    let stop = Shutdown::new();
    let running = tokio::spawn(group.run(stop.clone()));
    let before = takeaway.store.commits();
    takeaway.store.hold();
    let accepted = decide(&app, &order, Decision::Accept);
    until_commits(&takeaway, before, 1).await;
    let (formed, waits) = (place(&app, "rosa-2"), decide(&app, &order, Decision::Complete));
    pause().await;
    stop.cancel();
    pause().await;
    let late = place(&app, "late").await.unwrap();
    assert!(matches!(late, Err(Failure::Unavailable(_))), "{late:?}");
    assert!(!running.is_finished());
    takeaway.store.let_go();
    assert_eq!(accepted.await.unwrap().unwrap().status, Status::Accepted);
    formed.await.unwrap().unwrap();
    assert_eq!(waits.await.unwrap().unwrap().status, Status::Completed);
    running.await.unwrap().unwrap();
}
