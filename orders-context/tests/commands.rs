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
