//! Bulk actions are kept whole, and changed by one at a time.

use super::{commit, placed_at};
use crate::app::group::Limits;
use crate::app::{App, BulkWanted, Group};
use crate::domain::tests::mother::{EVENING, MINUTE, after, intervention};
use crate::domain::{Action, Policy, Status};
use crate::store::bulk::{
    Ahead, Before, Bulk, BulkState, NewBulk, Portion, Refused, Started, Tally,
};
use crate::store::{Error, Lease, OrdersFilter, OrdersQuery, Place, Store};
use chassis::clock::ManualClock;
use chassis::ids::SequentialIds;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes to count.
pub const A_MINUTE: Duration = Duration::from_secs(60);

/// One that has come some way.
fn bulk(bulk_id: &str) -> Bulk {
    let refused = Refused { count: 3, order_ids: vec!["order-9".to_owned()] };
    Bulk {
        bulk_id: bulk_id.to_owned(),
        round: 1,
        state: BulkState::Running,
        action: Action::Cancel { reason: "restaurant_closed".to_owned() },
        filter: OrdersFilter { status: vec![Status::Placed], ..OrdersFilter::default() },
        intervention: intervention(),
        per_second: 50,
        usual_ms: Vec::new(),
        created_at: EVENING,
        ended_at: None,
        matched: Some(1_000),
        ahead: Ahead::After(Place { at: after(1), order_id: "order-7".to_owned() }),
        portion: Portion { number: 2, taken_at: after(5), order_ids: vec!["order-8".to_owned()] },
        tally: Tally { acted: 4, unchanged: 2, refused: [("too_late".to_owned(), refused)].into() },
        interruptions: Vec::new(),
    }
}

fn new(bulk: Bulk, key: &str) -> NewBulk {
    NewBulk { bulk, key: key.to_owned(), request_hash: vec![7; 32] }
}

pub(super) async fn start(store: &dyn Store, bulk_id: &str) -> Bulk {
    let started = store.start_bulk(new(bulk(bulk_id), &format!("key of {bulk_id}")), 10).await;
    assert_eq!(started.unwrap(), Started::New);
    bulk(bulk_id)
}

pub async fn a_bulk_action_is_kept_whole(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let kept = start(&*store, "bulk-1").await;
    drop(store);
    let store = open();
    assert_eq!(store.bulk("bulk-1".to_owned()).await.unwrap(), Some(kept));
    assert_eq!(store.bulk("bulk-2".to_owned()).await.unwrap(), None);
}

pub async fn a_bulk_action_is_started_once_for_each_key(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let first = start(&*store, "bulk-1").await;
    let again = store.start_bulk(new(bulk("bulk-2"), "key of bulk-1"), 10).await.unwrap();
    let before = Before { request_hash: vec![7; 32], bulk: first.clone() };
    assert_eq!(again, Started::Before(Box::new(before.clone())));
    assert_eq!(store.bulk_of_key("key of bulk-1".to_owned()).await.unwrap(), Some(before));
    assert_eq!(store.bulk_of_key("key of bulk-2".to_owned()).await.unwrap(), None);
    assert_eq!(store.bulks(None, 10).await.unwrap(), [first]);
}

pub async fn only_so_many_bulk_actions_are_open(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let first = start(&*store, "bulk-1").await;
    let more = async |bulk_id: &str, most_open| {
        store.start_bulk(new(bulk(bulk_id), bulk_id), most_open).await.unwrap()
    };
    assert_eq!(more("bulk-2", 1).await, Started::TooMany);
    assert_eq!(more("bulk-2", 2).await, Started::New);
    assert!(matches!(more("bulk-2", 2).await, Started::Before(_)), "not one more");
    let portion = Portion { order_ids: Vec::new(), ..first.portion.clone() };
    let done = Bulk { round: 2, state: BulkState::Done, portion, ..first };
    assert!(store.replace_bulk(done).await.unwrap());
    assert_eq!(more("bulk-3", 2).await, Started::New);
}

