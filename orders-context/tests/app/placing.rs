//! New orders: once for each key, bounded in number, kept once acknowledged.

use crate::support::{Takeaway, bella_napoli, count, margherite, placed, until};
use chassis::shutdown::Shutdown;
use orders_context::app::group::Limits;
use orders_context::app::{App, Cause, Failure, PlaceOrder, Placed};
use orders_context::domain::{Restaurant, Status};
use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::task::Poll;
use tokio::task::{JoinHandle, JoinSet};

type Answer = JoinHandle<Result<Placed, Failure>>;

/// Placings that wait in the queue of an application whose loop is not running.
async fn queued(app: &App, count: usize) -> Vec<Answer> {
    let place = |number| {
        let app = app.clone();
        let wanted = margherite(&format!("key-{number}"));
        tokio::spawn(async move { app.place_order(wanted, Cause::default()).await })
    };
    // The restaurant is in memory, so that nothing but the queue is waited for.
    app.restaurant("bella-napoli").await.unwrap().unwrap();
    let waiting: Vec<Answer> = (0..count).map(place).collect();
    tokio::task::yield_now().await;
    waiting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_used_a_hundred_times_at_once_is_one_order() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let mut placing = JoinSet::new();
    for _ in 0..100 {
        let app = app.clone();
        placing.spawn(async move { app.place_order(margherite("rosa-1"), Cause::default()).await });
    }
    let answers: Vec<Placed> = placing.join_all().await.into_iter().map(Result::unwrap).collect();
    let ids: HashSet<&str> = answers.iter().map(|placed| placed.order.order_id.as_str()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|placed| !placed.replayed).count(), 1);
    assert!(answers.iter().all(|placed| placed.order.version == 1));
    assert_eq!(count(&app).await, 1);
}

#[tokio::test]
async fn a_key_with_another_request_is_refused_also_within_its_group() {
    let takeaway = Takeaway::open();
    takeaway.app().await;
    let (app, group) = takeaway.idle_app(Limits { queue: 10, group: 10 });
    app.restaurant("bella-napoli").await.unwrap();
    let stop = Shutdown::new();
    stop.cancel();
    let other = PlaceOrder { request_hash: vec![8; 32], ..margherite("rosa-1") };
    let (first, again, other, ran) = tokio::join!(
        app.place_order(margherite("rosa-1"), Cause::default()),
        app.place_order(margherite("rosa-1"), Cause::default()),
        app.place_order(other, Cause::default()),
        group.run(stop),
    );
    ran.unwrap();
    let (first, again) = (first.unwrap(), again.unwrap());
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.order, again.order);
    assert!(matches!(other, Err(Failure::KeyReused)));
    assert_eq!(takeaway.store.commits(), 1);
}

#[tokio::test]
async fn a_repetition_gets_the_order_as_it_was_placed() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let order = placed(&app, "rosa-1").await;
    let mut closed = bella_napoli(None);
    closed.menu.clear();
    app.register_restaurant(closed).await.unwrap();
    let again = app.place_order(margherite("rosa-1"), Cause::default()).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.order.status, &again.order), (Status::Placed, &order));
}

#[tokio::test]
async fn stopping_commits_what_was_queued_and_takes_no_more() {
    let takeaway = Takeaway::open();
    takeaway.app().await;
    let (app, group) = takeaway.idle_app(Limits { queue: 20, group: 2 });
    let waiting = queued(&app, 5).await;
    let stop = Shutdown::new();
    stop.cancel();
    group.run(stop).await.unwrap();
    let later_store = takeaway.open_again();
    for answer in waiting {
        let order = answer.await.unwrap().unwrap().order;
        let found = later_store.order(order.order_id.clone()).await.unwrap().unwrap();
        assert_eq!(found.order, *order);
    }
    assert_eq!(takeaway.store.commits(), 3, "five commands by two and two and one");
    let late = app.place_order(margherite("late"), Cause::default()).await;
    assert!(matches!(late, Err(Failure::Unavailable(_))));
}

/// The client hangs up once the change has been asked for.
#[tokio::test]
async fn a_menu_that_is_changed_is_served_even_if_nobody_waits_for_the_change() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let before = app.restaurant("bella-napoli").await.unwrap().expect("it is there");
    let next = Restaurant { name: "Napoli Bella".to_owned(), ..(*before).clone() };
    let mut changing = Box::pin(app.replace_restaurant((*before).clone(), next.clone()));
    let asked = poll_fn(|context| Poll::Ready(changing.as_mut().poll(context).is_pending()));
    assert!(asked.await, "it waits for the writer");
    drop(changing);
    until("the new menu", async || {
        let served = app.restaurant("bella-napoli").await.unwrap();
        (served.as_deref() == Some(&next)).then_some(())
    })
    .await;
}
