//! What checks read: everything that is kept of an order, as of one moment.

use super::{commit, journal, moved, placed};
use crate::domain::tests::mother::{COMPLETE_BY, after, order_accepted};
use crate::domain::{Status, wake_at};
use crate::store::{Kept, KeptRow, Store};
use std::sync::Arc;

pub async fn everything_kept_of_an_order_is_read_together(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let born = placed("order-1");
    let accepted = moved(&born.order, after(2), order_accepted());
    let order = (*accepted.order).clone();
    commit(&*store, vec![born, accepted, placed("order-2")]).await;
    let ids = ["order-2", "order-9", "order-1"].map(str::to_owned).to_vec();
    let kept = store.kept(ids).await.expect("the store answers");
    let whose: Vec<&str> = kept.iter().map(|each| each.order_id.as_str()).collect();
    assert_eq!(whose, ["order-2", "order-9", "order-1"]);
    assert_eq!(wake_at(&order, after(2)), Some(COMPLETE_BY));
    let row = KeptRow {
        version: 2,
        status: Status::Accepted,
        restaurant_id: "bella-napoli".to_owned(),
        customer_id: Some("customer-rosa".to_owned()),
        flow_version: 1,
        placed_at: after(0),
        since: Some(after(2)),
        deadline: Some(COMPLETE_BY),
        wake_at: Some(COMPLETE_BY),
        order,
    };
    assert_eq!(kept[2].row, Some(row));
    let written: Vec<_> =
        journal(&*store).into_iter().filter(|row| row.order_id == "order-1").collect();
    assert_eq!((kept[2].journal.len(), &kept[2].journal), (2, &written));
    assert_eq!(kept[2].unreadable, [""; 0]);
    let nothing = Kept { order_id: "order-9".to_owned(), ..Kept::default() };
    assert_eq!(kept[1], nothing);
}

pub async fn ids_are_known_page_by_page(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let page = async |after: &str, limit| {
        store.known_ids(after.to_owned(), limit).await.expect("the store answers")
    };
    assert_eq!(page("", 10).await, [""; 0]);
    let ids = ["order-3", "order-1", "order-2"];
    commit(&*store, ids.map(placed).to_vec()).await;
    assert_eq!(page("", 10).await, ["order-1", "order-2", "order-3"]);
    assert_eq!(page("", 2).await, ["order-1", "order-2"]);
    assert_eq!(page("order-2", 2).await, ["order-3"]);
    assert_eq!(page("order-3", 2).await, [""; 0]);
}
