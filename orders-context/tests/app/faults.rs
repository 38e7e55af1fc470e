//! Every commit may fail, before it is stored or after: asking again is safe, and what was not
//! durable was told to nobody.

use crate::faulty::Fault;
use crate::support::{ROOMY, Takeaway, cook, history, margherite, placed, told};
use chassis::shutdown::Shutdown;
use orders_context::app::{Cause, Failure};
use orders_context::domain::{Decision, Status};

#[tokio::test]
async fn an_order_whose_commit_failed_is_placed_once_by_asking_again() {
    for (fault, stored) in [(Fault::Before, false), (Fault::After, true)] {
        let takeaway = Takeaway::open();
        let app = takeaway.app().await;
        takeaway.store.spoil([fault]);
        let failed = app.place_order(margherite("rosa-1"), Cause::default()).await;
        assert!(matches!(failed, Err(Failure::Unavailable(_))), "{fault:?}");
        let again = app.place_order(margherite("rosa-1"), Cause::default()).await.unwrap();
        assert_eq!(again.replayed, stored, "{fault:?}");
        assert_eq!(told(&app, &again.order.order_id).await, ["order_placed"]);
        let mut reader = takeaway.open_again().journal_reader().unwrap();
        let mut rows = Vec::new();
        reader.read_after(0, 10, &mut rows).unwrap();
        assert_eq!(rows.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_decision_whose_commit_failed_is_made_once_by_asking_again() {
    for fault in [Fault::Before, Fault::After] {
        let takeaway = Takeaway::open();
        let app = takeaway.app().await;
        let order = placed(&app, "rosa-1").await;
        takeaway.store.spoil([fault, Fault::Before]);
        let accept =
            || app.decide_order(&order.order_id, Decision::Accept, cook(), Cause::default());
        assert!(matches!(accept().await, Err(Failure::Unavailable(_))), "{fault:?}");
        // After the first fault there may be nothing left to commit, and then nothing fails.
        let _ = accept().await;
        assert_eq!(accept().await.unwrap().status, Status::Accepted, "{fault:?}");
        assert_eq!(history(&app, &order.order_id).await.len(), 2, "{fault:?}");
    }
}

/// Who came second found the first one's decision in the same group: neither has been made.
#[tokio::test]
async fn nobody_of_a_group_that_failed_is_told_that_a_decision_stands() {
    let takeaway = Takeaway::open();
    let working = takeaway.app().await;
    let order = placed(&working, "rosa-1").await;
    let (app, group) = takeaway.idle_app(ROOMY);
    takeaway.store.spoil([Fault::Before]);
    let stop = Shutdown::new();
    stop.cancel();
    let decide = |decision| app.decide_order(&order.order_id, decision, cook(), Cause::default());
    let reject = Decision::Reject { reason: "too_busy".to_owned() };
    let (accepted, again, rejected, ran) = tokio::join!(
        decide(Decision::Accept),
        decide(Decision::Accept),
        decide(reject),
        group.run(stop)
    );
    ran.unwrap();
    for answer in [accepted, again, rejected] {
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(told(&working, &order.order_id).await, ["order_placed"]);
}
