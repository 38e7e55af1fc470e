//! Positions of one cluster, met by another.

use chassis::clock::ManualClock;
use chassis::kafka::consumer::Span;

use super::*;
use crate::app::testing::new_taker;
use crate::store::Store;
use crate::store::testing::new_store;

/// A taker that has taken 41 records, of the cluster of this id if it was told one.
fn taken_from(store: &Store, cluster: Option<&str>) -> Taker {
    let mut taker = new_taker(store, &ManualClock::at(1));
    if let Some(cluster) = cluster {
        taker.bind_cluster(cluster).unwrap();
    }
    let span = Span { topic: "orders.order.events.v1".into(), partition: 0, from: 0, to: 41 };
    taker.take_batch(&[span], Vec::new()).unwrap();
    taker
}

#[test]
fn positions_of_another_cluster_are_refused_again_and_again() {
    let (_directory, store) = new_store();
    let mut taker = taken_from(&store, Some("kitchen"));
    for _ in 0..2 {
        let Err(BindError::Foreign { bound, found }) = taker.bind_cluster("cellar") else {
            panic!("it was not refused");
        };
        assert_eq!((&*bound, &*found), ("kitchen", "cellar"));
    }
    taker.bind_cluster("kitchen").expect("it is still theirs");
    assert_eq!(taker.positions().unwrap()[0].offset, 41);
}

#[test]
fn positions_from_before_any_cluster_was_known_are_taken_for_those_of_the_first() {
    let (_directory, store) = new_store();
    let mut taker = taken_from(&store, None);
    taker.bind_cluster("kitchen").unwrap();
    assert!(matches!(taker.bind_cluster("cellar"), Err(BindError::Foreign { .. })));
}

#[test]
fn who_has_taken_nothing_takes_from_any_cluster() {
    let (_directory, store) = new_store();
    let mut taker = new_taker(&store, &ManualClock::at(1));
    for cluster in ["kitchen", "cellar", "cellar"] {
        taker.bind_cluster(cluster).unwrap();
    }
    taken_from(&store, None);
    assert!(matches!(taker.bind_cluster("kitchen"), Err(BindError::Foreign { .. })));
}

#[test]
fn what_the_refusal_says_is_what_helps() {
    let (_directory, store) = new_store();
    let mut taker = taken_from(&store, Some("kitchen"));
    let said = taker.bind_cluster("cellar").unwrap_err().to_string();
    let statement = "DELETE FROM inbox_position";
    assert!(said.contains(statement), "{said}");
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    tx.execute(statement, []).unwrap();
    tx.commit().unwrap();
    taker.bind_cluster("cellar").unwrap();
    assert!(taker.positions().unwrap().is_empty(), "it begins at the beginning");
}
