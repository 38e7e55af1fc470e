//! Databases of earlier versions are brought along, with all that is in them.

use std::path::Path;

use super::super::dead_letters::assign_dead_letters;
use super::super::inbox::{keep_cluster, read_cluster};
use super::super::{MIGRATIONS, Store, TABLES};
use super::*;
use chassis::sqlite::Tables;

/// A database as the first version left it: a letter set aside, and a position behind it.
fn first_version(path: &Path) {
    let first = Tables { migrations: &MIGRATIONS[..1], ..TABLES };
    let conn = chassis::sqlite::open_migrated(path, &first).unwrap();
    conn.execute_batch(
        "INSERT INTO journal (kind) VALUES ('voucher_event'), ('dead_letter');
         INSERT INTO voucher_event VALUES (1, 'e-9', 'voucher-1', 1, 'voucher_issued', 11, 'e-1',
             'dumplings-1', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
             '{\"voucher_id\": \"voucher-1\", \"campaign_id\": \"thanks\", \"order_id\": \"dumplings-1\",
               \"customer_id\": \"amira\", \"value_minor\": 500, \"currency\": \"EUR\",
               \"minimum_minor\": 1500, \"issued_at_us\": 1, \"valid_until_us\": 101}');
         INSERT INTO dead_letter VALUES (2, 'orders.order.events.v1', 2, 5, 1700000000000,
             CAST('dumplings-1' AS BLOB), x'00ff',
             '[[\"ce_id\", [101, 45, 49]], [\"odd\", [254]]]',
             'not_framed', 'not in Confluent''s framing', 1, 7);
         INSERT INTO inbox_position VALUES ('orders.order.events.v1', 2, 6);",
    )
    .unwrap();
}

#[test]
fn what_the_first_version_kept_is_whole_in_this_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("promotions.db");
    first_version(&path);
    let store = Store::open(&path).unwrap();

    let rows = read_journal_after(&store.reader().unwrap(), 0, 10).unwrap();
    let [(1, JournalRow::VoucherEvent(event)), (2, JournalRow::DeadLetter(letter))] = &rows[..]
    else {
        panic!("other rows: {rows:?}");
    };
    assert_eq!(event.issued, dumplings(1, "amira"));
    assert_eq!(letter.origin, poison(5).origin);
    assert_eq!((letter.class.as_str(), letter.first_failed_at_us), ("not_framed", 7));
    let mut writer = store.writer().unwrap();
    assert_eq!(read_positions(&writer).unwrap()[0].offset, 6);
    let tx = writer.begin().unwrap();
    assert_eq!(read_cluster(&tx).unwrap(), None);
    assert!(is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap());
}

#[test]
fn its_letters_are_those_of_the_cluster_that_its_positions_are_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("promotions.db");
    first_version(&path);
    let mut writer = Store::open(&path).unwrap().writer().unwrap();
    let tx = writer.begin().unwrap();
    keep_cluster(&tx, "kitchen").unwrap();
    assert!(!is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap());
    assign_dead_letters(&tx, "kitchen").unwrap();
    assert!(is_blocked(&tx, &poison(6).origin, b"dumplings-1").unwrap());
    append_dead_letter(&tx, &poison(5)).unwrap();
    tx.commit().unwrap();
    let rows = read_journal_after(&Store::open(&path).unwrap().reader().unwrap(), 0, 10).unwrap();
    assert_eq!(rows.len(), 2, "it was set aside before");
}

#[test]
fn the_file_of_another_program_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.db");
    let theirs = "CREATE TABLE orders (order_id TEXT); CREATE TABLE journal (position INTEGER);
        PRAGMA user_version = 1";
    rusqlite::Connection::open(&path).unwrap().execute_batch(theirs).unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(&path).unwrap_err().to_string();
    assert!(refused.contains("another program"), "{refused}");
    assert!(std::fs::read(&path).unwrap() == before);
}
