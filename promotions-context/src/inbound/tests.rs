//! Batches made by hand, from bytes to what is stored.

use std::sync::Arc;

use chassis::clock::ManualClock;
use chassis::kafka::Incoming;
use chassis::kafka::consumer::Span;
use schemas::order_events::{OrderAccepted, OrderCompleted};
use schemas::{Encoder, OrderEvent, OrderFact, topics};

use super::*;
use crate::app::testing::new_taker;
use crate::store::Store;
use crate::store::dead_letters::StoredDeadLetter;
use crate::store::journal::{JournalRow, read_journal_after};
use crate::store::testing::new_store;
use crate::store::vouchers::count_vouchers;

const ORDERS_ID: u32 = 7;
const VOUCHERS_ID: u32 = 8;

fn registry() -> FetchSchema {
    Box::new(|id| {
        Ok(match id {
            ORDERS_ID => FetchedSchema::Known(topics::ORDER_EVENTS_VALUE.latest().into()),
            VOUCHERS_ID => FetchedSchema::Known(topics::VOUCHER_EVENTS_VALUE.latest().into()),
            _ => FetchedSchema::Missing,
        })
    })
}

/// The inbox of a process that has just begun.
pub(crate) fn inbox(store: &Store, registry: FetchSchema) -> OrderInbox {
    OrderInbox {
        find_cluster: Box::new(|| Ok("kitchen".to_owned())),
        reader: OrderReader::new(registry),
        taker: new_taker(store, &ManualClock::at(1_000)),
        bound: Signal::new(),
        journal_grew: Signal::new(),
    }
}

fn event(order: &str, sequence: i64, fact: OrderFact) -> Vec<u8> {
    framed(ORDERS_ID, order, sequence, fact)
}

/// An event of that order, of the latest version, as it is written with the schema of that id.
pub(crate) fn framed(schema_id: u32, order: &str, sequence: i64, fact: OrderFact) -> Vec<u8> {
    let event = OrderEvent {
        event_id: format!("{order}-{sequence}"),
        order_id: order.to_owned(),
        sequence,
        occurred_at_us: 1,
        status: "completed".into(),
        restaurant_id: "golden-wok".into(),
        customer_id: "amira".into(),
        total_minor: 1500,
        currency: "EUR".into(),
        flow_version: Some(1),
        fact,
    };
    let mut bytes = Vec::new();
    Encoder::new(schema_id).unwrap().encode(&event, &mut bytes).unwrap();
    bytes
}

pub(crate) fn completed() -> OrderFact {
    OrderFact::OrderCompleted(OrderCompleted { decided_by: "restaurant".into() })
}

fn accepted() -> OrderFact {
    OrderFact::OrderAccepted(OrderAccepted { decided_by: "restaurant".into(), ready_by_us: None })
}

/// A batch of partition 0 that begins at `from`, one record an offset.
fn batch(from: i64, records: &[(&str, Vec<u8>)]) -> Batch {
    let topic: Arc<str> = topics::ORDER_EVENTS.name.into();
    let records: Vec<Incoming> = (from..)
        .zip(records)
        .map(|(offset, (key, payload))| Incoming {
            topic: topic.clone(),
            partition: 0,
            offset,
            timestamp_ms: Some(1),
            key: Some(key.as_bytes().to_vec()),
            payload: Some(payload.clone()),
            headers: vec![("ce_correlationid".into(), b"c-1".to_vec())],
        })
        .collect();
    let to = from + records.len() as i64;
    Batch { records, spans: vec![Span { topic, partition: 0, from, to }] }
}

fn dead_letters(store: &Store) -> Vec<StoredDeadLetter> {
    let rows = read_journal_after(&store.reader().unwrap(), 0, 100).unwrap();
    rows.into_iter()
        .filter_map(|(_, row)| match row {
            JournalRow::DeadLetter(letter) => Some(letter),
            JournalRow::VoucherEvent(_) => None,
        })
        .collect()
}

fn vouchers(store: &Store) -> i64 {
    count_vouchers(&store.reader().unwrap()).unwrap().0
}

#[test]
fn a_completed_order_earns_a_voucher_and_the_position_moves() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    let dumplings = [
        ("dumplings", event("dumplings", 3, accepted())),
        ("dumplings", event("dumplings", 4, completed())),
    ];
    inbox.take(batch(0, &dumplings)).unwrap();
    assert_eq!(vouchers(&store), 1);
    assert_eq!(inbox.positions().unwrap()[0].offset, 2);
    assert!(inbox.journal_grew.wait(std::time::Duration::ZERO), "the relay is woken");
    let rows = read_journal_after(&store.reader().unwrap(), 0, 10).unwrap();
    let [(_, JournalRow::VoucherEvent(stored))] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(stored.correlation_id, "c-1");
    assert_eq!(stored.causation_id, "dumplings-4");
}

