//! How much is forgotten at once.

use chassis::clock::ManualClock;

use super::*;
use crate::app::testing::new_taker;
use crate::store::Store;
use crate::store::inbox::remember_event;
use crate::store::testing::new_store;

/// A taker that took so many events more than 30 days ago, and one since.
fn after(store: &Store, events: u32) -> Taker {
    let now_us = REMEMBERED_US + 1;
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    (0..events).for_each(|event| assert!(remember_event(&tx, &format!("e-{event}"), 0).unwrap()));
    assert!(remember_event(&tx, "late", 1).unwrap());
    tx.commit().unwrap();
    new_taker(store, &ManualClock::at(now_us))
}

#[test]
fn all_that_is_old_is_forgotten_in_one_go_while_there_is_time() {
    for events in [0, 999, 1_000, 1_001, 5_000] {
        let (_directory, store) = new_store();
        let mut taker = after(&store, events);
        assert_eq!(taker.forget_events_while(|| true).unwrap(), events as usize);
        assert_eq!(taker.forget_events_while(|| true).unwrap(), 0);
        let tx = taker.writer.begin().unwrap();
        assert!(!remember_event(&tx, "late", 1).unwrap(), "what is not old stays");
    }
}

#[test]
fn when_time_is_over_the_rest_is_left_for_the_next_time() {
    let (_directory, store) = new_store();
    let mut taker = after(&store, 5_000);
    assert_eq!(taker.forget_events_while(|| false).unwrap(), 1_000, "one portion at least");
    let mut portions_left = 2;
    let goes_on = || {
        portions_left -= 1;
        portions_left > 0
    };
    assert_eq!(taker.forget_events_while(goes_on).unwrap(), 2_000);
    assert_eq!(taker.forget_events_while(|| true).unwrap(), 2_000);
}
