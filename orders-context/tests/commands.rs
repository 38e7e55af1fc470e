//! What the subcommands that only look do to a database: nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot start the program has failed")]

use orders_context::store::sqlite::Sqlite;
use std::path::Path;
use std::process::Command;

const POLICY: &str = r#"{"version": 2, "accept_within_ms": 600000, "complete_within_ms": 7200000,
    "remind_after_ms": [90000], "tell_user_within_ms": 86400000}"#;

/// Runs `orders` on that file, and returns what it says about its failure.
fn refused(folder: &Path, database: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_orders"))
        .args(arguments)
        .current_dir(folder)
        .env("ORDERS_DATABASE_URL", format!("sqlite:{}", database.display()))
        .env("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
        .env("KAFKA_BOOTSTRAP", "127.0.0.1:1")
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn who_only_looks_needs_a_database_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, behind) = (folder.path().join("missing.db"), folder.path().join("behind.db"));
    std::fs::write(folder.path().join("policy.json"), POLICY).unwrap();
    drop(Sqlite::open(&behind).unwrap());
    let conn = chassis::sqlite::open(&behind).unwrap();
    let version =
        || conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap();
    let before = version() - 1;
    conn.pragma_update(None, "user_version", before).unwrap();
    for arguments in [
        &["check"][..],
        &["plan", "--policy", "policy.json"],
        &["migrate-flow", "--policy", "policy.json", "--dry-run", "--reason", "rehearsal"],
        &["verify"],
        &["republish"],
        &["republish", "--into", "elsewhere"],
        &["copy", "--to", "sqlite:new.db"],
    ] {
        let said = refused(folder.path(), &missing, arguments);
        assert!(said.contains("there is no such file"), "{arguments:?}: {said}");
        assert!(!missing.exists(), "{arguments:?}");
        let said = refused(folder.path(), &behind, arguments);
        assert!(said.contains("run `orders migrate` first"), "{arguments:?}: {said}");
        assert_eq!(version(), before, "{arguments:?}");
    }
}

/// A file as another program leaves it, whose number of versions may be one of ours.
fn of_another_program(path: &Path, version: u32) {
    let conn = chassis::sqlite::open(path).unwrap();
    conn.execute_batch(&format!(
        "CREATE TABLE voucher (code TEXT); INSERT INTO voucher VALUES ('THANKS');
         CREATE TABLE journal (position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT);
         PRAGMA user_version = {version};"
    ))
    .unwrap();
}

#[test]
fn the_file_of_another_program_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("orders.db"), folder.path().join("theirs.db"));
    drop(Sqlite::open(&ours).unwrap());
    for version in [0, 1, 2, 99] {
        of_another_program(&theirs, version);
        let before = std::fs::read(&theirs).unwrap();
        for (database, arguments) in [
            (&theirs, &["migrate"][..]),
            (&theirs, &["check"]),
            (&ours, &["copy", "--to", "sqlite:theirs.db"]),
            (&theirs, &["copy", "--to", "sqlite:new.db"]),
        ] {
            let said = refused(folder.path(), database, arguments);
            assert!(said.contains("another program"), "{arguments:?} of {version}: {said}");
            assert!(std::fs::read(&theirs).unwrap() == before, "{arguments:?} of {version}");
        }
        std::fs::remove_file(&theirs).unwrap();
    }
}

/// As of a program of the version before, which runs.
#[test]
fn nobodys_file_is_migrated_under_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let running = Sqlite::open(&path).unwrap();
    let conn = chassis::sqlite::open(&path).unwrap();
    let version =
        || conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap();
    let before = version() - 1;
    conn.pragma_update(None, "user_version", before).unwrap();
    let said = refused(folder.path(), &path, &["migrate"]);
    assert!(said.contains("stop `orders serve` first"), "{said}");
    assert_eq!(version(), before);
    drop(running);
}

#[test]
fn none_of_our_own_topics_is_another_topic() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("orders.db");
    drop(Sqlite::open(&database).unwrap());
    for topic in schemas::topics::ALL {
        for arguments in [
            &["republish", "--into", topic.name][..],
            &["republish", "--state", "--append", "--into", topic.name],
        ] {
            let said = refused(folder.path(), &database, arguments);
            assert!(said.contains("leave --into out for the original"), "{arguments:?}: {said}");
        }
    }
}
