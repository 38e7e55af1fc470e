//! The PostgreSQL store keeps the contract of every store, over a real server; and beyond it what
//! several instances need.

mod copy;
mod division;
mod horizon;
mod instances;
mod leases;
mod limits;
mod outage;
mod plans;
mod server;
mod versions;

use super::{Postgres, READERS};
use crate::conformance::rounds::tests::what_is_damaged_and_rests_raises_the_metric;
use crate::domain::tests::mother::{EVENING, after};
use crate::domain::{MailAddress, Restaurant};
use crate::store::contract::damage::damage_contract;
use crate::store::contract::endpoints::{add, endpoint, house};
use crate::store::contract::erasing::{erasure, pass, what_is_damaged_is_passed_over};
use crate::store::contract::listing::what_is_unreadable_has_its_place;
use crate::store::contract::reading::who_is_readable;
use crate::store::contract::{commit, placed, placed_at, rosa, store_contract};
use crate::store::{
    Commit, Contact, Deliveries, Error, JournalReader, JournalRow, Person, Store, TaskChange,
    TaskState,
};
use server::{LIMIT, Place};
use std::sync::Arc;

store_contract!(new_place());

/// A database of its own, as long as somebody may open the store in it.
fn new_place() -> impl Fn() -> Arc<dyn Store> {
    let place = Place::migrated();
    move || Arc::new(place.store())
}

/// What comes after the last of `rows`.
fn read_on(reader: &mut dyn JournalReader, rows: &mut Vec<JournalRow>, limit: usize) {
    let position = rows.last().map_or(0, |row| row.position);
    reader.read_after(position, limit, rows).expect("the journal is read");
}

#[tokio::test]
async fn what_makes_no_sense_is_corrupt_and_no_panic() {
    let place = Place::migrated();
    let store = place.store();
    let task = crate::store::Task {
        order_id: "order-1".to_owned(),
        sequence: 1,
        kind: crate::domain::TaskKind::NotifyRestaurant,
        state: TaskState::Open,
        attempts: 0,
        next_attempt_at: EVENING,
        give_up_at: EVENING,
        last_error: None,
        event_id: "event-1".to_owned(),
        traceparent: None,
    };
    commit(&store, vec![Commit { tasks: vec![TaskChange::Open(task)], ..placed("order-1") }]).await;
    let sql = place.client().await;
    sql.batch_execute("UPDATE tasks SET attempts = -1").await.unwrap();
    assert!(matches!(store.order("order-1".to_owned()).await, Err(Error::Corrupt(_))));
    sql.batch_execute("UPDATE journal SET data = '{}'").await.unwrap();
    assert!(matches!(store.history("order-1".to_owned(), 0, 9).await, Err(Error::Corrupt(_))));
    sql.batch_execute("UPDATE orders SET state = '{'").await.unwrap();
    store.put_restaurant(house()).await.unwrap();
    add(&store, endpoint("endpoint-1")).await;
    commit(&store, vec![placed_at("order-0", after(-1)), placed_at("order-2", after(1))]).await;
    let page = store.concerning(0, 9).await.unwrap();
    assert!(matches!(&page.unreadable[..], [(_, Error::Corrupt(_))]));
    let read: Vec<_> = page.rows.iter().map(|row| &*row.order_id).collect();
    assert_eq!(read, ["order-0", "order-2"]);
    who_is_readable(&store, "order-2", "order-1").await;
    what_is_unreadable_has_its_place(&store, &["order-2", "order-0"], &["order-1"]).await;
}

/// A new database, and a hand in it.
async fn spoilable() -> (Arc<Postgres>, impl AsyncFn(&str)) {
    let place = Place::migrated();
    let (store, sql) = (Arc::new(place.store()), place.client().await);
    let spoil = async move |text: &str| {
        // It stays as long as it may be spoiled.
        let _place = &place;
        assert!(sql.execute(text, &[]).await.unwrap() > 0, "{text}");
    };
    (store, spoil)
}