#[test]
fn the_relay_may_begin_only_with_the_cluster_of_the_positions() {
    let (_directory, store) = new_store();
    let is_bound = |inbox: &OrderInbox| inbox.bound.wait(std::time::Duration::ZERO);
    let mut inbox = inbox(&store, registry());
    inbox.take(batch(0, &[("rice", event("rice", 3, accepted()))])).unwrap();
    assert!(!is_bound(&inbox));
    inbox.positions().unwrap();
    assert!(is_bound(&inbox));
    inbox.find_cluster = Box::new(|| Ok("cellar".to_owned()));
    assert!(matches!(inbox.positions(), Err(Failure::Fatal(_))));
    assert!(!is_bound(&inbox), "another Kafka");
}

#[test]
fn what_cannot_be_read_is_set_aside_with_its_cause_and_the_rest_flows_on() {
    let corrupt = {
        let mut bytes = event("noodles", 4, completed());
        bytes.truncate(bytes.len() - 3);
        bytes
    };
    let cases = [
        ("not_framed", b"{\"not\": \"avro\"}".to_vec()),
        ("not_framed", Vec::new()),
        ("unknown_schema", framed(99, "noodles", 4, completed())),
        ("wrong_record", framed(VOUCHERS_ID, "noodles", 4, completed())),
        ("corrupt", corrupt),
    ];
    for (class, bytes) in cases {
        let (_directory, store) = new_store();
        let mut inbox = inbox(&store, registry());
        let records = [("noodles", bytes.clone()), ("rice", event("rice", 4, completed()))];
        inbox.take(batch(0, &records)).unwrap();
        let letters = dead_letters(&store);
        assert_eq!(letters.len(), 1, "{class}");
        assert_eq!(letters[0].class, class);
        assert_eq!(letters[0].origin.payload.as_deref(), Some(&bytes[..]));
        assert_eq!(vouchers(&store), 1, "{class}: rice was paid for all the same");
    }
}

/// Kafka would refuse what is published of them, and the relay try again for ever.
#[test]
fn ids_that_are_too_long_to_go_on_are_set_aside() {
    let id = |bytes: usize| "n".repeat(bytes);
    // The id of the event has two bytes more than that of the order.
    for (bytes, expected) in [(1_022, None), (1_023, Some("too_long")), (900_000, Some("too_long"))]
    {
        let (_directory, store) = new_store();
        let mut inbox = inbox(&store, registry());
        inbox.take(batch(0, &[("noodles", event(&id(bytes), 4, completed()))])).unwrap();
        let letters = dead_letters(&store);
        let class = letters.first().map(|letter| &*letter.class);
        assert_eq!((class, letters.len() as i64 + vouchers(&store)), (expected, 1), "{bytes}");
    }
}

#[test]
fn a_correlation_id_that_is_too_long_is_passed_over() {
    for (bytes, expected) in [(1_024, "c".repeat(1_024)), (1_025, "rice".to_owned())] {
        let (_directory, store) = new_store();
        let mut inbox = inbox(&store, registry());
        let mut rice = batch(0, &[("rice", event("rice", 4, completed()))]);
        rice.records[0].headers = vec![("ce_correlationid".into(), vec![b'c'; bytes])];
        inbox.take(rice).unwrap();
        let rows = read_journal_after(&store.reader().unwrap(), 0, 10).unwrap();
        let [(_, JournalRow::VoucherEvent(stored))] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(stored.correlation_id, expected);
    }
}

#[test]
fn a_record_without_a_value_or_a_key_is_set_aside_too() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    let mut odd = batch(0, &[("noodles", Vec::new())]);
    odd.records[0].payload = None;
    odd.records[0].key = None;
    inbox.take(odd).unwrap();
    assert_eq!(dead_letters(&store)[0].class, "no_value");
    assert_eq!(dead_letters(&store)[0].origin.key, None);
}

#[test]
fn later_records_of_the_key_wait_behind_a_dead_letter() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    let poisoned = [
        ("noodles", b"poison".to_vec()),
        ("noodles", event("noodles", 3, accepted())),
        ("rice", event("rice", 4, completed())),
    ];
    inbox.take(batch(0, &poisoned)).unwrap();
    inbox.take(batch(3, &[("noodles", event("noodles", 4, completed()))])).unwrap();
    let classes: Vec<_> =
        dead_letters(&store).into_iter().map(|l| (l.origin.offset, l.class)).collect();
    let waits = || "waits_behind".to_owned();
    assert_eq!(classes, [(0, "not_framed".to_owned()), (1, waits()), (3, waits())]);
    assert_eq!(vouchers(&store), 1, "only rice");
}

