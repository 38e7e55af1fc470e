//! How many orders a customer may have under way: judged where orders are written.

use super::{commit, moved, placed, remembered};
use crate::domain::Order;
use crate::domain::tests::mother::{MINUTE, after, order_accepted, order_cancelled};
use crate::store::{Commit, Outcome, Store, Wanted};
use std::sync::Arc;

/// A new order of a customer who may have so many.
fn limited(order_id: &str, most_open: u32) -> Commit {
    Commit { most_open: Some(most_open), ..placed(order_id) }
}

fn of_another(order_id: &str) -> Commit {
    let mut commit = limited(order_id, 2);
    let order = Order { customer_id: "alan".to_owned(), ..(*commit.order).clone() };
    commit.order = Arc::new(order);
    commit
}

pub async fn a_customer_has_as_many_orders_under_way_as_one_may(open: impl Fn() -> Arc<dyn Store>) {
    use Outcome::{Committed, Crowded};
    let store = open();
    let first = limited("order-1", 2);
    let order = Arc::clone(&first.order);
    let group = vec![first, limited("order-2", 2), limited("order-3", 2), of_another("order-4")];
    let outcomes = store.commit(group).await.unwrap();
    assert_eq!(outcomes, [Committed, Committed, Crowded, Committed], "within a group");
    let third = Commit { remember: Some(remembered("key-3", "order-3")), ..limited("order-3", 2) };
    assert_eq!(store.commit(vec![third.clone()]).await.unwrap(), [Crowded], "and after it");
    let wanted = Wanted {
        order_ids: vec!["order-3".to_owned()],
        idempotency_keys: vec!["key-3".to_owned()],
    };
    let loaded = store.load(wanted).await.unwrap();
    assert!(loaded.orders.is_empty() && loaded.remembered.is_empty(), "nothing is left behind");
    // One that was answered is still under way; one that was called off is not.
    let accepted = moved(&order, after(MINUTE), order_accepted());
    let called_off = moved(&accepted.order, after(2 * MINUTE), order_cancelled());
    let group = vec![accepted, third.clone(), called_off, limited("order-5", 2)];
    let outcomes = store.commit(group).await.unwrap();
    assert_eq!(outcomes, [Committed, Crowded, Committed, Committed]);
    assert_eq!(store.commit(vec![third]).await.unwrap(), [Crowded]);
    commit(&*store, vec![limited("order-3", 3), placed("order-6")]).await;
}
