//! The journal's rows as a subscriber sees them.

use chassis::kafka::{Headers, Incoming, Outgoing};
use schemas::Decoder;
use tempfile::TempDir;

use super::*;
use crate::domain::{Code, VoucherIssued};
use crate::store::dead_letters::{StoredDeadLetter, append_dead_letter};
use crate::store::journal::append_event;
use crate::store::testing::new_store;
use crate::store::vouchers::insert_voucher;

const SCHEMA_ID: u32 = 42;

fn text(headers: &Headers, name: &str) -> String {
    let (_, value) = headers.iter().find(|(known, _)| *known == name).unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

fn records(journal: &mut VoucherJournal) -> Vec<Outgoing> {
    let mut page = Page::default();
    journal.read_after(0, 10, &mut page).unwrap();
    page.iter().map(Outgoing::from).collect()
}

/// A letter of so many bytes, from this offset.
fn letter(offset: i64, bytes: usize) -> StoredDeadLetter {
    StoredDeadLetter {
        origin: Incoming {
            topic: topics::ORDER_EVENTS.name.into(),
            partition: 3,
            offset,
            timestamp_ms: Some(5),
            key: None,
            payload: Some(vec![0x5a; bytes]),
            headers: Vec::new(),
        },
        class: "not_framed".into(),
        cause: "not in Confluent's framing".into(),
        attempts: 1,
        first_failed_at_us: 0,
    }
}

fn journal_of(letters: impl IntoIterator<Item = StoredDeadLetter>) -> (TempDir, VoucherJournal) {
    let (directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    assert!(letters.into_iter().all(|letter| append_dead_letter(&tx, &letter).unwrap()));
    tx.commit().unwrap();
    let reader = store.reader().unwrap();
    (directory, VoucherJournal::new(reader, SCHEMA_ID, "promotions").unwrap())
}

/// The positions of each page, with as many rows asked for as a relay asks for.
fn pages(journal: &mut VoucherJournal) -> Vec<Vec<i64>> {
    let (mut pages, mut page, mut position) = (Vec::new(), Page::default(), 0);
    loop {
        page.clear();
        journal.read_after(position, 10_000, &mut page).unwrap();
        let Some(last) = page.last_position() else { return pages };
        position = last;
        pages.push(page.iter().map(|record| record.position).collect());
    }
}

#[test]
fn many_large_letters_are_several_pages_with_each_position_once_and_in_order() {
    let (_directory, mut journal) = journal_of((0..200).map(|offset| letter(offset, 100_000)));
    let pages = pages(&mut journal);
    // The 84th is the one with which eight megabytes are full.
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [84, 84, 32]);
    assert_eq!(pages.concat(), (1..=200).collect::<Vec<_>>());
}

#[test]
fn a_letter_larger_than_a_page_is_a_page_and_is_published_without_its_value() {
    let sizes = [1, 9 << 20, 1, 1];
    let (_directory, mut journal) = journal_of((0..).zip(sizes).map(|(at, size)| letter(at, size)));
    assert_eq!(pages(&mut journal), [vec![1, 2], vec![3, 4]]);
    let first = records(&mut journal);
    assert_eq!(first[0].payload.as_deref(), Some(&b"Z"[..]));
    assert_eq!((&first[1].payload, &*text(&first[1].headers, "dlq.left-out")), (&None, "value"));
    assert_eq!(text(&first[1].headers, "dlq.left-out-bytes"), "9437184");
}

#[test]
fn rows_become_records_and_no_code_is_among_them() {
    let (_directory, store) = new_store();
    let issued = VoucherIssued {
        voucher_id: "voucher-1".into(),
        campaign_id: "thanks".into(),
        order_id: "dumplings-1".into(),
        customer_id: "amira".into(),
        value_minor: 500,
        currency: "EUR".into(),
        minimum_minor: 1500,
        issued_at_us: 1_790_000_000_123_456,
        valid_until_us: 1_792_592_000_123_456,
    };
    let stored = StoredEvent {
        event_id: "e-9".into(),
        sequence: 1,
        occurred_at_us: issued.issued_at_us,
        causation_id: "e-1".into(),
        correlation_id: "c-1".into(),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        issued: issued.clone(),
    };
    let origin = Incoming {
        topic: topics::ORDER_EVENTS.name.into(),
        partition: 3,
        offset: 41,
        timestamp_ms: Some(5),
        key: Some(b"noodles-1".to_vec()),
        payload: Some(b"poison".to_vec()),
        headers: vec![("ce_id".into(), b"e-0".to_vec())],
    };
    let letter = StoredDeadLetter {
        origin,
        class: "not_framed".into(),
        cause: "not in Confluent's framing".into(),
        attempts: 1,
        first_failed_at_us: 0,
    };
    let code = Code::from_bits(0x0123_4567_89ab_cdef);
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    insert_voucher(&tx, &issued, code, b"hash").unwrap();
    append_event(&tx, &stored).unwrap();
    append_dead_letter(&tx, &letter).unwrap();
    tx.commit().unwrap();

    let reader = store.reader().unwrap();
    let mut journal = VoucherJournal::new(reader, SCHEMA_ID, "promotions").unwrap();
    let out = records(&mut journal);
    let [event, dead] = &out[..] else { panic!("{out:?}") };

    assert_eq!((event.position, &*event.topic), (1, topics::VOUCHER_EVENTS.name));
    assert_eq!(event.key.as_deref(), Some(&b"voucher-1"[..]));
    assert_eq!(event.timestamp_ms, 1_790_000_000_123);
    assert_eq!(text(&event.headers, "ce_type"), "takeaway.promotions.voucher_issued.v1");
    assert_eq!(text(&event.headers, "ce_causationid"), "e-1");
    assert_eq!(text(&event.headers, "ce_correlationid"), "c-1");
    assert_eq!(text(&event.headers, "traceparent"), stored.traceparent);
    let mut decoder = Decoder::<VoucherEvent>::new();
    decoder.add(SCHEMA_ID, topics::VOUCHER_EVENTS_VALUE.latest()).unwrap();
    let decoded = decoder.decode(event.payload.as_deref().unwrap()).unwrap();
    assert_eq!(decoded, published_form(&stored));
    assert_eq!(decoded.state, "issued");
    assert!(!format!("{out:?}").contains(&code.to_string()));

    assert_eq!((dead.position, &*dead.topic), (2, topics::PROMOTIONS_ORDER_DLQ.name));
    assert_eq!(dead.payload.as_deref(), Some(&b"poison"[..]));
    assert_eq!(text(&dead.headers, "dlq.error-class"), "not_framed");
    assert_eq!(text(&dead.headers, "ce_id"), "e-0");
    assert_eq!(journal.newest().unwrap(), Some(2));
}
