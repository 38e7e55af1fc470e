//! More is asked for than can be done: new orders are sent away first, so that those which were taken
//! are brought to their end.

use crate::support::{MINUTE, Takeaway, bella_napoli, cook, count, lease, place, placed, told};
use chassis::shutdown::Shutdown;
use orders_context::app::group::Limits;
use orders_context::app::{App, Cause, Failure, TaskReport};
use orders_context::domain::Decision;
use tokio::task::JoinHandle;

/// More than any queue here holds.
const MANY: usize = 200;

type Answer<T> = JoinHandle<Result<T, Failure>>;

/// Asks again and again, until one is refused at once; all others wait for their answer.
async fn until_refused<T: 'static>(ask: impl Fn(usize) -> Answer<T>) -> Vec<Answer<T>> {
    let mut waiting = Vec::new();
    for number in 0..MANY {
        let asked = ask(number);
        // What waits for nothing but the queue has its answer or its place after this.
        tokio::task::yield_now().await;
        if asked.is_finished() {
            let refused = asked.await.unwrap();
            assert!(matches!(refused, Err(Failure::Overloaded)), "{:?}", refused.err());
            return waiting;
        }
        waiting.push(asked);
    }
    panic!("{MANY} are waiting, and nobody was refused");
}

fn key(number: usize) -> String {
    format!("key-{number}")
}

fn accept(app: &App, order_id: &str) -> Answer<()> {
    let (app, id) = (app.clone(), order_id.to_owned());
    tokio::spawn(async move {
        app.decide_order(&id, Decision::Accept, cook(), Cause::default()).await.map(drop)
    })
}

#[tokio::test]
async fn new_orders_wait_in_a_quarter_of_the_queue_and_one_more_place() {
    for (places, for_new_orders) in [(1, 1), (3, 1), (4, 2), (5, 2), (7, 2), (8, 3), (100, 26)] {
        let takeaway = Takeaway::open();
        let under_way = placed(&takeaway.app().await, "under-way").await;
        let (app, group) = takeaway.idle_app(Limits { queue: places, group: 10 });
        // The restaurant is in memory, so that nothing but the queue is waited for.
        app.restaurant("bella-napoli").await.unwrap().unwrap();
        let placing = until_refused(|number| place(&app, &key(number))).await;
        let accepting = until_refused(|_| accept(&app, &under_way.order_id)).await;
        assert_eq!(placing.len(), for_new_orders, "of {places}");
        assert_eq!(placing.len() + accepting.len(), places);

        tokio::spawn(group.run(Shutdown::new()));
        for answer in placing {
            assert!(!answer.await.unwrap().unwrap().replayed);
        }
        for answer in accepting {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(count(&app).await, 1 + for_new_orders, "of {places}");
        assert!(!place(&app, &key(MANY)).await.unwrap().unwrap().replayed, "there is room again");
    }
}

#[tokio::test]
async fn while_the_store_does_not_answer_orders_under_way_find_room() {
    let takeaway = Takeaway::open();
    let (app, group) = takeaway.idle_app(Limits { queue: 16, group: 4 });
    tokio::spawn(group.run(Shutdown::new()));
    let webhook = "https://bella-napoli.example/orders".to_owned();
    app.register_restaurant(bella_napoli(Some(webhook))).await.unwrap();
    let (accepted, forgotten) = (placed(&app, "rosa-1").await, placed(&app, "rosa-2").await);
    let task = app.order(&accepted.order_id).await.unwrap().tasks.remove(0);

    takeaway.store.hold();
    let placing = until_refused(|number| place(&app, &key(number))).await;
    let (reporting, waking) = (app.clone(), app.clone());
    let late = forgotten.order_id.clone();
    let reported = tokio::spawn(async move {
        let told_it = TaskReport::Delivered { channel: "webhook" };
        reporting.report_task(&task, 1, told_it, &lease()).await
    });
    let accepting = accept(&app, &accepted.order_id);
    tokio::task::yield_now().await;
    takeaway.clock.advance_us(11 * MINUTE);
    let woken = tokio::spawn(async move { waking.wake_order(late).await });
    tokio::task::yield_now().await;
    let under_way = [reported, accepting, woken];
    assert!(under_way.iter().all(|answer| !answer.is_finished()), "they wait, none is refused");

    takeaway.store.let_go();
    for answer in under_way {
        answer.await.unwrap().unwrap();
    }
    let taken = placing.len();
    for answer in placing {
        answer.await.unwrap().unwrap();
    }
    let happened = told(&app, &accepted.order_id).await;
    assert_eq!(happened, ["order_placed", "restaurant_notified", "order_accepted"]);
    assert_eq!(told(&app, &forgotten.order_id).await[1..], ["order_expired"]);
    // The one that was refused left nothing behind, its key included.
    assert_eq!(count(&app).await, 2 + taken);
    assert!(!place(&app, &key(taken)).await.unwrap().unwrap().replayed);
}
