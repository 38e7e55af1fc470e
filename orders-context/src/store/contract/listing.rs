//! Orders, the newest first, page by page.

use super::{commit, moved, placed_at};
use crate::domain::tests::mother::{after, order_accepted};
use crate::domain::{Order, Status, Timestamp};
use crate::store::{Commit, OrdersQuery, Store};
use std::sync::Arc;

fn at_nino(order_id: &str, at: Timestamp) -> Commit {
    let commit = placed_at(order_id, at);
    let order = Order { restaurant_id: "nino".to_owned(), ..(*commit.order).clone() };
    Commit { order: Arc::new(order), ..commit }
}

async fn list(store: &dyn Store, query: OrdersQuery) -> Vec<Order> {
    store.orders(query).await.expect("the store answers")
}

fn ids(orders: &[Order]) -> Vec<&str> {
    orders.iter().map(|order| order.order_id.as_str()).collect()
}

fn at_most(limit: usize) -> OrdersQuery {
    OrdersQuery { limit, ..OrdersQuery::default() }
}

fn behind(last: &Order, limit: usize) -> OrdersQuery {
    let after = Some((last.placed_at, last.order_id.clone()));
    OrdersQuery { after, ..at_most(limit) }
}

pub async fn orders_are_listed_the_newest_first(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    assert_eq!(list(&*store, at_most(10)).await, []);
    let group = [("order-2", 20), ("order-3", 30), ("order-1", 10)];
    let group = group.map(|(id, us)| placed_at(id, after(us))).to_vec();
    let newest = (*group[1].order).clone();
    commit(&*store, group).await;
    let listed = list(&*store, at_most(10)).await;
    assert_eq!(ids(&listed), ["order-3", "order-2", "order-1"]);
    assert_eq!(listed[0], newest, "whole orders are listed");
    assert_eq!(ids(&list(&*store, at_most(2)).await), ["order-3", "order-2"]);
    assert_eq!(ids(&list(&*store, behind(&listed[1], 2)).await), ["order-1"]);
    assert_eq!(list(&*store, behind(&listed[2], 2)).await, []);
}

pub async fn a_listing_keeps_to_what_is_asked_for(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let accepted = placed_at("order-2", after(2));
    let then = moved(&accepted.order, after(10), order_accepted());
    let at_nino_accepted = at_nino("order-4", after(4));
    let then_at_nino = moved(&at_nino_accepted.order, after(10), order_accepted());
    let group = vec![
        placed_at("order-1", after(1)),
        accepted,
        then,
        at_nino("order-3", after(3)),
        at_nino_accepted,
        then_at_nino,
    ];
    commit(&*store, group).await;
    let asked = |status, restaurant: Option<&str>, after| OrdersQuery {
        status,
        restaurant_id: restaurant.map(str::to_owned),
        after,
        limit: 10,
    };
    let placed = Some(Status::Placed);
    let cases = [
        (asked(None, None, None), vec!["order-4", "order-3", "order-2", "order-1"]),
        (asked(placed, None, None), vec!["order-3", "order-1"]),
        (asked(Some(Status::Accepted), None, None), vec!["order-4", "order-2"]),
        (asked(Some(Status::Expired), None, None), vec![]),
        (asked(None, Some("nino"), None), vec!["order-4", "order-3"]),
        (asked(placed, Some("nino"), None), vec!["order-3"]),
        (asked(placed, Some("nobody"), None), vec![]),
        (asked(placed, None, Some((after(3), "order-3".to_owned()))), vec!["order-1"]),
        (asked(None, Some("nino"), Some((after(4), "order-4".to_owned()))), vec!["order-3"]),
        (asked(placed, Some("nino"), Some((after(3), "order-3".to_owned()))), vec![]),
    ];
    for (query, expected) in cases {
        let asked = format!("{query:?}");
        assert_eq!(ids(&list(&*store, query).await), expected, "{asked}");
    }
}

pub async fn a_cursor_stays_put_while_orders_come_in(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let numbered = |number: i64| placed_at(&format!("order-{number:02}"), after(number));
    commit(&*store, (0..10).map(numbered).collect()).await;
    let mut seen: Vec<Order> = list(&*store, at_most(3)).await;
    for newer in 10..20 {
        commit(&*store, vec![numbered(newer)]).await;
        let last = seen.last().expect("the first page is full");
        seen.extend(list(&*store, behind(last, 3)).await);
    }
    let expected: Vec<String> = (0..10).rev().map(|number| format!("order-{number:02}")).collect();
    assert_eq!(ids(&seen), expected);
}

pub async fn orders_of_one_moment_are_listed_once_each(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let group = ["order-b", "order-d", "order-a", "order-c"].map(|id| placed_at(id, after(0)));
    commit(&*store, group.to_vec()).await;
    let mut seen = list(&*store, at_most(1)).await;
    for _ in 1..6 {
        let next = list(&*store, behind(seen.last().expect("one"), 1)).await;
        seen.extend(next);
    }
    assert_eq!(ids(&seen), ["order-d", "order-c", "order-b", "order-a"]);
}
