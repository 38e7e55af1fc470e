//! What may take long ends on the server when its time is over, and not only for who asks.

use super::server::{LIMIT, Place};
use crate::domain::Action;
use crate::domain::tests::mother::EVENING;
use crate::store::contract::bulk::{app_over, bulk_wanted};
use crate::store::contract::{commit, placed};
use crate::store::{Error, OrdersFilter, OrdersQuery, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the store's sessions are about, a hand's in the database left out.
const UNDER_WAY: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'orders' AND state <> 'idle'";

/// Nobody gets to the orders, so that whoever counts them would count for ever.
async fn locked(place: &Place) -> tokio_postgres::Client {
    let hand = place.client().await;
    hand.batch_execute("BEGIN; LOCK TABLE orders, journal IN ACCESS EXCLUSIVE MODE").await.unwrap();
    hand
}

async fn nothing_is_under_way(place: &Place) {
    let (sql, began) = (place.client().await, Instant::now());
    while sql.query_one(UNDER_WAY, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(began.elapsed() < LIMIT, "it goes on without anybody who waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn counting_everything_again_ends_with_its_time() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let hand = locked(&place).await;
    let counted = store.counted(Some(Duration::from_millis(300))).await;
    assert!(matches!(counted, Err(Error::TooLong)), "{counted:?}");
    nothing_is_under_way(&place).await;
    drop(hand);
}

#[tokio::test]
async fn a_bulk_action_is_started_though_nobody_gets_to_the_orders() {
    let place = Place::migrated();
    let store = place.store();
    let hand = locked(&place).await;
    let all = OrdersQuery::newest(OrdersFilter::default(), 1, EVENING);
    let counted = store.count_orders(all, Duration::from_millis(300)).await;
    assert!(matches!(counted, Err(Error::TooLong)), "{counted:?}");
    nothing_is_under_way(&place).await;

    let (app, _group) = app_over(Arc::new(place.store()));
    let wanted = bulk_wanted(Action::Cancel { reason: "kitchen_fire".to_owned() });
    let bulk = app.start_bulk(wanted, "bulk-1".to_owned(), vec![1; 32]).await.unwrap();
    assert_eq!(bulk.matched, None);
    assert_eq!(app.bulk(&bulk.bulk_id).await.unwrap(), bulk);
    drop(hand);
}
