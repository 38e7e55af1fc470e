//! Files of earlier versions are brought along, with all that is in them.

use super::super::{Sqlite, schema};
use crate::check::check;
use crate::domain::Status;
use crate::domain::tests::mother::EVENING;
use crate::store::contract::earlier::{Written, one_of_each_is_in_trouble, tasks_in_trouble};
use crate::store::{OrdersFilter, OrdersQuery, Store, Wanted};
use chassis::sqlite::{Tables, open_migrated};
use rusqlite::{Connection, params};

/// The tables as a program of so many versions knew them.
fn of_version(version: usize) -> Tables {
    Tables { migrations: &schema::MIGRATIONS[..version], ..schema::TABLES }
}

/// A database as the first version left it: an order in each status and one that was redriven.
fn first_version(path: &std::path::Path) -> Connection {
    let conn = open_migrated(path, &of_version(1)).expect("the first tables");
    for written in Written::all() {
        let Written { order, wake_at, state, journal } = written;
        let row = params![
            order.order_id,
            order.version,
            order.status.as_str(),
            order.restaurant_id,
            order.placed_at.0,
            wake_at,
            state
        ];
        conn.execute("INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row).expect("a row");
        for (sequence, at, status, data) in journal {
            conn.execute(
                "INSERT INTO journal (event_id, order_id, sequence, occurred_at, status, actor, data,
                    restaurant_id, customer_id, total_minor, currency)
                 VALUES (?2 || '-' || ?1, ?1, ?2, ?3, ?4, 'system', ?5, ?6, ?7, ?8, ?9)",
                params![
                    order.order_id, sequence, at.0, status.as_str(), data, order.restaurant_id,
                    order.customer_id, order.total_minor, order.currency
                ],
            )
            .expect("an event");
        }
    }
    conn.execute("INSERT INTO idempotency VALUES ('POST / ada 7', x'07', 'order-7', 7)", [])
        .expect("a key");
    conn
}

#[test]
fn who_only_looks_makes_no_file_and_migrates_none() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let refused = |path: &std::path::Path| {
        let opened = Sqlite::open_existing(path).map(drop);
        format!("{:#}", opened.expect_err("it is refused"))
    };
    assert!(refused(&path).contains("no such file"));
    assert!(!path.exists());
    std::fs::write(&path, "").expect("a file");
    assert!(refused(&path).contains("run `orders migrate`"));
    assert_eq!(std::fs::read(&path).expect("a file"), b"");
    let newest = schema::MIGRATIONS.len();
    let conn = open_migrated(&path, &of_version(newest - 1)).expect("its tables");
    assert!(refused(&path).contains("run `orders migrate`"));
    assert_eq!(version(&conn), newest as i64 - 1);
    drop(conn);
    drop(Sqlite::open(&path).expect("it is migrated"));
    drop(Sqlite::open_existing(&path).expect("it is there, and of this version"));
    let conn = Connection::open(&path).expect("a database");
    conn.pragma_update(None, "user_version", newest as i64 + 1).expect("of a later program");
    assert!(refused(&path).contains("start the newer program"));
}

#[tokio::test]
async fn orders_of_the_first_version_are_whole_in_this_one() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    drop(first_version(&path));
    let store = Sqlite::open(&path).expect("it is migrated");
    let mut found = Vec::new();
    let checked = check(&store, |violation| {
        found.push(violation.clone());
        Ok(())
    });
    assert_eq!(checked.await.expect("it is read").orders, Written::all().len() as u64);
    assert_eq!(found, []);
    let order = Written::order(Status::Placed).order;
    let (restaurant_id, customer_id) = (Some(order.restaurant_id), Some(order.customer_id));
    for filter in [
        OrdersFilter { restaurant_id, ..OrdersFilter::default() },
        OrdersFilter { customer_id, ..OrdersFilter::default() },
    ] {
        let page = store.orders(OrdersQuery::newest(filter, 100, EVENING)).await.expect("a page");
        assert_eq!(page.orders.len(), Written::all().len());
    }
    let wanted = Wanted { idempotency_keys: vec!["POST / ada 7".to_owned()], ..Wanted::default() };
    let remembered = store.load(wanted).await.expect("the store answers").remembered;
    assert_eq!(remembered["POST / ada 7"].order_id, "order-7");
}

#[tokio::test]
async fn what_was_redriven_is_in_no_trouble_any_more() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let it = |sql: &&str| sql.contains("window_opened_by");
    let before = schema::MIGRATIONS.iter().position(it).expect("that migration");
    let conn = open_migrated(&path, &of_version(before)).expect("tables");
    conn.execute_batch(&tasks_in_trouble()).expect("rows");
    drop(conn);
    one_of_each_is_in_trouble(&Sqlite::open(&path).expect("it is migrated")).await;
}

fn version(conn: &Connection) -> i64 {
    conn.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
}

#[test]
fn a_file_that_somebody_uses_is_not_migrated_under_them() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let running = first_version(&path);
    let refused = Sqlite::open(&path).map(drop).expect_err("it is refused");
    assert!(format!("{refused:#}").contains("stop `orders serve` first"), "{refused:#}");
    assert_eq!(version(&running), 1);
    running.execute("DELETE FROM idempotency", []).expect("it goes on");
    // One that is being stopped is waited for.
    let opening = std::thread::spawn(move || Sqlite::open(&path).map(drop));
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(running);
    opening.join().expect("no panic").expect("it is migrated");
}

#[test]
fn a_copy_into_a_file_that_is_not_empty_leaves_its_version() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    drop(first_version(&path));
    let (_out, parts) = crate::store::copy::way();
    let refused = super::super::copy::write(&path, parts).expect_err("it is refused").to_string();
    assert!(refused.contains("it is not empty"), "{refused}");
    assert_eq!(version(&Connection::open(&path).expect("a database")), 1);
}
