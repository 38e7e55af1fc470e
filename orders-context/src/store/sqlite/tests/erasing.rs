//! An erasure is done when nothing of the person is left in any file, and not before.

use crate::domain::Timestamp;
use crate::domain::tests::mother::{after, order_accepted};
use crate::store::contract::erasing::{change_row, pass, what_is_damaged_is_passed_over};
use crate::store::contract::{commit, moved, placed, rosa};
use crate::store::sqlite::Sqlite;
use crate::store::{Commit, Contact, Erased, Erasure, Error, Pass, Person, Store};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// In which files of that folder the address of Rosa stands.
fn found(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("its bytes");
        let address = rosa().email.into_bytes();
        if bytes.windows(address.len()).any(|part| part == address) {
            found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        }
    }
    found
}

fn of_rosa() -> Erasure {
    Erasure {
        erasure_id: "erasure-1".to_owned(),
        person: Some(Person::Mail(rosa().email)),
        requested_at: Timestamp(1),
        done_at: None,
        pass: Pass::default(),
        erased: Erased::default(),
    }
}

/// A contact so long that it goes on on pages of its own, where its address is.
fn long_winded() -> Contact {
    Contact { name: "Rosa ".repeat(2_000), ..rosa() }
}

/// Pages are freed by the erasure itself, and by a remark that makes a long contact move to others. Whoever
/// lets SQLite leave them as they were (`secure_delete = FAST` saves 3 % of what is written when many orders
/// end at once) fails here.
#[tokio::test]
async fn pages_that_were_freed_tell_of_nobody() {
    let folder = TempDir::new().expect("a folder");
    let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
    let mut evening = Vec::new();
    for number in 0..200 {
        let contact = if number % 50 == 0 { long_winded() } else { rosa() };
        evening.push(Commit { contact: Some(contact), ..placed(&format!("order-{number:03}")) });
    }
    let orders: Vec<_> = evening.iter().map(|commit| Arc::clone(&commit.order)).collect();
    commit(&store, evening).await;
    let accepted = |number: usize| moved(&orders[number], after(2), order_accepted());
    let remark = Some("We have run out of anchovies. ".repeat(200));
    commit(&store, (0..40).map(accepted).collect()).await;
    commit(&store, vec![Commit { remark, ..accepted(50) }]).await;
    let erasure = of_rosa();
    store.ask_erasure(erasure.clone()).await.expect("it is kept");
    let mut last = Some(String::new());
    while let Some(after) = last {
        let portion = store.erase_portion(erasure.clone(), after, 64).await;
        last = portion.expect("a portion is erased").last;
        let next = accepted(40);
        if last.as_deref() == Some("order-063") {
            commit(&store, vec![next]).await;
        }
    }
    store.close_erasures(vec![erasure.erasure_id], Timestamp(3)).await.expect("it is done");
    assert_eq!(found(folder.path()), [""; 0]);
}

/// Somebody who reads for long keeps the log of changes as it is.
#[tokio::test]
async fn nobody_is_told_that_it_is_done_while_the_log_of_changes_still_tells_of_them() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let store = Sqlite::open(&path).expect("a database");
    commit(&store, vec![Commit { contact: Some(rosa()), ..placed("order-1") }]).await;
    let erasure = of_rosa();
    store.ask_erasure(erasure.clone()).await.expect("it is kept");
    let reader = Connection::open(&path).expect("a reader");
    reader.execute_batch("BEGIN").expect("it begins");
    let read = "SELECT count(*) FROM contacts";
    let contacts: i64 = reader.query_row(read, [], |row| row.get(0)).expect("it reads");
    assert_eq!(contacts, 1);
    store.erase_portion(erasure, String::new(), 10).await.expect("it is erased");

    let ids = || vec!["erasure-1".to_owned()];
    let refused = store.close_erasures(ids(), Timestamp(2)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(!found(folder.path()).is_empty(), "the reader still needs it");
    let open = store.open_erasures(Timestamp(2), 10).await.expect("it is there").remove(0);
    assert_eq!((open.person, open.done_at), (None, None));

    drop(reader);
    store.close_erasures(ids(), Timestamp(3)).await.expect("now it can be done");
    assert_eq!(found(folder.path()), [""; 0]);
    let done = store.erasure(ids().remove(0)).await.expect("it answers").expect("it is there");
    assert_eq!((done.done_at, done.erased.contacts), (Some(Timestamp(3)), 1));
}

#[tokio::test]
async fn one_damaged_value_stops_no_erasure() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let spoil = async |sql: &str| change_row(&path, sql);
    what_is_damaged_is_passed_over(|| Arc::new(Sqlite::open(&path).expect("a database")), spoil)
        .await;
}

/// Others' commits wait for what is erased, and for nothing that is looked at.
#[tokio::test]
async fn who_looks_and_finds_nobody_writes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("orders.db");
    let store = Sqlite::open(&path).expect("a database");
    let evening = (1..=6).map(|number| placed(&format!("order-{number}")));
    let evening = evening.map(|placed| Commit { contact: Some(rosa()), ..placed });
    commit(&store, evening.collect()).await;
    let nobody = [Person::Customer("nobody".to_owned()), Person::Mail("no@example.org".to_owned())];
    let other = Connection::open(&path).expect("another connection");
    for person in nobody {
        let erasure = Erasure { person: Some(person), ..of_rosa() };
        store.ask_erasure(erasure.clone()).await.expect("it is kept");
        other.execute_batch("BEGIN IMMEDIATE").expect("nobody else can write");
        assert_eq!(pass(&store, &erasure).await.0, Pass { scanned: 6, unreadable: 0 });
        other.execute_batch("ROLLBACK").expect("others can again");
    }
}
