//! Whatever is repeated, and however orders interleave: one voucher for each completed order that
//! deserves one.

use std::collections::BTreeSet;

use chassis::clock::{Clock, ManualClock};
use chassis::kafka::consumer::Span;
use proptest::prelude::*;

use super::*;
use crate::app::testing::new_taker;
use crate::store::journal::{JournalRow, read_journal_after};
use crate::store::testing::new_store;
use crate::store::vouchers::{count_vouchers, list_vouchers};

const TOPIC: &str = "orders.order.events.v1";

/// One of the orders in these tests: number 0 costs 14.98, number 1 costs 14.99 and so on.
fn completed(number: i64, event_id: &str) -> Reading {
    Reading::Completed(CompletedEvent {
        event_id: event_id.to_owned(),
        correlation_id: format!("noodles-{number}"),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        order: CompletedOrder {
            order_id: format!("noodles-{number}"),
            customer_id: "amira".into(),
            total_minor: 1498 + number,
            currency: "EUR".into(),
        },
    })
}

fn record(offset: i64, key: &str, reading: Reading) -> ReadRecord {
    let origin = Incoming {
        topic: TOPIC.into(),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: Some(key.as_bytes().to_vec()),
        payload: Some(Vec::new()),
        headers: Vec::new(),
    };
    ReadRecord { origin, reading }
}

fn span(from: i64, to: i64) -> Span {
    Span { topic: TOPIC.into(), partition: 0, from, to }
}

#[test]
fn an_event_repeated_in_another_record_has_no_second_effect() {
    let (_directory, store) = new_store();
    let mut taker = new_taker(&store, &ManualClock::at(1));
    let records = vec![
        record(0, "noodles-5", completed(5, "e-1")),
        record(1, "noodles-5", completed(5, "e-1")),
        record(2, "noodles-5", completed(5, "e-2")),
    ];
    let taken = taker.take_batch(&[span(0, 3)], records).unwrap();
    assert_eq!((taken.issued, taken.repeated), (1, 2), "by event id, and by campaign and order");
    assert_eq!(read_journal_after(&store.reader().unwrap(), 0, 10).unwrap().len(), 1);
}

#[test]
fn the_voucher_and_its_event_say_where_they_come_from() {
    let (_directory, store) = new_store();
    let clock = ManualClock::at(1_000);
    let mut taker = new_taker(&store, &clock);
    let records = vec![record(0, "noodles-5", completed(5, "e-1"))];
    taker.take_batch(&[span(0, 1)], records).unwrap();

    let reader = store.reader().unwrap();
    let vouchers = list_vouchers(&reader, "amira", None, 10).unwrap();
    let rows = read_journal_after(&reader, 0, 10).unwrap();
    let [(_, JournalRow::VoucherEvent(event))] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(event.issued, vouchers[0].issued);
    assert_eq!((event.causation_id.as_str(), event.sequence), ("e-1", 1));
    assert_eq!(
        (event.correlation_id.as_str(), event.occurred_at_us),
        ("noodles-5", clock.now_us())
    );
    let code = vouchers[0].code.to_string();
    assert!(!format!("{rows:?}").contains(&code), "a code is never in an event");
}

#[test]
fn a_batch_that_does_not_begin_where_the_last_one_ended_has_no_effect_at_all() {
    let (_directory, store) = new_store();
    let mut taker = new_taker(&store, &ManualClock::at(1));
    taker.take_batch(&[span(0, 10)], Vec::new()).unwrap();
    for from in [0, 9, 11] {
        let records = vec![record(from, "noodles-5", completed(5, "e-1"))];
        let refused = taker.take_batch(&[span(from, 20)], records);
        assert!(matches!(refused, Err(TakeError::OutOfStep { .. })), "from {from}");
    }
    assert_eq!(taker.positions().unwrap()[0].offset, 10);
    assert_eq!(count_vouchers(&store.reader().unwrap()).unwrap(), (0, 0));
}

#[test]
fn remembered_events_are_forgotten_after_thirty_days_and_still_do_no_harm() {
    let (_directory, store) = new_store();
    let clock = ManualClock::at(0);
    let mut taker = new_taker(&store, &clock);
    let noodles = |offset| vec![record(offset, "noodles-5", completed(5, "e-1"))];
    taker.take_batch(&[span(0, 1)], noodles(0)).unwrap();
    clock.advance_us(30 * 86_400 * 1_000_000);
    assert_eq!(taker.forget_events().unwrap(), 0, "at thirty days");
    clock.advance_us(1);
    assert_eq!(taker.forget_events().unwrap(), 1, "one above");
    let taken = taker.take_batch(&[span(1, 2)], noodles(1)).unwrap();
    assert_eq!((taken.issued, taken.repeated), (0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Orders 0 and 1 are below the minimum, the others at or above it.
    #[test]
    fn duplicates_and_interleavings_change_nothing(
        story in prop::collection::vec((0_i64..6, 0_u8..4), 1..60),
        sizes in prop::collection::vec(1_usize..8, 60),
    ) {
        let (_directory, store) = new_store();
        let mut taker = new_taker(&store, &ManualClock::at(1));
        let mut offset = 0;
        let mut expected = BTreeSet::new();
        let mut rest = &story[..];
        let mut sizes = sizes.into_iter();
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(1).min(rest.len());
            let (batch, later) = rest.split_at(size);
            rest = later;
            let from = offset;
            let mut records = Vec::new();
            for (number, event) in batch {
                let key = format!("noodles-{number}");
                // Events 0 and 1 of an order are something else, 2 completes it, and 3 does so
                // again under another id, which the orders context never does.
                let reading = match event {
                    0 | 1 => Reading::WithoutEffect,
                    _ => completed(*number, &format!("{key}-{event}")),
                };
                if *event >= 2 && *number >= 2 {
                    expected.insert(key.clone());
                }
                records.push(record(offset, &key, reading));
                // Every third offset holds a transaction marker.
                offset += 1 + offset % 2;
            }
            let again = records.clone();
            taker.take_batch(&[span(from, offset)], records).unwrap();
            let repeated = taker.take_batch(&[span(from, offset)], again);
            let refused = matches!(repeated, Err(TakeError::OutOfStep { .. }));
            prop_assert!(refused, "a batch is taken once");
        }
        let reader = store.reader().unwrap();
        let issued: Vec<String> = list_vouchers(&reader, "amira", None, 100).unwrap()
            .into_iter().map(|voucher| voucher.issued.order_id).collect();
        prop_assert_eq!(issued.len(), expected.len());
        prop_assert_eq!(issued.into_iter().collect::<BTreeSet<_>>(), expected.clone());
        let rows = read_journal_after(&reader, 0, 1_000).unwrap();
        prop_assert_eq!(rows.len(), expected.len());
    }
}
