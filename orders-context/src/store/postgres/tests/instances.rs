//! Several instances write the same orders at once, while one of them reads the journal.

use super::super::Postgres;
use super::server::Place;
use super::{read_on, server::LIMIT};
use crate::domain::tests::mother::{after, restaurant_notified};
use crate::domain::{Event, Timestamp};
use crate::store::contract::{commit, moved, placed, remembered};
use crate::store::{Commit, JournalRow, Outcome, Store, Wanted};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Few enough that instances meet at them all the time.
const ORDERS: usize = 6;

/// How often each order moves.
const VERSIONS: i64 = 30;

fn name(number: usize) -> String {
    format!("order-{number}")
}

/// Moves all orders again and again, together with others who do the same; how many moves were its
/// own. `turned` instances go through the orders the other way round.
async fn move_all(store: Arc<Postgres>, turned: bool) -> usize {
    let mut own = 0;
    loop {
        let wanted = Wanted { order_ids: (0..ORDERS).map(name).collect(), ..Wanted::default() };
        let loaded = store.load(wanted).await.expect("the store answers");
        let mut group: Vec<Commit> = (0..ORDERS)
            .filter_map(|number| loaded.orders.get(&name(number)))
            .filter(|order| order.version < VERSIONS)
            .map(|order| moved(order, later(order.version), told()))
            .collect();
        if group.is_empty() {
            return own;
        }
        if turned {
            group.reverse();
        }
        let outcomes = store.commit(group).await.expect("the store answers");
        own += outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count();
    }
}

pub fn told() -> Event {
    restaurant_notified()
}

fn later(version: i64) -> Timestamp {
    after(version)
}

/// Reads the journal in small steps until `done`, and once more then.
fn follow(store: &Postgres, done: &AtomicBool) -> Vec<JournalRow> {
    let mut reader = store.journal_reader().expect("the journal can be read");
    let mut rows = Vec::new();
    let began = Instant::now();
    loop {
        let (finished, before) = (done.load(Ordering::SeqCst), rows.len());
        read_on(&mut *reader, &mut rows, 7);
        // Another test's transaction may hold the end back for a moment.
        let all = rows.last().is_some_and(|row| row.position == reader.newest().unwrap());
        if finished && all && rows.len() == before {
            return rows;
        }
        assert!(began.elapsed() < LIMIT, "{} rows were read", rows.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_move_the_same_orders_and_no_reader_misses_a_row() {
    let place = Place::migrated();
    let stores: Vec<_> = (0..2).map(|_| Arc::new(place.store())).collect();
    commit(&*stores[0], (0..ORDERS).map(|number| placed(&name(number))).collect()).await;
    let done = Arc::new(AtomicBool::new(false));
    let following = std::thread::spawn({
        let (store, done) = (Arc::clone(&stores[1]), Arc::clone(&done));
        move || follow(&store, &done)
    });
    let moving = [(0, false), (1, true), (0, true), (1, false)]
        .map(|(store, turned)| tokio::spawn(move_all(Arc::clone(&stores[store]), turned)));
    let mut moves = 0;
    for instance in moving {
        moves += instance.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let rows = following.join().unwrap();

    let expected = ORDERS * (VERSIONS as usize - 1);
    assert_eq!(moves, expected, "of those who moved an order at once, one did");
    assert_eq!(rows.len(), ORDERS + expected);
    assert!(rows.is_sorted_by(|a, b| a.position < b.position));
    let mut last: HashMap<&str, i64> = HashMap::new();
    for row in &rows {
        let before = last.insert(&row.order_id, row.sequence).unwrap_or(0);
        assert_eq!(row.sequence, before + 1, "{} as it was read on the way", row.order_id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_and_an_order_go_to_one_instance_and_spoil_no_group() {
    let place = Place::migrated();
    let stores: Vec<_> = (0..4).map(|_| Arc::new(place.store())).collect();
    for round in 0..20 {
        let committing: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(instance, store)| {
                let (own, by_key) = (format!("own-{round}-{instance}"), format!("key-{round}"));
                let keyed = format!("keyed-{round}-{instance}");
                let remember = Some(remembered(&by_key, &keyed));
                let group = vec![
                    placed(&own),
                    Commit { remember, ..placed(&keyed) },
                    placed(&format!("same-{round}")),
                ];
                let store = Arc::clone(store);
                tokio::spawn(async move { store.commit(group).await.unwrap() })
            })
            .collect();
        let (mut by_key, mut by_id) = (0, 0);
        for outcomes in committing {
            let outcomes = outcomes.await.unwrap();
            assert_eq!(outcomes[0], Outcome::Committed);
            by_key += usize::from(outcomes[1] == Outcome::Committed);
            by_id += usize::from(outcomes[2] == Outcome::Committed);
        }
        assert_eq!((by_key, by_id), (1, 1));
        let key = format!("key-{round}");
        let wanted = Wanted { idempotency_keys: vec![key.clone()], ..Wanted::default() };
        let led_to = stores[0].load(wanted).await.unwrap().remembered[&key].order_id.clone();
        for instance in 0..stores.len() {
            let keyed = format!("keyed-{round}-{instance}");
            let there = stores[0].order(keyed.clone()).await.unwrap().is_some();
            assert_eq!(there, keyed == led_to, "an order whose key another has is not there");
        }
    }
}
