//! What may take long ends on the server when its time is over, and not only for who asks.

use super::server::{LIMIT, Place};
use crate::store::contract::{commit, placed};
use crate::store::{Error, Store};
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
