//! Restaurants that are paused by what becomes of their orders, and opened again.

use crate::support::{MINUTE, ROOMY, Takeaway, bella_napoli, margherite, placed};
use chassis::shutdown::Shutdown;
use orders_context::app::{App, Cause, Failure, SetAvailability};
use orders_context::domain::{Actor, Decision, Opening, Pauses, Rejection, Role, Shut, Timestamp};

const HOUSE: &str = "bella-napoli";

/// An application that pauses restaurants by the standard times.
async fn strict(takeaway: &Takeaway) -> App {
    let (app, mut group) = takeaway.idle_app(ROOMY);
    group.pause_by(Pauses::standard());
    tokio::spawn(group.run(Shutdown::new()));
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    app
}

/// Why an order is refused at this moment.
async fn refused(app: &App, key: &str) -> Shut {
    match app.place_order(margherite(key), Cause::default()).await {
        Err(Failure::Rejected(Rejection::RestaurantShut(shut))) => shut,
        other => panic!("{other:?}"),
    }
}

fn open(capacity: Option<u32>) -> SetAvailability {
    let (until, reason, by) = (None, None, Role::Restaurant);
    SetAvailability { opening: Opening::Open, until, reason, capacity, by }
}

#[tokio::test]
async fn three_orders_in_silence_pause_a_restaurant_until_it_speaks() {
    let takeaway = Takeaway::open();
    let app = strict(&takeaway).await;
    for number in 1..=3 {
        let order = placed(&app, &format!("rosa-{number}")).await;
        takeaway.clock.advance_us(10 * MINUTE);
        app.wake_order(order.order_id.clone()).await.unwrap();
        assert_eq!(app.availability(HOUSE).await.unwrap().expired_in_a_row, number);
    }
    let now = app.now();
    let until = Some(now.plus_ms(30 * 60_000));
    let paused = Shut::Away { opening: Opening::Paused, until, asked_at: now };
    assert_eq!(refused(&app, "rosa-4").await, paused);
    let stands = app.availability(HOUSE).await.unwrap();
    assert_eq!((stands.reason.as_deref(), stands.set_by), (Some("no_answer"), Role::System));

    let only_at = Some(stands.version);
    let opened = app.set_availability(HOUSE, open(None), only_at).await.unwrap().unwrap();
    assert_eq!((opened.opening, opened.expired_in_a_row), (Opening::Open, 0));
    assert_eq!(app.set_availability(HOUSE, open(None), only_at).await.unwrap(), None);
    placed(&app, "rosa-4").await;
}

#[tokio::test]
async fn a_restaurant_that_is_too_busy_has_half_an_hour() {
    let takeaway = Takeaway::open();
    let app = strict(&takeaway).await;
    let order = placed(&app, "rosa-1").await;
    let busy = Decision::Reject { reason: "too_busy".to_owned() };
    let chef = Actor::Restaurant(vec![HOUSE.to_owned()]);
    app.decide_order(&order.order_id, busy, chef, Cause::default()).await.unwrap();
    let shut = refused(&app, "rosa-2").await;
    let until = Some(Timestamp(app.now().0 + 30 * MINUTE));
    assert_eq!(shut, Shut::Away { opening: Opening::Paused, until, asked_at: app.now() });
    takeaway.clock.advance_us(30 * MINUTE - 1);
    refused(&app, "rosa-2").await;
    takeaway.clock.advance_us(1);
    placed(&app, "rosa-2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_crowd_as_many_are_served_as_there_is_room() {
    let takeaway = Takeaway::open();
    let apps = [strict(&takeaway).await, strict(&takeaway).await];
    apps[0].set_availability(HOUSE, open(Some(7)), None).await.unwrap().unwrap();
    let mut placing = tokio::task::JoinSet::new();
    for number in 0..60 {
        let app = apps[number % 2].clone();
        placing.spawn(async move {
            app.place_order(margherite(&format!("rosa-{number}")), Cause::default()).await
        });
    }
    let answers = placing.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7);
    for refused in answers.into_iter().filter_map(Result::err) {
        let full = Rejection::RestaurantShut(Shut::Full { capacity: 7 });
        assert!(matches!(refused, Failure::Rejected(why) if why == full));
    }
}
