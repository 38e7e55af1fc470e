//! Customers who have as many orders under way as one may.

use crate::support::{ROOMY, Takeaway, bella_napoli, margherite, placed};
use chassis::shutdown::Shutdown;
use orders_context::app::{Cause, Failure, PlaceOrder};
use orders_context::domain::{Actor, Decision, Rejection};

#[tokio::test]
async fn a_customer_waits_until_one_of_the_orders_is_at_its_end() {
    let takeaway = Takeaway::open();
    let (app, mut group) = takeaway.idle_app(ROOMY);
    group.open_at_most(Some(2));
    tokio::spawn(group.run(Shutdown::new()));
    app.register_restaurant(bella_napoli(None)).await.unwrap();
    let first = placed(&app, "rosa-1").await;
    placed(&app, "rosa-2").await;
    let third = app.place_order(margherite("rosa-3"), Cause::default()).await;
    assert!(matches!(third, Err(Failure::Rejected(Rejection::TooManyOpen))), "{third:?}");
    let again = app.place_order(margherite("rosa-1"), Cause::default()).await.unwrap();
    assert!(again.replayed && again.order.order_id == first.order_id);
    let another = PlaceOrder { customer_id: "customer-aldo".to_owned(), ..margherite("aldo-1") };
    app.place_order(another, Cause::default()).await.unwrap();
    let rosa = Actor::Customer("customer-rosa".to_owned());
    let cancel = Decision::Cancel { reason: "changed_mind".to_owned() };
    app.decide_order(&first.order_id, cancel, rosa, Cause::default()).await.unwrap();
    placed(&app, "rosa-3").await;
}
