//! The database goes away and comes back, under load and without a word.

use super::read_on;
use super::server::{LIMIT, Place, Server};
use crate::domain::Restaurant;
use crate::store::contract::endpoints::house;
use crate::store::contract::tickets::ticket;
use crate::store::contract::{commit, placed};
use crate::store::ticket::TicketStore;
use crate::store::{Error, Outcome, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Places orders until `done`; those that were acknowledged.
async fn place_orders(
    store: Arc<dyn Store>,
    done: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if done.load(Ordering::SeqCst) {
            break;
        }
        let order_id = format!("order-{number}");
        match store.commit(vec![placed(&order_id)]).await {
            Ok(outcomes) => {
                assert_eq!(outcomes, [Outcome::Committed]);
                acknowledged.push(order_id);
                count.fetch_add(1, Ordering::SeqCst);
            }
            Err(Error::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(other) => panic!("{other}"),
        }
    }
    acknowledged
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_and_the_store_comes_back_by_itself() {
    let server = Server::start("postgres-outage", 6_001);
    let place = Place::on(&server);
    place.migrate();
    let store: Arc<dyn Store> = Arc::new(place.store());
    let mut reader = store.journal_reader().unwrap();
    let (done, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let placing =
        tokio::spawn(place_orders(Arc::clone(&store), Arc::clone(&done), Arc::clone(&count)));
    let mut rows = Vec::new();
    for stop in ["crash", "down", "crash"] {
        let before = count.load(Ordering::SeqCst);
        eventually("orders are placed", || count.load(Ordering::SeqCst) > before + 20).await;
        server.deploy(stop);
        let asked = store.order("order-0".to_owned()).await;
        assert!(matches!(asked, Err(Error::Unavailable(_))), "{asked:?}");
        let position = rows.last().map_or(0, |row: &crate::store::JournalRow| row.position);
        let read = reader.read_after(position, 10, &mut rows);
        assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
        server.deploy("up");
        let began = Instant::now();
        while reader.newest().is_err() {
            assert!(began.elapsed() < LIMIT, "the reader does not come back");
        }
        read_on(&mut *reader, &mut rows, 1_000_000);
    }
    let before = count.load(Ordering::SeqCst);
    eventually("orders are placed again", || count.load(Ordering::SeqCst) > before).await;
    done.store(true, Ordering::SeqCst);
    let acknowledged = placing.await.unwrap();
    read_on(&mut *reader, &mut rows, 1_000_000);
    let kept: Vec<&str> = rows.iter().map(|row| row.order_id.as_str()).collect();
    let lost = acknowledged.iter().filter(|id| !kept.contains(&id.as_str())).count();
    assert_eq!(lost, 0, "of {} orders", acknowledged.len());
    server.deploy("clean");
}

#[tokio::test]
async fn a_session_that_was_ended_is_replaced() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let sql = place.client().await;
    let others = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sql.batch_execute(others).await.unwrap();
    let began = Instant::now();
    while store.order("order-1".to_owned()).await.is_err() {
        assert!(began.elapsed() < LIMIT, "the store does not come back");
    }
    commit(&store, vec![placed("order-2")]).await;
}

/// Whose client hangs up while it waits for a lock.
#[tokio::test]
async fn who_does_not_wait_for_an_answer_leaves_no_transaction_to_the_next() {
    let place = Place::migrated();
    let store = place.store();
    store.put_restaurant(house()).await.unwrap();
    // What others do is looked up once in each transaction: the one that locks cannot see it.
    let (locking, sql) = (place.client().await, place.client().await);
    locking.batch_execute("BEGIN; SELECT 1 FROM restaurants FOR UPDATE").await.unwrap();
    let waits = "SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let someone_waits = async {
        let began = Instant::now();
        while sql.query(waits, &[]).await.unwrap().is_empty() {
            assert!(began.elapsed() < LIMIT, "nobody waits for the lock");
        }
    };
    let other = Restaurant { name: "Napoli Bella".to_owned(), ..house() };
    tokio::select! {
        replaced = store.replace_restaurant(house(), other) => panic!("it was locked: {replaced:?}"),
        () = someone_waits => {}
    }
    locking.batch_execute("ROLLBACK").await.unwrap();
    let another = place.store();
    for number in 0..4 {
        store.keep_ticket(ticket(number, 60)).await.unwrap();
        let digest = ticket(number, 60).digest;
        assert!(another.take_ticket(digest).await.unwrap().is_some(), "ticket {number} is kept");
    }
}
