//! Decisions: one stands, however many come at once and through however many instances.

use crate::support::{
    MINUTE, ROOMY, Takeaway, bella_napoli, cook, history, lease, placed, reject, told,
};
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, Failure, TaskReport};
use orders_context::domain::{Actor, Decision, Order, Rejection, Status, TaskKind};
use std::sync::Arc;
use tokio::task::JoinSet;

async fn decide(app: &App, order_id: &str, decision: Decision) -> Result<Arc<Order>, Failure> {
    app.decide_order(order_id, decision, cook(), Cause::default()).await
}

/// Lets half of `count` accept and half reject, in turn through `apps`, all at once; what stands.
async fn quarrel(apps: &[App], order_id: &str, count: usize) -> Status {
    let mut deciding = JoinSet::new();
    for number in 0..count {
        let (app, order_id) = (apps[number / 2 % apps.len()].clone(), order_id.to_owned());
        let decision = if number % 2 == 0 { Decision::Accept } else { reject() };
        let means = if number % 2 == 0 { Status::Accepted } else { Status::Rejected };
        deciding.spawn(async move { (means, decide(&app, &order_id, decision).await) });
    }
    let answers = deciding.join_all().await;
    let stands = apps[0].order(order_id).await.unwrap().order.status;
    for (means, answer) in answers {
        match answer {
            Ok(order) => assert_eq!((means, order.status), (stands, stands)),
            Err(Failure::Rejected(Rejection::DecidedOtherwise { status, decided_at })) => {
                assert_ne!(means, stands);
                assert_eq!(status, stands);
                assert!(decided_at.is_some());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    stands
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_decisions_at_once_one_stands() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    let stands = quarrel(std::slice::from_ref(&app), &order.order_id, 200).await;
    let decided = if stands == Status::Accepted { "order_accepted" } else { "order_rejected" };
    assert_eq!(told(&app, &order.order_id).await, ["order_placed", decided]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_decision_stands_also_between_instances() {
    let takeaway = Takeaway::open();
    let apps = [takeaway.app().await, takeaway.app().await, takeaway.app().await];
    for number in 0..5 {
        let order = placed(&apps[0], &format!("rosa-{number}")).await;
        quarrel(&apps, &order.order_id, 60).await;
        assert_eq!(history(&apps[0], &order.order_id).await.len(), 2);
    }
}

#[tokio::test]
async fn commands_of_one_group_see_each_other() {
    let takeaway = Takeaway::open();
    let working = takeaway.app().await;
    let order = placed(&working, "rosa-1").await;
    let before = takeaway.store.commits();
    let (app, group) = takeaway.idle_app(ROOMY);
    let stop = Shutdown::new();
    stop.cancel();
    let id = &order.order_id;
    let (early, accepted, completed, again, rejected, ran) = tokio::join!(
        decide(&app, id, Decision::Complete),
        decide(&app, id, Decision::Accept),
        decide(&app, id, Decision::Complete),
        decide(&app, id, Decision::Accept),
        decide(&app, id, reject()),
        group.run(stop),
    );
    ran.unwrap();
    let placed = Status::Placed;
    assert!(
        matches!(early, Err(Failure::Rejected(Rejection::NotYet { status })) if status == placed)
    );
    assert_eq!(accepted.unwrap().status, Status::Accepted);
    assert_eq!(completed.unwrap().status, Status::Completed);
    assert_eq!(again.unwrap().status, Status::Completed);
    assert!(matches!(
        rejected,
        Err(Failure::Rejected(Rejection::DecidedOtherwise { status: Status::Completed, .. }))
    ));
    assert_eq!(takeaway.store.commits() - before, 1, "one transaction for all");
    assert_eq!(told(&app, id).await, ["order_placed", "order_accepted", "order_completed"]);
}

#[tokio::test]
async fn a_decision_on_an_order_that_was_never_placed_is_refused() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let refused = decide(&app, "order-9", Decision::Accept).await;
    assert!(matches!(refused, Err(Failure::Rejected(Rejection::UnknownOrder))));
    assert!(matches!(
        app.history("order-9", 0, 10).await,
        Err(Failure::Rejected(Rejection::UnknownOrder))
    ));
}

#[tokio::test]
async fn what_caused_a_decision_is_in_the_journal() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    let cause = Cause {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        causation_id: Some("event-before".to_owned()),
    };
    app.decide_order(&order.order_id, Decision::Accept, Actor::Operator, cause.clone())
        .await
        .unwrap();
    let row = history(&app, &order.order_id).await.pop().unwrap();
    assert_eq!((row.traceparent, row.causation_id), (cause.traceparent, cause.causation_id));
    assert_eq!((row.actor.as_str(), row.sequence), ("operator", 2));
}

#[tokio::test]
async fn an_instance_learns_what_another_one_has_decided() {
    let takeaway = Takeaway::open();
    let (one, other) = (takeaway.app().await, takeaway.app().await);
    let order = placed(&one, "rosa-1").await;
    let id = &order.order_id;
    decide(&other, id, Decision::Accept).await.unwrap();
    let late = decide(&one, id, reject()).await;
    assert!(matches!(late, Err(Failure::Rejected(Rejection::DecidedOtherwise { .. }))), "{late:?}");
    assert_eq!(decide(&one, id, Decision::Complete).await.unwrap().status, Status::Completed);
    assert_eq!(decide(&other, id, Decision::Accept).await.unwrap().status, Status::Completed);
}

/// The one instance remembers that the restaurant was told, of the window before.
#[tokio::test]
async fn a_fact_is_not_lost_because_an_instance_remembers_an_older_order() {
    let takeaway = Takeaway::open();
    let (one, other) = (takeaway.app().await, takeaway.app().await);
    let webhook = "https://bella-napoli.example/orders".to_owned();
    one.register_restaurant(bella_napoli(Some(webhook))).await.unwrap();
    let order = placed(&one, "rosa-1").await;
    let id = &order.order_id;
    let delivered = async || {
        let announcement = one.order(id).await.unwrap().tasks.pop().unwrap();
        assert_eq!(announcement.kind, TaskKind::NotifyRestaurant);
        let report = TaskReport::Delivered { channel: "webhook" };
        one.report_task(&announcement, 1, report, &lease()).await.unwrap();
        one.order(id).await.unwrap().order.status
    };
    assert_eq!(delivered().await, Status::Notified);
    takeaway.clock.advance_us(10 * MINUTE);
    other.wake_order(id.clone()).await.unwrap();
    let redrive =
        other.decide_order(id, Decision::Redrive, Actor::Operator, Cause::default()).await.unwrap();
    assert_eq!(redrive.status, Status::Placed);
    assert_eq!(delivered().await, Status::Notified, "told again, in the new window");
}

#[tokio::test]
async fn to_a_stranger_there_is_no_such_order() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    let decide = async |by: Actor, decision: Decision| {
        app.decide_order(&order.order_id, decision, by, Cause::default()).await
    };
    let off = || Decision::Cancel { reason: "changed_mind".to_owned() };
    for (stranger, decision) in [
        (Actor::Customer("customer-luca".to_owned()), off()),
        (Actor::Restaurant(vec!["bombay".to_owned()]), Decision::Accept),
        (Actor::Restaurant(Vec::new()), Decision::Accept),
    ] {
        let refused = decide(stranger.clone(), decision).await;
        assert!(
            matches!(refused, Err(Failure::Rejected(Rejection::UnknownOrder))),
            "{stranger:?}: {refused:?}"
        );
    }
    let refused = decide(Actor::Service, Decision::Accept).await;
    assert!(
        matches!(refused, Err(Failure::Rejected(Rejection::NotForRole { .. }))),
        "a service decides nothing: {refused:?}"
    );
    decide(Actor::Customer("customer-rosa".to_owned()), off()).await.unwrap();
}
