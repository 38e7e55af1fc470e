//! Which restaurants have an app connected: each instance speaks for itself.

use crate::domain::tests::mother::after;
use crate::store::Store;
use crate::store::presence::{Attendance, Connected};
use std::sync::Arc;

async fn note(store: &dyn Store, instance: &str, restaurants: &[&str], at: i64, until: i64) {
    let attendance = Attendance {
        instance: instance.to_owned(),
        restaurant_ids: restaurants.iter().map(|id| (*id).to_owned()).collect(),
        at: after(at),
        until: after(until),
    };
    store.note_attendance(attendance).await.expect("the store answers");
}

/// The times at every instance, by their beginning.
async fn times(store: &dyn Store, restaurant_id: &str) -> Vec<(i64, i64)> {
    let found = store.connections(restaurant_id.to_owned()).await.expect("the store answers");
    let us = |Connected { since, until }: Connected| (since.0 - after(0).0, until.0 - after(0).0);
    let mut times: Vec<_> = found.into_iter().map(us).collect();
    times.sort_unstable();
    times
}

pub async fn a_connection_is_prolonged_ended_and_begun_again(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    note(&*store, "one", &["nino", "bombay"], 0, 60).await;
    note(&*store, "one", &["nino", "bombay"], 20, 80).await;
    assert_eq!(times(&*store, "nino").await, [(0, 80)], "prolonged");
    note(&*store, "one", &["nino"], 30, 30).await;
    note(&*store, "one", &[], 30, 90).await;
    assert_eq!(times(&*open(), "nino").await, [(0, 30)], "ended");
    assert_eq!(times(&*store, "bombay").await, [(0, 80)]);
    note(&*store, "one", &["nino"], 30, 90).await;
    assert_eq!(times(&*store, "nino").await, [(30, 90)], "another one");
    note(&*store, "one", &["nino"], 91, 150).await;
    assert_eq!(times(&*store, "nino").await, [(91, 150)], "what had run out is over");
    assert_eq!(times(&*store, "nobody").await, []);
}

pub async fn instances_know_of_their_own_connections(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    note(&*store, "one", &["nino"], 0, 60).await;
    note(&*open(), "two", &["nino"], 10, 70).await;
    note(&*store, "one", &["nino"], 20, 20).await;
    assert_eq!(times(&*store, "nino").await, [(0, 20), (10, 70)]);
}

pub async fn connections_of_long_ago_are_forgotten(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    note(&*store, "one", &["a", "b", "c"], 0, 10).await;
    note(&*store, "one", &["d"], 0, 11).await;
    assert_eq!(store.forget_connections(after(10), 2).await.unwrap(), 2);
    assert_eq!(store.forget_connections(after(10), 2).await.unwrap(), 1);
    assert_eq!(store.forget_connections(after(10), 2).await.unwrap(), 0);
    assert_eq!(times(&*store, "a").await, []);
    assert_eq!(times(&*store, "d").await, [(0, 11)]);
}
