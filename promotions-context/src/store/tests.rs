//! What the store promises, on a file of its own for each test.

mod versions;

use chassis::kafka::Incoming;

use super::dead_letters::{StoredDeadLetter, append_dead_letter, is_blocked};
use super::inbox::{
    advance_position, forget_events, has_positions, keep_cluster, read_cluster, read_positions,
    remember_event,
};
use super::journal::{JournalRow, StoredEvent, append_event, newest_position, read_journal_after};
use super::registry::{keep_schema, keep_schema_id, read_schema, read_schema_id};
use super::testing::new_store;
use super::vouchers::{Insertion, count_vouchers, insert_voucher, list_vouchers};
use crate::domain::{Code, PageEnd, VoucherIssued};

const ORDERS: &str = "orders.order.events.v1";

fn dumplings(number: i64, customer: &str) -> VoucherIssued {
    VoucherIssued {
        voucher_id: format!("voucher-{number}"),
        campaign_id: "thanks".into(),
        order_id: format!("dumplings-{number}"),
        customer_id: customer.into(),
        value_minor: 500,
        currency: "EUR".into(),
        minimum_minor: 1500,
        issued_at_us: number,
        valid_until_us: number + 100,
    }
}

fn poison(offset: i64) -> StoredDeadLetter {
    StoredDeadLetter {
        origin: Incoming {
            topic: ORDERS.into(),
            partition: 2,
            offset,
            timestamp_ms: Some(1_700_000_000_000),
            key: Some(b"dumplings-1".to_vec()),
            payload: Some(vec![0, 0xff]),
            headers: vec![("ce_id".into(), b"e-1".to_vec()), ("odd".into(), vec![0xfe])],
        },
        class: "not_framed".into(),
        cause: "not in Confluent's framing".into(),
        attempts: 1,
        first_failed_at_us: 7,
    }
}

#[test]
fn a_voucher_is_kept_once_for_each_campaign_and_order() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    let (first, second) = (dumplings(1, "amira"), dumplings(2, "amira"));
    let insert = |issued: &VoucherIssued, bits, hash: &[u8]| {
        insert_voucher(&tx, issued, Code::from_bits(bits), hash).unwrap()
    };
    assert_eq!(insert(&first, 1, b"one"), Insertion::Inserted);
    assert_eq!(insert(&first, 1, b"one"), Insertion::AlreadyIssued);
    let renamed = VoucherIssued { voucher_id: "another".into(), ..first };
    assert_eq!(insert(&renamed, 3, b"three"), Insertion::AlreadyIssued);
    assert_eq!(insert(&second, 1, b"one"), Insertion::CodeTaken);
    assert_eq!(insert(&second, 2, b"two"), Insertion::Inserted);
    tx.commit().unwrap();
    assert_eq!(count_vouchers(&store.reader().unwrap()).unwrap(), (2, 2));
}

#[test]
fn a_customer_sees_their_own_vouchers_page_by_page_newest_first() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    for number in 1..=5 {
        let customer = if number == 3 { "bela" } else { "amira" };
        // All in the same microsecond but the last: the id decides then.
        let issued_at_us = if number == 5 { 2 } else { 1 };
        let issued = VoucherIssued { issued_at_us, ..dumplings(number, customer) };
        let code = Code::from_bits(number.unsigned_abs());
        insert_voucher(&tx, &issued, code, &number.to_be_bytes()).unwrap();
    }
    tx.commit().unwrap();
    let reader = store.reader().unwrap();
    let mut seen = Vec::new();
    let mut after: Option<PageEnd> = None;
    loop {
        let page = list_vouchers(&reader, "amira", after.as_ref(), 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(PageEnd {
            issued_at_us: last.issued.issued_at_us,
            voucher_id: last.issued.voucher_id.clone(),
        });
        seen.extend(page.into_iter().map(|voucher| voucher.issued.voucher_id));
    }
    assert_eq!(seen, ["voucher-5", "voucher-4", "voucher-2", "voucher-1"]);
}

#[test]
fn the_journal_gives_back_what_was_appended_in_order() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    let event = StoredEvent {
        event_id: "e-9".into(),
        sequence: 1,
        occurred_at_us: 11,
        causation_id: "e-1".into(),
        correlation_id: "dumplings-1".into(),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        issued: dumplings(1, "amira"),
    };
    append_dead_letter(&tx, &poison(5)).unwrap();
    append_event(&tx, &event).unwrap();
    tx.commit().unwrap();

    let reader = store.reader().unwrap();
    let rows = read_journal_after(&reader, 0, 10).unwrap();
    let [(1, JournalRow::DeadLetter(letter)), (2, JournalRow::VoucherEvent(stored))] = &rows[..]
    else {
        panic!("other rows: {rows:?}");
    };
    assert_eq!(letter.origin, poison(5).origin);
    assert_eq!((letter.class.as_str(), letter.attempts), ("not_framed", 1));
    assert_eq!(*stored, event);
    assert_eq!(read_journal_after(&reader, 0, 1).unwrap().len(), 1);
    assert!(read_journal_after(&reader, 2, 10).unwrap().is_empty());
    assert_eq!(newest_position(&reader).unwrap(), 2);
}

