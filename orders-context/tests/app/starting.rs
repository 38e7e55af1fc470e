//! A bulk action is started however long it takes to count what it is for, and counted for once.

use crate::bulk::{cancelling, dinners, finish, start};
use crate::support::Takeaway;
use orders_context::app::BulkState;

#[tokio::test]
async fn what_takes_too_long_to_count_is_done_all_the_same() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    dinners(&app, 3).await;
    takeaway.clock.advance_us(1);
    takeaway.store.count_in_vain();
    let dry = app.try_bulk(cancelling()).await.unwrap();
    assert_eq!((dry.matched, dry.sampled, dry.tally.acted), (None, 3, 3));
    let bulk = start(&app, cancelling()).await;
    assert_eq!(bulk.matched, None);
    let done = finish(&takeaway, &app, &bulk.bulk_id).await;
    assert_eq!((done.state, done.matched, done.tally.acted), (BulkState::Done, None, 3));
}

#[tokio::test]
async fn whoever_asks_again_counts_nothing() {
    let takeaway = Takeaway::open();
    let app = takeaway.app().await;
    let first = start(&app, cancelling()).await;
    assert_eq!(takeaway.store.counts(), 1);
    assert_eq!(start(&app, cancelling()).await, first);
    app.start_bulk(cancelling(), "key".to_owned(), vec![8]).await.unwrap_err();
    assert_eq!(takeaway.store.counts(), 1);
}
