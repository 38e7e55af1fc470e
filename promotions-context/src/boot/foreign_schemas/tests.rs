//! Schemas that were kept, and a registry that was made anew.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use chassis::kafka::Incoming;
use chassis::kafka::consumer::{Batch, Inbox, Span};
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;
use crate::inbound::{OrderInbox, tests};
use crate::store::Store;
use crate::store::journal::{JournalRow, read_journal_after};
use crate::store::testing::new_store;
use crate::store::vouchers::count_vouchers;

/// A registry that knows every id as this schema.
fn registry(schema: &str) -> RegistryClient {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let body = json!({ "schema": schema }).to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let head = format!("connection: close\r\ncontent-length: {}", body.len());
            write!(stream.get_mut(), "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").unwrap();
        }
    });
    RegistryClient::new(&url).unwrap()
}

/// The inbox of a process that has just begun, beside this registry.
fn inbox(store: &Store, registry: RegistryClient, runtime: &Runtime) -> OrderInbox {
    let fetch = fetch(registry, store.writer().unwrap(), runtime.handle().clone(), Shutdown::new());
    tests::inbox(store, fetch)
}

/// The completed order of this id, of the latest version, whose schema has id 2.
fn completed(order: &str, offset: i64) -> Batch {
    let record = Incoming {
        topic: topics::ORDER_EVENTS.name.into(),
        partition: 0,
        offset,
        timestamp_ms: Some(1),
        key: Some(order.into()),
        payload: Some(tests::framed(2, order, 4, tests::completed())),
        headers: Vec::new(),
    };
    let span = Span { topic: record.topic.clone(), partition: 0, from: offset, to: offset + 1 };
    Batch { records: vec![record], spans: vec![span] }
}

fn write(store: &Store, change: impl FnOnce(&crate::store::Tx<'_>)) {
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    change(&tx);
    tx.commit().unwrap();
}

#[test]
fn who_begins_at_the_beginning_asks_a_registry_that_was_made_anew() {
    let (_directory, store) = new_store();
    let runtime = Runtime::new().unwrap();
    let versions = topics::ORDER_EVENTS_VALUE.versions;
    inbox(&store, registry("unused"), &runtime).positions().unwrap();
    write(&store, |tx| {
        keep_schema(tx, 2, versions[0]).unwrap();
        crate::store::inbox::advance_position(tx, "orders", 0, 0, 41).unwrap();
    });

    // Kafka is wiped under the id that it had, and the registry in it.
    write(&store, |tx| {
        tx.execute("DELETE FROM inbox_position", []).unwrap();
    });
    let mut anew = inbox(&store, registry(versions[1]), &runtime);
    assert!(anew.positions().unwrap().is_empty());
    anew.take(completed("dumplings", 0)).unwrap();
    assert_eq!(count_vouchers(&store.reader().unwrap()).unwrap().0, 1);

    // A process that begins with positions needs no registry for what was kept.
    let mut again = inbox(&store, registry("unused"), &runtime);
    assert_eq!(again.positions().unwrap().len(), 1);
    again.take(completed("dumplings", 1)).unwrap();
    let rows = read_journal_after(&store.reader().unwrap(), 0, 10).unwrap();
    assert!(matches!(rows[..], [(_, JournalRow::VoucherEvent(_))]), "{rows:?}");
}
