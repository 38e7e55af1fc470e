//! What hands in the database leave behind, `orders check` finds; and it holds up nothing else.

use super::{new_place, one, spoiled};
use crate::app::{BulkState, OrdersFilter};
use crate::check::{check, violations};
use crate::conformance::rounds::tests::what_is_damaged_and_rests_raises_the_metric;
use crate::conformance::{Told, look};
use crate::domain::conformance::BreachKind as B;
use crate::domain::tests::mother::{
    MINUTE, SECOND, after, evening, order_accepted, restaurant_notified, user_notified,
};
use crate::domain::{Action, Notification};
use crate::plan::{Unreadable, plan};
use crate::store::contract::bulk::{app_over, bulk_lease, bulk_wanted};
use crate::store::contract::damage::damage_contract;
use crate::store::contract::erasing::change_row;
use crate::store::contract::{commit, moved, placed, placed_at};
use crate::store::sqlite::Sqlite;
use crate::store::{OrdersQuery, OrdersSort, Store};
use chassis::shutdown::Shutdown;
use rusqlite::Connection;
use std::sync::Arc;
use tempfile::TempDir;

/// Where something was found, and what.
type Finding = (Option<i64>, B);

/// Two orders, the first of them confirmed.
async fn two_orders(folder: &TempDir) -> Sqlite {
    let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
    let born = placed("order-1");
    let told = moved(&born.order, after(SECOND), restaurant_notified());
    let accepted = moved(&told.order, after(MINUTE), order_accepted());
    let word = user_notified(Notification::Accepted);
    let confirmed = moved(&accepted.order, after(2 * MINUTE), word);
    commit(&store, vec![born, told, accepted, confirmed, placed("order-2")]).await;
    store
}

/// What is found in the first order after `sql`; the second is clean.
async fn found_after(sql: &str) -> Vec<Finding> {
    let folder = TempDir::new().expect("a folder");
    let store = two_orders(&folder).await;
    let damaged =
        Connection::open(folder.path().join("orders.db")).and_then(|conn| conn.execute_batch(sql));
    assert_eq!(damaged, Ok(()), "{sql}");
    let mut found = Vec::new();
    let checked = check(&store, |violation| {
        found.push(violation.clone());
        Ok(())
    });
    let checked = checked.await.expect("the store answers");
    assert_eq!((checked.orders, checked.violations), (2, found.len() as u64), "{sql}");
    // A counter that is off is told too, but of no order.
    found.retain(|violation| violation.kind != B::Counter);
    assert!(
        found.iter().all(|violation| violation.order_id.as_deref() == Some("order-1")),
        "{sql}: {found:?}"
    );
    found.into_iter().map(|violation| (violation.sequence, violation.kind)).collect()
}

#[tokio::test]
async fn what_was_not_touched_is_clean() {
    assert_eq!(found_after("UPDATE orders SET version = version").await, []);
}