#[test]
fn a_batch_repeated_or_with_a_gap_before_it_is_refused_and_changes_nothing() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    let rice = [("rice", event("rice", 4, completed()))];
    inbox.take(batch(0, &rice)).unwrap();
    for from in [0, 2] {
        let refused = inbox.take(batch(from, &[("noodles", event("noodles", 4, completed()))]));
        assert!(matches!(refused, Err(Failure::Retry(_))), "from {from}");
    }
    assert_eq!(vouchers(&store), 1);
    assert_eq!(inbox.positions().unwrap()[0].offset, 1);
    inbox.take(batch(1, &rice)).unwrap();
    assert_eq!(vouchers(&store), 1, "the same event in another record");
}

#[test]
fn another_cluster_stops_it_for_good() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    inbox.positions().unwrap();
    inbox.take(batch(0, &[("rice", event("rice", 4, completed()))])).unwrap();
    inbox.find_cluster = Box::new(|| Ok("somewhere else".to_owned()));
    let Err(Failure::Fatal(error)) = inbox.positions() else { panic!("it goes on") };
    let said = error.to_string();
    assert!(said.contains("kitchen") && said.contains("somewhere else"), "{said}");
}

#[test]
fn a_kafka_that_does_not_tell_its_cluster_is_waited_for() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    inbox.find_cluster = Box::new(|| anyhow::bail!("Kafka does not answer"));
    assert!(matches!(inbox.positions(), Err(Failure::Retry(_))));
}

#[test]
fn a_registry_that_is_down_is_waited_for() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, Box::new(|_| anyhow::bail!("connection refused")));
    let rice = [("rice", event("rice", 4, completed()))];
    assert!(matches!(inbox.take(batch(0, &rice)), Err(Failure::Retry(_))));
    assert!(dead_letters(&store).is_empty());
    assert!(inbox.positions().unwrap().is_empty());
    inbox.reader = OrderReader::new(registry());
    inbox.take(batch(0, &rice)).unwrap();
    assert_eq!(vouchers(&store), 1);
}

/// A registry may answer such a question with a refusal, which would be waited out for ever.
#[test]
fn the_registry_is_not_asked_for_what_it_cannot_have() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, Box::new(|id| anyhow::bail!("{id} is not an id")));
    let strange = |order, id| (order, framed(id, order, 4, completed()));
    inbox.take(batch(0, &[strange("noodles", 0), strange("soup", u32::MAX)])).unwrap();
    let letters = dead_letters(&store);
    let told: Vec<_> = letters.iter().map(|letter| (&*letter.class, &*letter.cause)).collect();
    let class = "unknown_schema";
    let cause = |id: u32| format!("no registry has a schema {id}");
    assert_eq!(told, [(class, &*cause(0)), (class, &*cause(u32::MAX))]);
}

#[test]
fn the_registry_is_asked_once_for_what_it_has_and_once_a_batch_for_what_it_has_not() {
    let (_directory, store) = new_store();
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    let mut known = registry();
    let counting: FetchSchema = Box::new(move |id| {
        seen.lock().unwrap().push(id);
        known(id)
    });
    let mut inbox = inbox(&store, counting);
    let strange = |order| (order, framed(99, order, 4, completed()));
    let known = |order| (order, event(order, 4, completed()));
    let records = [strange("noodles"), known("rice"), strange("soup"), known("tea")];
    inbox.take(batch(0, &records)).unwrap();
    inbox.take(batch(4, &[strange("pie"), known("jam")])).unwrap();
    assert_eq!(*asked.lock().unwrap(), [99, ORDERS_ID, 99]);
}

#[test]
fn a_cause_never_quotes_the_record() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    let mut bytes = event("noodles", 4, completed());
    bytes.extend_from_slice(b"amira@example.com");
    inbox.take(batch(0, &[("noodles", bytes)])).unwrap();
    let letter = &dead_letters(&store)[0];
    assert_eq!(letter.class, "corrupt");
    assert!(!letter.cause.contains("amira"), "{}", letter.cause);
}

#[test]
fn what_follows_goes_on_with_the_trace_of_the_order() {
    let (_directory, store) = new_store();
    let mut inbox = inbox(&store, registry());
    let mut rice = batch(0, &[("rice", event("rice", 4, completed()))]);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    rice.records[0].headers = vec![("traceparent".into(), parent.as_bytes().to_vec())];
    inbox.take(rice).unwrap();
    let rows = read_journal_after(&store.reader().unwrap(), 0, 10).unwrap();
    let [(_, JournalRow::VoucherEvent(stored))] = &rows[..] else { panic!("{rows:?}") };
    assert!(stored.traceparent.starts_with(&parent[..36]), "the same trace");
    assert_ne!(stored.traceparent, parent, "another step of it");
    assert_eq!(stored.correlation_id, "rice", "the order stands in for a missing header");
}
