//! The SQLite store keeps the contract of every store, over a file; and says so when what it finds
//! in the file makes no sense.

mod counting;
mod damage;
mod erasing;
mod late;
mod plans;
mod versions;

use super::{READERS, Sqlite, schema};
use crate::app::group::Limits;
use crate::app::{App, HeardBy};
use crate::deliveries::plan::Planner;
use crate::domain::tests::mother::{EVENING, after};
use crate::domain::{Policy, Receiver, TaskKind, Timestamp};
use crate::store::contract::damage::announced;
use crate::store::contract::endpoints::{add, endpoint, house};
use crate::store::contract::listing::what_is_unreadable_has_its_place;
use crate::store::contract::reading::who_is_readable;
use crate::store::contract::{commit, placed, placed_at, store_contract};
use crate::store::{
    Commit, Deliveries, Error, Health, OrdersFilter, OrdersQuery, Store, Task, TaskChange,
    TaskState, Wanted,
};
use chassis::clock::ManualClock;
use chassis::ids::SequentialIds;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

store_contract!(new_place());

/// A folder of its own, as long as somebody may open the store in it.
fn new_place() -> impl Fn() -> Arc<dyn Store> {
    let folder = TempDir::new().expect("a folder");
    move || Arc::new(Sqlite::open(&folder.path().join("orders.db")).expect("a database"))
}

/// The tables, in memory.
fn tables() -> Connection {
    let mut conn = Connection::open_in_memory().expect("a database");
    chassis::sqlite::migrate(&mut conn, &schema::TABLES).expect("the tables");
    conn
}

/// A database with one of everything, spoiled by `sql`.
async fn spoiled(folder: &TempDir, sql: &str) -> Sqlite {
    let path: PathBuf = folder.path().join("orders.db");
    let store = Sqlite::open(&path).expect("a database");
    let task = Task {
        order_id: "order-1".to_owned(),
        sequence: 1,
        kind: TaskKind::NotifyRestaurant,
        state: TaskState::Open,
        attempts: 0,
        next_attempt_at: EVENING,
        give_up_at: after(1),
        last_error: None,
        event_id: "event-1".to_owned(),
        traceparent: None,
    };
    let remember = crate::store::contract::remembered("key-1", "order-1");
    let born = Commit {
        tasks: vec![TaskChange::Open(task)],
        contact: Some(crate::store::contract::rosa()),
        remember: Some(remember),
        ..placed("order-1")
    };
    commit(&store, vec![born]).await;
    store
        .put_restaurant(crate::store::contract::endpoints::house())
        .await
        .expect("the store answers");
    let changed = Connection::open(path).and_then(|conn| conn.execute(sql, []));
    assert_eq!(changed, Ok(1), "{sql}");
    store
}

fn all() -> OrdersQuery {
    OrdersQuery::newest(OrdersFilter::default(), 10, EVENING)
}

fn one() -> String {
    "order-1".to_owned()
}