#[tokio::test]
async fn a_damaged_journal_is_told_event_by_event() {
    let cases: [(&str, &[Finding]); 7] = [
        (
            "DELETE FROM journal WHERE order_id = 'order-1' AND sequence = 2",
            &[(Some(3), B::Sequence), (None, B::Row)],
        ),
        (
            "UPDATE journal SET status = 'completed' WHERE order_id = 'order-1' AND sequence = 3",
            &[(Some(3), B::Status)],
        ),
        (
            "UPDATE journal SET data = '{\"type\": \"order_completed\", \"decided_by\": \"restaurant\"}'
             WHERE order_id = 'order-1' AND sequence = 3",
            &[(Some(3), B::Forbidden), (Some(3), B::Status), (Some(4), B::Status), (None, B::Row),
                (None, B::Row),
                (None, B::Wake)],
        ),
        (
            "UPDATE journal SET total_minor = 1 WHERE order_id = 'order-1' AND sequence = 4",
            &[(Some(4), B::Columns)],
        ),
        (
            "UPDATE journal SET data = '{\"type\": \"order_eaten\"}'
             WHERE order_id = 'order-1' AND sequence = 4",
            &[(None, B::Unreadable)],
        ),
        (
            "DELETE FROM journal WHERE order_id = 'order-1' AND sequence = 1",
            &[(Some(2), B::Sequence), (Some(2), B::NotPlaced)],
        ),
        ("DELETE FROM journal WHERE order_id = 'order-1'", &[(None, B::Missing)]),
    ];
    for (sql, expected) in cases {
        assert_eq!(found_after(sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_damaged_row_is_told() {
    let of_first = |set: &str| format!("UPDATE orders SET {set} WHERE order_id = 'order-1'");
    for (set, kind) in [
        ("status = 'completed'", B::Row),
        ("version = 3", B::Row),
        ("placed_at = placed_at + 1", B::Row),
        ("restaurant_id = 'nino'", B::Row),
        ("state = json_set(state, '$.total_minor', 1)", B::Row),
        ("state = json_set(state, '$.status', 'completed')", B::Row),
        ("wake_at = NULL", B::Wake),
        ("wake_at = wake_at + 1", B::Wake),
        ("state = '{'", B::Unreadable),
        ("status = 'eaten'", B::Unreadable),
    ] {
        assert_eq!(found_after(&of_first(set)).await, [(None, kind)], "{set}");
    }
    let by_restaurant =
        "INSERT INTO restaurant_orders SELECT restaurant_id, placed_at, order_id FROM orders";
    let by_customer = "INSERT INTO customer_orders SELECT from_at, customer_id, placed_at, order_id
        FROM customer_runs CROSS JOIN orders";
    for not_listed in [[by_restaurant, by_customer], [by_customer, by_restaurant]] {
        let [wholly, partly] = not_listed;
        let sql = format!(
            "UPDATE indexed_to SET placed_at = 9223372036854775807;
             {wholly}; {partly} WHERE order_id = 'order-2'"
        );
        assert_eq!(found_after(&sql).await, [(None, B::Unreadable)]);
    }
    let gone = "DELETE FROM orders WHERE order_id = 'order-1'";
    assert_eq!(found_after(gone).await, [(None, B::Missing)]);
}

#[tokio::test]
async fn an_order_of_which_nothing_is_kept_is_missing() {
    let kept = new_place()().kept(vec![one()]).await.expect("the store answers");
    assert_eq!(violations(&kept[0]).len(), 1);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_holds_up_no_bulk_action() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let store = Sqlite::open(&path).expect("a database");
    let orders = [1, 2, 3].map(|at| placed_at(&format!("order-{at}"), after(at)));
    commit(&store, orders.to_vec()).await;
    let spoil = "UPDATE orders SET state = '{' WHERE order_id = 'order-2'";
    assert_eq!(Connection::open(&path).and_then(|conn| conn.execute(spoil, [])), Ok(1));
    let (app, group) = app_over(Arc::new(store));
    tokio::spawn(group.run(Shutdown::new()));
    let wanted = bulk_wanted(Action::Cancel { reason: "kitchen_fire".to_owned() });
    let tried = app.try_bulk(wanted.clone()).await.expect("an answer");
    let started =
        app.start_bulk(wanted, "bulk-1".to_owned(), vec![1; 32]).await.expect("it begins");
    for _ in 0..10 {
        for bulk in app.open_bulks().await.expect("an answer") {
            app.advance_bulk(bulk, &bulk_lease(1)).await.expect("it goes on");
        }
    }
    let done = app.bulk(&started.bulk_id).await.expect("an answer");
    for tally in [&tried.tally, &done.tally] {
        assert_eq!((tally.acted, tally.unchanged), (2, 0));
        assert_eq!(tally.refused["unreadable"].order_ids, ["order-2"]);
    }
    assert_eq!((tried.matched, tried.sampled, done.state), (Some(3), 3, BulkState::Done));
}

#[tokio::test]
async fn what_lies_behind_a_row_that_cannot_be_read_is_looked_at() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let store = Sqlite::open(&path).expect("a database");
    let (told, mut watch) = (Told::default(), None);
    look(&store, &told, &mut watch).await.expect("the store answers");
    commit(&store, (1..=9).map(|number| placed(&format!("order-{number}"))).collect()).await;
    let sql = "UPDATE journal SET data = 'no JSON' WHERE order_id = 'order-3'";
    Connection::open(&path).and_then(|conn| conn.execute(sql, [])).expect("damage");
    let mut rows = 0;
    for _ in 0..5 {
        rows += look(&store, &told, &mut watch).await.expect("the store answers");
    }
    assert_eq!(rows, 8, "all but one, and none twice");
}

/// A new file, and a hand in it.
fn spoilable() -> (Arc<Sqlite>, impl AsyncFn(&str)) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let store = Arc::new(Sqlite::open(&path).expect("a database"));
    let spoil = async move |sql: &str| {
        // It stays as long as it may be spoiled.
        let _folder = &folder;
        let spoiled = Connection::open(&path).and_then(|conn| conn.execute(sql, []));
        assert!(spoiled.expect(sql) > 0, "{sql}");
    };
    (store, spoil)
}

damage_contract!(spoilable());

#[tokio::test]
async fn a_damaged_task_is_told_and_fails_no_dry_run() {
    let folder = TempDir::new().expect("a folder");
    let spoil = "UPDATE tasks SET attempts = -1";
    let store = spoiled(&folder, spoil).await;
    commit(&store, vec![placed("order-2")]).await;
    let mut found = Vec::new();
    let checked = check(&store, |violation| {
        found.push((violation.order_id.clone(), violation.kind));
        Ok(())
    });
    checked.await.expect("the store answers");
    assert_eq!(found, [(Some("order-1".to_owned()), B::Unreadable)]);
    let (app, _group) = app_over(Arc::new(store));
    let tried = app.try_bulk(bulk_wanted(Action::RetryNow)).await.expect("an answer");
    assert_eq!(tried.tally.refused["unreadable"].order_ids, ["order-1"]);
    assert_eq!(tried.tally.refused["no_open_task"].order_ids, ["order-2"]);
}

#[tokio::test]
async fn a_plan_counts_and_names_orders_that_cannot_be_read() {
    let (store, spoil) = spoilable();
    commit(&*store, (10..35).map(|number| placed(&format!("order-{number}"))).collect()).await;
    spoil("UPDATE orders SET state = '{' WHERE order_id > 'order-10'").await;
    let plan = plan(&*store, &evening(), after(MINUTE)).await.expect("the store answers");
    let Unreadable { count, order_ids } = &plan.unreadable;
    assert_eq!((*count, order_ids.len(), &*order_ids[0]), (24, 20, "order-11"));
    let told = plan.to_string();
    assert!(told.contains("24 cannot be read, such as order-11, order-12"), "{told}");
    assert!(told.contains("1 orders would move"), "{told}");
}

#[tokio::test]
async fn an_order_that_a_hand_took_ends_no_listing_early() {
    let (store, spoil) = spoilable();
    for number in 1..=12 {
        commit(&*store, vec![placed_at(&format!("order-{number:02}"), after(number))]).await;
    }
    spoil("DELETE FROM orders WHERE order_id IN ('order-02', 'order-03', 'order-04')").await;
    let order = placed_at("order-01", after(1)).order;
    let (customer_id, restaurant_id) = (order.customer_id.clone(), order.restaurant_id.clone());
    for filter in [
        OrdersFilter { customer_id: Some(customer_id), ..OrdersFilter::default() },
        OrdersFilter { restaurant_id: Some(restaurant_id), ..OrdersFilter::default() },
    ] {
        let mut query = OrdersQuery {
            sort: OrdersSort::Oldest,
            ..OrdersQuery::newest(filter, 3, after(MINUTE))
        };
        let mut listed = 0;
        loop {
            let page = store.orders(query.clone()).await.expect("a page");
            listed += page.orders.len();
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(listed, 9, "{query:?}");
    }
}

#[tokio::test]
async fn what_rests_is_looked_at_too() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let spoil = async |sql: &str| change_row(&path, sql);
    let open = || Arc::new(Sqlite::open(&path).expect("a database")) as _;
    what_is_damaged_and_rests_raises_the_metric(open, spoil).await;
}