damage_contract!(spoilable().await);

#[tokio::test]
async fn what_goes_on_by_itself_waits_for_no_question() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let mut held = Vec::new();
    for _ in 0..READERS {
        held.push(store.readers.get().await.unwrap());
    }
    let (loops, id) = (store.for_loops(), || "order-1".to_owned());
    let asked = async {
        assert!(loops.order(id()).await.unwrap().is_some());
        assert_eq!(loops.history(id(), 0, 9).await.unwrap().len(), 1);
        assert!(loops.contact(id()).await.is_ok() && loops.restaurant(id()).await.is_ok());
        assert!(loops.endpoints(id()).await.is_ok() && loops.delivery(id(), id()).await.is_ok());
    };
    tokio::time::timeout(LIMIT, asked).await.expect("they do not wait for those who ask");
}

#[tokio::test]
async fn one_damaged_value_stops_no_erasure() {
    let place = Place::migrated();
    let spoil = async |sql: &str| place.client().await.batch_execute(sql).await.unwrap();
    what_is_damaged_is_passed_over(|| Arc::new(place.store()), spoil).await;
}

/// Whichever plan the server makes of it.
#[tokio::test]
async fn a_damaged_restaurant_stops_no_erasure_of_anothers_address() {
    let place = Place::migrated();
    let store = place.store();
    for number in 0..50 {
        let mail = Some(MailAddress(format!("chef-{number}@example.org")));
        let restaurant_id = format!("restaurant-{number}");
        let restaurant = Restaurant { restaurant_id, mail, ..house() };
        store.put_restaurant(restaurant).await.unwrap();
    }
    let damage = "UPDATE restaurants SET data = '{' WHERE restaurant_id = 'restaurant-7'; ANALYZE";
    place.client().await.batch_execute(damage).await.unwrap();
    let theirs = erasure("erasure-1", Person::Mail("chef-8@example.org".to_owned()));
    store.ask_erasure(theirs.clone()).await.unwrap();
    assert_eq!(pass(&store, &theirs).await.1, ["restaurant-7"]);
    let erased = store.restaurant("restaurant-8".to_owned()).await.unwrap().expect("it is there");
    assert_eq!(erased.mail, None);
}

#[tokio::test]
async fn what_rests_is_looked_at_too() {
    let place = Place::migrated();
    let spoil = async |sql: &str| place.client().await.batch_execute(sql).await.unwrap();
    what_is_damaged_and_rests_raises_the_metric(|| Arc::new(place.store()), spoil).await;
}

#[tokio::test]
async fn a_null_character_spoils_no_group() {
    let place = Place::migrated();
    let store = place.store();
    let contact = Contact { note: Some("Ring\0twice".to_owned()), ..rosa() };
    let born = Commit { contact: Some(contact), ..placed("order-1") };
    commit(&store, vec![born, placed("order-2")]).await;
    let kept = store.contact("order-1".to_owned()).await.unwrap().expect("it is there");
    assert_eq!(kept.note.as_deref(), Some("Ring\u{fffd}twice"));
    assert_eq!(store.order("order-1\0".to_owned()).await.unwrap(), None);
    assert_eq!(store.restaurant("\0".to_owned()).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_that_would_forget_is_made_to_remember() {
    let place = Place::migrated();
    let sql = place.client().await;
    sql.batch_execute(&format!("ALTER DATABASE {} SET synchronous_commit = off", place.name))
        .await
        .unwrap();
    let store = place.store();
    let client = store.writers.get().await.unwrap();
    let row = client.query_one("SHOW synchronous_commit", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "on");
}

#[tokio::test]
async fn a_server_without_encryption_is_not_spoken_to_in_plain_text_instead() {
    let place = Place::empty();
    let encrypted = format!("{}?sslmode=require", place.url).parse().unwrap();
    let refused = Postgres::open(&encrypted).await.err().expect("it is refused");
    assert!(format!("{refused:#}").contains("server does not support TLS"), "{refused:#}");
}