#[track_caller]
fn corrupt<T>(answer: Result<T, Error>, sql: &str, question: &str) {
    match answer {
        Err(Error::Corrupt(_)) => {}
        Err(other) => panic!("{question} after {sql}: {other}, which is not what is wrong"),
        Ok(_) => panic!("{question} after {sql}: an answer all the same"),
    }
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_corrupt_and_no_panic() {
    for state in ["'{'", "'{}'", "7", "x'00ff'", "CAST(x'00ff' AS TEXT)"] {
        let sql = format!("UPDATE orders SET state = {state}");
        let folder = TempDir::new().expect("a folder");
        let store = spoiled(&folder, &sql).await;
        commit(&store, vec![placed("order-2")]).await;
        who_is_readable(&store, "order-2", "order-1").await;
        corrupt(store.order(one()).await, &sql, "order");
        what_is_unreadable_has_its_place(&store, &["order-2"], &["order-1"]).await;
        assert_eq!(store.history(one(), 0, 10).await.expect("the rest is whole").len(), 1);
    }
}

/// Of two orders, the first of which was spoiled.
async fn concerns_endpoints(store: &dyn Store, sql: &str) {
    add(store, endpoint("endpoint-1")).await;
    commit(store, vec![placed("order-2")]).await;
    let page = store.concerning(0, 9).await.expect("the rest is whole");
    assert_eq!((page.rows.len(), &*page.rows[0].order_id, page.up_to), (1, "order-2", 2), "{sql}");
    assert!(matches!(&page.unreadable[..], [(1, Error::Corrupt(_))]), "{sql}");
}

#[tokio::test]
async fn an_order_that_makes_no_sense_spoils_no_page() {
    let folder = TempDir::new().expect("a folder");
    let sql = "UPDATE orders SET state = '{'";
    let store = spoiled(&folder, sql).await;
    commit(&store, vec![placed_at("order-0", after(-1)), placed_at("order-2", after(1))]).await;
    what_is_unreadable_has_its_place(&store, &["order-2", "order-0"], &["order-1"]).await;
}

#[tokio::test]
async fn a_journal_that_makes_no_sense_is_corrupt_and_no_panic() {
    let spoil = [
        "UPDATE journal SET data = '{\"type\": \"order_eaten\"}'",
        "UPDATE journal SET data = '{\"type\": \"order_accepted\"}'",
        "UPDATE journal SET data = CAST(x'00ff' AS TEXT)",
        "UPDATE journal SET status = 'eaten'",
        "UPDATE journal SET occurred_at = 'yesterday'",
        "UPDATE journal SET currency = CAST(x'00ff' AS TEXT)",
    ];
    for sql in spoil {
        let folder = TempDir::new().expect("a folder");
        let store = spoiled(&folder, sql).await;
        corrupt(store.history(one(), 0, 10).await, sql, "history");
        let mut reader = store.journal_reader().expect("it can be opened");
        corrupt(reader.read_after(0, 10, &mut Vec::new()), sql, "the journal");
        concerns_endpoints(&store, sql).await;
        assert!(store.order(one()).await.expect("the rest is whole").is_some());
    }
}

#[tokio::test]
async fn tasks_contacts_keys_and_restaurants_that_make_no_sense_are_corrupt_and_no_panic() {
    for sql in [
        "UPDATE tasks SET kind = '\"ring_the_bell\"'",
        "UPDATE tasks SET kind = 'notify_restaurant'",
        "UPDATE tasks SET state = 'forgotten'",
        "UPDATE tasks SET attempts = -1",
    ] {
        let folder = TempDir::new().expect("a folder");
        let store = spoiled(&folder, sql).await;
        corrupt(store.order(one()).await, sql, "order");
        let due = Timestamp(0)..=Timestamp(i64::MAX);
        let open = store.open_tasks(Receiver::Restaurant, due, 10).await;
        assert!(open.expect("an answer").is_empty(), "{sql}");
    }
    let sql = "UPDATE contacts SET email = x'00ff'";
    let folder = TempDir::new().expect("a folder");
    corrupt(spoiled(&folder, sql).await.contact(one()).await, sql, "contact");
    let sql = "UPDATE idempotency SET request_hash = 'text'";
    let folder = TempDir::new().expect("a folder");
    let wanted = Wanted { idempotency_keys: vec!["key-1".to_owned()], ..Wanted::default() };
    corrupt(spoiled(&folder, sql).await.load(wanted).await, sql, "load");
    let sql = "UPDATE restaurants SET data = '[]'";
    let folder = TempDir::new().expect("a folder");
    let restaurant = spoiled(&folder, sql).await.restaurant("bella-napoli".to_owned()).await;
    corrupt(restaurant, sql, "restaurant");
}

/// As a disk that loses a write leaves it: the schema is whole, the tables are not.
#[tokio::test]
async fn a_damaged_file_is_corrupt_and_no_panic() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let sql = "UPDATE orders SET version = version";
    drop(spoiled(&folder, sql).await);
    let conn = Connection::open(&path).expect("a database");
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("all is in the file");
    let size: u32 = conn.query_row("PRAGMA page_size", [], |row| row.get(0)).expect("a size");
    let pages: Vec<u32> = conn
        .prepare("SELECT rootpage FROM sqlite_schema WHERE rootpage > 1")
        .and_then(|mut roots| roots.query_map([], |row| row.get(0))?.collect())
        .expect("where the tables begin");
    drop(conn);
    let mut bytes = std::fs::read(&path).expect("a file");
    for page in pages {
        bytes[((page - 1) * size) as usize..(page * size) as usize].fill(0xa5);
    }
    std::fs::write(&path, bytes).expect("a file");
    let store = Sqlite::open(&path).expect("its schema is whole");
    corrupt(store.orders(all()).await, "damage", "orders");
    corrupt(
        store.load(Wanted { order_ids: vec![one()], ..Wanted::default() }).await,
        "damage",
        "load",
    );
    corrupt(store.commit(vec![placed("order-2")]).await, "damage", "commit");
}

