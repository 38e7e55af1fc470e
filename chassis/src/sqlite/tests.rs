//! Connections are set as promised; migrations run once, whole or not at all.

use rusqlite::{Connection, StatementStatus};

use super::*;

const DISHES: &str = "CREATE TABLE dishes (name TEXT PRIMARY KEY) STRICT;";
const PRICES: &str = "ALTER TABLE dishes ADD COLUMN price_minor INTEGER NOT NULL DEFAULT 0;";
const BROKEN: &str = "CREATE TABLE menus (name TEXT); INSERT INTO nowhere VALUES (1);";

/// So many versions of the tables of a kitchen.
fn kitchen(migrations: &'static [&'static str]) -> Tables {
    Tables { name: "kitchen", id: 0x6b69_7463, known_by: &["dishes"], migrations }
}

fn pragma(conn: &Connection, name: &str) -> String {
    conn.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        .map(|value| format!("{value:?}"))
        .unwrap()
}

#[test]
fn a_writer_is_durable_and_a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.db");
    assert!(open_reader(&path).is_err(), "a reader does not create the file");
    let mut writer = open(&path).unwrap();
    assert_eq!(pragma(&writer, "journal_mode"), "Text(\"wal\")");
    assert_eq!(pragma(&writer, "synchronous"), "Integer(2)");
    assert_eq!(pragma(&writer, "foreign_keys"), "Integer(1)");
    assert_eq!(pragma(&writer, "busy_timeout"), "Integer(5000)");
    migrate(&mut writer, &kitchen(&[DISHES])).unwrap();
    writer.execute("INSERT INTO dishes VALUES ('Dal')", []).unwrap();
    let reader = open_reader(&path).unwrap();
    let name: String = reader.query_row("SELECT name FROM dishes", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "Dal");
    assert!(reader.execute("INSERT INTO dishes VALUES ('Pho')", []).is_err());
}

#[test]
fn a_range_is_planned_once_whatever_is_bound() {
    let dir = tempfile::tempdir().unwrap();
    let conn = open(&dir.path().join("orders.db")).unwrap();
    conn.execute_batch("CREATE TABLE prices (minor INTEGER); CREATE INDEX by ON prices (minor)")
        .unwrap();
    let mut above = conn.prepare("SELECT minor FROM prices WHERE minor > ?1").unwrap();
    for price in 0..3 {
        assert!(!above.exists([price]).unwrap());
    }
    assert_eq!(above.get_status(StatementStatus::RePrepare), 0);
}

#[test]
fn migrations_run_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = open(&dir.path().join("orders.db")).unwrap();
    migrate(&mut conn, &kitchen(&[DISHES])).unwrap();
    migrate(&mut conn, &kitchen(&[DISHES, PRICES])).unwrap();
    migrate(&mut conn, &kitchen(&[DISHES, PRICES])).unwrap();
    assert_eq!(pragma(&conn, "user_version"), "Integer(2)");
    conn.execute("INSERT INTO dishes VALUES ('Dal', 950)", []).unwrap();
}

#[test]
fn a_migration_that_fails_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = open(&dir.path().join("orders.db")).unwrap();
    let refusal = migrate(&mut conn, &kitchen(&[DISHES, PRICES, BROKEN])).unwrap_err();
    assert!(matches!(refusal, MigrateError::Failed { version: 3, .. }), "{refusal}");
    assert_eq!(pragma(&conn, "user_version"), "Integer(0)");
    assert_eq!(pragma(&conn, "application_id"), "Integer(0)");
    assert!(conn.prepare("SELECT * FROM dishes").is_err(), "nor do those before it");
}

#[test]
fn a_newer_database_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = open(&dir.path().join("orders.db")).unwrap();
    migrate(&mut conn, &kitchen(&[DISHES, PRICES])).unwrap();
    let refusal = migrate(&mut conn, &kitchen(&[DISHES])).unwrap_err();
    assert!(refusal.to_string().starts_with("the database has version 2, but this program knows"));
}

#[test]
fn processes_that_start_together_migrate_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.db");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| open_migrated(&path, &kitchen(&[DISHES, PRICES])).unwrap());
        }
    });
    assert_eq!(pragma(&open(&path).unwrap(), "user_version"), "Integer(2)");
}

#[test]
fn tables_are_not_migrated_under_whoever_uses_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.db");
    drop(open_migrated(&path, &kitchen(&[DISHES])).unwrap());
    let reader = open_reader(&path).unwrap();
    let count = "SELECT count(*) FROM dishes";
    reader.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap();
    let refusal = open_migrated(&path, &kitchen(&[DISHES, PRICES])).map(drop).unwrap_err();
    assert!(matches!(refusal, MigrateError::InUse { found: 1, known: 2 }), "{refusal}");
    assert_eq!(pragma(&reader, "user_version"), "Integer(1)");
    open_migrated(&path, &kitchen(&[DISHES])).expect("nothing is to be done");
    let leaving = std::thread::spawn(move || {
        std::thread::sleep(BETWEEN_LOOKS);
        drop(reader);
    });
    let conn = open_migrated(&path, &kitchen(&[DISHES, PRICES])).expect("they have gone");
    assert_eq!(pragma(&conn, "journal_mode"), "Text(\"wal\")");
    leaving.join().unwrap();
}

#[test]
fn those_who_migrate_the_same_tables_do_not_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.db");
    drop(open_migrated(&path, &kitchen(&[DISHES])).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| open_migrated(&path, &kitchen(&[DISHES, PRICES])).unwrap());
        }
    });
    assert_eq!(pragma(&open(&path).unwrap(), "user_version"), "Integer(2)");
}

/// Files as other programs leave them.
const FOREIGN: &[&str] = &[
    "CREATE TABLE songs (name TEXT)",
    "CREATE TABLE songs (name TEXT); PRAGMA user_version = 1",
    "CREATE TABLE dishes (name TEXT)",
    "CREATE TABLE dishes (name TEXT); PRAGMA user_version = 1; PRAGMA application_id = 7",
    "PRAGMA application_id = 7",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 9",
];

#[test]
fn what_is_another_programs_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for (number, sql) in FOREIGN.iter().enumerate() {
        let path = dir.path().join(format!("{number}.db"));
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = std::fs::read(&path).unwrap();
        let tables = kitchen(&[DISHES, PRICES]);
        for refusal in [open_migrated(&path, &tables), open_existing(&path, &tables)] {
            let refusal = refusal.map(drop).unwrap_err();
            assert!(matches!(refusal, MigrateError::Foreign { name: "kitchen" }), "{sql}");
        }
        assert!(std::fs::read(&path).unwrap() == before, "{sql}");
    }
}

#[test]
fn a_file_from_before_there_was_a_number_in_it_is_known_by_its_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.db");
    for before in [&[DISHES][..], &[DISHES, PRICES]] {
        drop(open_migrated(&path, &kitchen(before)).unwrap());
        let conn = open(&path).unwrap();
        conn.pragma_update(None, "application_id", 0).unwrap();
        open_existing(&path, &kitchen(before)).unwrap();
        assert_eq!(pragma(&conn, "application_id"), "Integer(0)", "who looks changes nothing");
        drop(conn);
        let conn = open_migrated(&path, &kitchen(&[DISHES, PRICES])).unwrap();
        assert_eq!(pragma(&conn, "user_version"), "Integer(2)");
        assert_eq!(pragma(&conn, "application_id"), format!("Integer({})", 0x6b69_7463));
        assert_eq!(pragma(&conn, "journal_mode"), "Text(\"wal\")");
    }
}