pub async fn a_bulk_action_is_changed_by_one_at_a_time(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let first = start(&*store, "bulk-1").await;
    let paused = Bulk { round: 2, state: BulkState::Paused, ..first.clone() };
    let other = Bulk { round: 2, per_second: 9, ..first.clone() };
    assert!(store.replace_bulk(paused.clone()).await.unwrap());
    assert!(!store.replace_bulk(other).await.unwrap(), "it was changed since");
    assert!(!store.replace_bulk(Bulk { round: 4, ..first }).await.unwrap(), "a round is missing");
    assert_eq!(store.bulk("bulk-1".to_owned()).await.unwrap(), Some(paused));
    assert!(!store.replace_bulk(Bulk { round: 2, ..bulk("bulk-9") }).await.unwrap());
}

pub async fn bulk_actions_are_listed_the_newest_first(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    for number in 1..=5 {
        start(&*store, &format!("bulk-{number}")).await;
    }
    let ids = |bulks: Vec<Bulk>| bulks.into_iter().map(|bulk| bulk.bulk_id).collect::<Vec<_>>();
    assert_eq!(ids(store.bulks(None, 2).await.unwrap()), ["bulk-5", "bulk-4"]);
    let before = Some("bulk-4".to_owned());
    assert_eq!(ids(store.bulks(before, 9).await.unwrap()), ["bulk-3", "bulk-2", "bulk-1"]);
    let ended = |number: u32, state, order_ids: &[&str]| {
        let order_ids = order_ids.iter().map(|id| (*id).to_owned()).collect();
        let bulk = bulk(&format!("bulk-{number}"));
        let portion = Portion { order_ids, ..bulk.portion };
        Bulk { round: 2, state, portion, ..bulk }
    };
    for bulk in [
        ended(1, BulkState::Done, &[]),
        ended(2, BulkState::Cancelled, &[]),
        ended(3, BulkState::Cancelled, &["order-8"]),
        ended(4, BulkState::Paused, &[]),
    ] {
        assert!(store.replace_bulk(bulk).await.unwrap());
    }
    let open = ids(store.open_bulks().await.unwrap().bulks);
    assert_eq!(open, ["bulk-3", "bulk-4", "bulk-5"], "the oldest first");
}

pub async fn orders_are_counted_as_they_are_listed(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let count = async |filter: OrdersFilter| {
        store.count_orders(OrdersQuery::newest(filter, 1, after(9)), A_MINUTE).await.unwrap()
    };
    assert_eq!(count(OrdersFilter::default()).await, 0);
    commit(&*store, vec![placed_at("order-1", after(1)), placed_at("order-2", after(2))]).await;
    commit(&*store, vec![placed_at("order-3", after(3))]).await;
    assert_eq!(count(OrdersFilter::default()).await, 3);
    let before = OrdersFilter { placed_before: Some(after(3)), ..OrdersFilter::default() };
    assert_eq!(count(before).await, 2);
    let status = vec![Status::Completed];
    assert_eq!(count(OrdersFilter { status, ..OrdersFilter::default() }).await, 0);
    let all = OrdersQuery::newest(OrdersFilter::default(), 1, after(9));
    let late = store.count_orders(all, Duration::ZERO).await;
    assert!(matches!(late, Err(Error::TooLong)), "{late:?}");
}

/// An application over `store`, a minute later, and the loop that it needs.
pub fn app_over(store: Arc<dyn Store>) -> (App, Group) {
    let clock = ManualClock::at(after(MINUTE).0);
    let (ids, limits) = (SequentialIds::new(), Limits { queue: 100, group: 10 });
    App::new(store, Arc::new(clock), Arc::new(ids), Policy::standard(), limits)
}

/// On all orders, one at a time.
pub fn bulk_wanted(action: Action) -> BulkWanted {
    let filter = OrdersFilter::default();
    BulkWanted { action, filter, intervention: intervention(), per_second: 2 }
}

/// The lease of bulk actions, as its holder number `token` has it.
pub fn bulk_lease(token: i64) -> Lease {
    Lease { name: "bulk-actions".into(), token }
}