/// What an attempt at a task reads that knows nothing yet, and what it takes to tell endpoints.
async fn an_attempt_and_a_plan(store: &Sqlite) {
    let (clock, ids) = (ManualClock::at(EVENING.0), SequentialIds::new());
    let (limits, terms) = (Limits { queue: 1, group: 1 }, Policy::standard());
    let loops = store.for_loops();
    assert!(Planner::new(Arc::clone(&loops)).go_on().await.is_ok());
    let (app, _group) =
        App::new(Arc::new(store.clone()), Arc::new(clock), Arc::new(ids), terms, limits);
    let app = app.for_loops();
    let order = app.order("order-1").await.expect("an answer");
    assert!(app.contact("order-1").await.is_ok());
    assert!(app.restaurant(&order.order.restaurant_id).await.expect("an answer").is_some());
    let heard_by = app.heard_by(&order.tasks[0], &order.order.restaurant_id).await;
    assert_eq!(heard_by.expect("an answer"), HeardBy::NoneYet);
    let event_id = "event-order-1-1".to_owned();
    let told = loops.delivery("endpoint-1".to_owned(), event_id).await.expect("an answer");
    assert!(told.is_some(), "the plan has told of it");
}

/// With every reader held, thousands ask and go away again.
#[tokio::test]
async fn what_goes_on_by_itself_waits_for_no_question_and_who_goes_away_is_not_asked_for() {
    let folder = TempDir::new().expect("a folder");
    let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
    store.put_restaurant(house()).await.expect("the store answers");
    add(&store, endpoint("endpoint-1")).await;
    commit(&store, vec![announced("order-1")]).await;
    let (mut held, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..READERS {
        let (hold, let_go) = mpsc::channel::<()>();
        held.push(hold);
        waiting.push(store.read(move |_| Ok(let_go.recv().is_err())));
    }
    let run = Arc::new(AtomicUsize::new(0));
    for _ in 0..5_000 {
        drop(store.orders(all()));
        let run = Arc::clone(&run);
        drop(store.read(move |_| Ok(run.fetch_add(1, Ordering::SeqCst))));
    }
    let later = Timestamp(i64::MAX);
    let looked = async {
        assert_eq!(store.due_orders(later, None, 10).await.expect("an answer").len(), 1);
        assert!(store.next_wake_at().await.expect("an answer").is_some());
        assert!(store.open_tasks(Receiver::Restaurant, Timestamp(0)..=later, 10).await.is_ok());
        assert!(store.due_deliveries(later, Health::Well, 1, 10).await.is_ok());
        assert!(store.open_bulks().await.is_ok() && store.open_erasures(later, 1).await.is_ok());
        an_attempt_and_a_plan(&store).await;
    };
    tokio::time::timeout(LIMIT, looked).await.expect("they do not wait for those who ask");
    drop(held);
    for answer in waiting {
        assert!(answer.await.expect("an answer"));
    }
    assert_eq!(store.orders(all()).await.expect("an answer").orders.len(), 1);
    assert_eq!(run.load(Ordering::SeqCst), 0, "nobody waited for them any more");
}

#[test]
fn a_file_that_is_no_database_is_not_opened() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    std::fs::write(&path, "Margherita\n".repeat(1_000)).expect("a file");
    assert!(Sqlite::open(&path).is_err());
}