#[test]
fn a_record_is_set_aside_once_and_blocks_its_key() {
    let (_directory, store) = new_store();
    let elsewhere = Incoming { topic: "another.topic".into(), ..poison(6).origin };
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    assert!(!is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap());
    append_dead_letter(&tx, &poison(5)).unwrap();
    assert!(is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap());
    assert!(!is_blocked(&tx, &poison(6).origin, b"noodles-1").unwrap());
    assert!(!is_blocked(&tx, &elsewhere, b"dumplings-1").unwrap());
    assert!(!is_blocked(&tx, &poison(4).origin, b"dumplings-1").unwrap(), "it came before");
    // Everything is read again.
    assert!(!is_blocked(&tx, &poison(5).origin, b"dumplings-1").unwrap());
    assert!(!append_dead_letter(&tx, &poison(5)).unwrap(), "it is there");
    let other = Incoming { payload: Some(b"other".to_vec()), ..poison(5).origin };
    let other = StoredDeadLetter { origin: other, ..poison(5) };
    assert!(append_dead_letter(&tx, &other).is_err(), "another record in its place");
    assert!(append_dead_letter(&tx, &poison(7)).unwrap());
}

#[test]
fn a_record_of_another_cluster_is_another_record() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    for cluster in ["kitchen", "cellar"] {
        keep_cluster(&tx, cluster).unwrap();
        assert!(!is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap(), "{cluster}");
        append_dead_letter(&tx, &poison(5)).unwrap();
        assert!(is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap(), "{cluster}");
    }
    assert_eq!(read_cluster(&tx).unwrap().as_deref(), Some("cellar"));
    tx.commit().unwrap();
    assert_eq!(read_journal_after(&store.reader().unwrap(), 0, 10).unwrap().len(), 2);
}

#[test]
fn what_a_lost_cluster_left_can_be_told_apart_each_time_one_is_lost() {
    let readme = include_str!("../../README.md");
    let statement = readme.lines().find(|line| line.starts_with("UPDATE dead_letter")).unwrap();
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    keep_cluster(&tx, "kitchen").unwrap();
    for moment in ["2026-11-23", "2026-11-24"] {
        assert!(!is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap(), "{moment}");
        assert!(append_dead_letter(&tx, &poison(5)).unwrap(), "{moment}");
        tx.execute(&statement.replace("'now'", &format!("'{moment}'")), []).unwrap();
    }
    assert!(append_dead_letter(&tx, &poison(5)).unwrap());
}

#[test]
fn a_position_moves_only_from_where_it_stands() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    assert!(!has_positions(&tx).unwrap());
    assert!(advance_position(&tx, ORDERS, 0, 40, 50).unwrap(), "a first batch begins anywhere");
    assert!(has_positions(&tx).unwrap());
    assert!(!advance_position(&tx, ORDERS, 0, 49, 60).unwrap(), "one below");
    assert!(!advance_position(&tx, ORDERS, 0, 51, 60).unwrap(), "one above");
    assert!(advance_position(&tx, ORDERS, 0, 50, 60).unwrap());
    assert!(advance_position(&tx, ORDERS, 1, 0, 3).unwrap());
    tx.commit().unwrap();
    let stored = read_positions(&writer).unwrap();
    let stored: Vec<_> = stored.iter().map(|at| (at.partition, at.offset)).collect();
    assert_eq!(stored, [(0, 60), (1, 3)]);
}

#[test]
fn events_are_remembered_until_they_are_old() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    for (event, at_us) in [("e-1", 10), ("e-2", 20), ("e-3", 30)] {
        assert!(remember_event(&tx, event, at_us).unwrap());
    }
    assert!(!remember_event(&tx, "e-1", 99).unwrap());
    assert_eq!(forget_events(&tx, 30, 1).unwrap(), 1, "no more than asked for");
    assert_eq!(forget_events(&tx, 30, 10).unwrap(), 1);
    assert!(remember_event(&tx, "e-1", 99).unwrap());
    assert!(!remember_event(&tx, "e-3", 99).unwrap());
}

#[test]
fn a_schema_id_is_known_for_the_very_text_it_was_given_for() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    keep_schema_id(&tx, "vouchers-value", "v1", 7).unwrap();
    keep_schema_id(&tx, "vouchers-value", "v1", 8).unwrap();
    assert_eq!(read_schema_id(&tx, "vouchers-value", "v1").unwrap(), Some(8));
    assert_eq!(read_schema_id(&tx, "vouchers-value", "v2").unwrap(), None);
    tx.commit().unwrap();
}

#[test]
fn a_fetched_schema_stays_what_it_was() {
    let (_directory, store) = new_store();
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    assert_eq!(read_schema(&tx, 7).unwrap(), None);
    keep_schema(&tx, 7, "v1").unwrap();
    keep_schema(&tx, 7, "v2").unwrap();
    assert_eq!(read_schema(&tx, 7).unwrap().as_deref(), Some("v1"));
}
