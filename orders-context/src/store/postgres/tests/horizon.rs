//! A reader of the journal stays behind the transactions under way, and so skips nothing.

use super::super::journal::FIRST;
use super::read_on;
use super::server::Place;
use crate::conformance;
use crate::deliveries::plan::Planner;
use crate::domain::tests::mother::{after, order_accepted};
use crate::store::contract::endpoints::{add, endpoint, house};
use crate::store::contract::{commit, moved, placed};
use crate::store::{Deliveries, JournalRow, Store};
use std::sync::Arc;

/// Writes event 2 of order 1 as an instance would, from a copy of event 1.
pub fn write_late() -> String {
    format!(
        "INSERT INTO journal SELECT {FIRST}, 'event-late', order_id, 2, occurred_at, status, actor,
            data, restaurant_id, customer_id, total_minor, currency, traceparent, causation_id
         FROM journal WHERE order_id = 'order-1'"
    )
}

fn names(rows: &[JournalRow]) -> Vec<(&str, i64)> {
    rows.iter().map(|row| (row.order_id.as_str(), row.sequence)).collect()
}

#[tokio::test]
async fn a_row_that_commits_late_is_not_skipped() {
    let place = Place::migrated();
    let store = place.store();
    let mut reader = store.journal_reader().unwrap();
    let mut rows = Vec::new();
    commit(&store, vec![placed("order-1")]).await;
    read_on(&mut *reader, &mut rows, 10);
    assert_eq!(names(&rows), [("order-1", 1)]);

    let late = place.client().await;
    late.batch_execute(&format!("BEGIN; {}", write_late())).await.unwrap();
    let born = placed("order-2");
    let accepted = moved(&born.order, after(1), order_accepted());
    commit(&store, vec![born]).await;
    commit(&store, vec![accepted]).await;
    read_on(&mut *reader, &mut rows, 10);
    assert_eq!(names(&rows), [("order-1", 1)], "what is committed waits for what is under way");
    assert_eq!(store.history("order-2".to_owned(), 0, 10).await.unwrap().len(), 2);
    assert!(reader.newest().unwrap() > rows[0].position, "and shows as not yet read");

    late.batch_execute("COMMIT").await.unwrap();
    for read in 2..=4 {
        read_on(&mut *reader, &mut rows, 1);
        assert_eq!(rows.len(), read);
    }
    assert_eq!(names(&rows), [("order-1", 1), ("order-1", 2), ("order-2", 1), ("order-2", 2)]);
    assert!(rows.is_sorted_by(|a, b| a.position < b.position));
    assert_eq!(reader.newest().unwrap(), rows[3].position);
}

#[tokio::test]
async fn what_is_never_committed_leaves_a_gap_and_nothing_else() {
    let place = Place::migrated();
    let store = place.store();
    let mut reader = store.journal_reader().unwrap();
    let mut rows = Vec::new();
    commit(&store, vec![placed("order-1")]).await;
    let late = place.client().await;
    late.batch_execute(&format!("BEGIN; {}", write_late())).await.unwrap();
    commit(&store, vec![placed("order-2")]).await;
    late.batch_execute("ROLLBACK").await.unwrap();
    read_on(&mut *reader, &mut rows, 10);
    assert_eq!(names(&rows), [("order-1", 1), ("order-2", 1)]);
}

#[tokio::test]
async fn who_only_reads_holds_nobody_back() {
    let place = Place::migrated();
    let store = place.store();
    let mut reader = store.journal_reader().unwrap();
    let idle = place.client().await;
    let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM journal";
    idle.batch_execute(read).await.unwrap();
    commit(&store, vec![placed("order-1")]).await;
    let mut rows = Vec::new();
    read_on(&mut *reader, &mut rows, 10);
    assert_eq!(names(&rows), [("order-1", 1)]);
    idle.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn who_begins_at_the_end_looks_at_what_commits_late() {
    let place = Place::migrated();
    let store = place.store();
    commit(&store, vec![placed("order-1")]).await;
    let late = place.client().await;
    late.batch_execute(&format!("BEGIN; {}", write_late())).await.unwrap();
    commit(&store, vec![placed("order-2")]).await;
    let (told, mut watch) = (conformance::Told::default(), None);
    assert_eq!(conformance::look(&store, &told, &mut watch).await.unwrap(), 0);
    late.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        conformance::look(&store, &told, &mut watch).await.unwrap(),
        2,
        "below the end, and above"
    );
}

#[tokio::test]
async fn who_passes_over_what_nobody_hears_of_passes_over_nothing_that_commits_late() {
    let place = Place::migrated();
    let store = Arc::new(place.store());
    store.put_restaurant(house()).await.unwrap();
    commit(&*store, vec![placed("order-1")]).await;
    let late = place.client().await;
    late.batch_execute(&format!("BEGIN; {}", write_late())).await.unwrap();
    commit(&*store, vec![placed("order-2")]).await;
    let mut planner = Planner::new(Arc::<super::Postgres>::clone(&store));
    assert!(!planner.go_on().await.unwrap(), "nobody has an endpoint");
    add(&*store, endpoint("endpoint-1")).await;
    late.batch_execute("COMMIT").await.unwrap();
    planner.go_on().await.unwrap();
    let told = store.deliveries("endpoint-1".to_owned(), None, None, 10).await.unwrap();
    assert!(told.iter().any(|delivery| delivery.event_id == "event-late"), "{told:?}");
    assert!(told.iter().all(|delivery| delivery.sequence == 2 || delivery.order_id != "order-1"));
}
