//! Which records a page of the journal becomes.

use super::records::{Records, SchemaIds};
use super::times::YOUNG;
use super::{OrderJournal, until_available};
use crate::domain::Timestamp;
use crate::domain::tests::mother::{after, deadline_extended, order_accepted, restaurant_notified};
use crate::leases::Held;
use crate::store::contract::{commit, moved, placed};
use crate::store::sqlite::Sqlite;
use crate::store::{Generation, Lease, Store, Tombstone};
use chassis::clock::BootInstant;
use chassis::kafka::Outgoing;
use chassis::kafka::relay::{Journal, Page};
use schemas::topics::{ORDER_EVENTS_VALUE, ORDER_STATES, ORDER_STATES_VALUE};
use schemas::{Decoder, OrderEvent, OrderState};
use std::time::Duration;
use tempfile::TempDir;

const IDS: SchemaIds = SchemaIds { events: 1, states: 2 };

fn journal(store: &dyn Store) -> OrderJournal {
    let lease = Lease { name: "relay-0".into(), token: 1 };
    let held = Held::until(lease, BootInstant::now() + Duration::from_secs(60));
    let reader = until_available(|| store.journal_reader()).expect("a reader");
    OrderJournal::new(reader, Generation::ONLY, IDS, held).expect("shipped schemas")
}

fn read(journal: &mut OrderJournal, position: i64, limit: usize) -> Vec<Outgoing> {
    let mut page = Page::default();
    journal.read_after(position, limit, &mut page).expect("the journal is read");
    let out: Vec<Outgoing> = page.iter().map(Outgoing::from).collect();
    assert!(out.is_sorted_by_key(|record| record.position));
    out
}

fn state(record: &Outgoing) -> Option<OrderState> {
    let mut decoder = Decoder::new();
    decoder.add(IDS.states, ORDER_STATES_VALUE.latest()).expect("our schema");
    Some(decoder.decode(record.payload.as_ref()?).expect("a state"))
}

/// What a tombstone says is a part of the contract.
#[test]
fn a_tombstone_is_as_the_asyncapi_document_says() {
    let document: serde_json::Value =
        serde_json::from_str(schemas::asyncapi::COMMITTED).expect("JSON");
    let channel = &document["channels"][ORDER_STATES.name]["messages"];
    assert!(channel["order_forgotten"].is_object(), "{channel}");
    let message = &document["components"]["messages"]["order_forgotten"];
    let example = &message["examples"][0];
    assert_eq!(example["payload"], serde_json::Value::Null);
    let order_id = example["headers"]["ce_subject"].as_str().expect("an order");
    let tombstone =
        Tombstone { order_id: order_id.into(), position: 7, at: Timestamp(1_795_545_000_123_456) };
    let mut page = Page::default();
    Records::new(IDS).expect("shipped schemas").tombstone(&tombstone, &mut page);
    let record = page.iter().map(Outgoing::from).next().expect("a record");
    assert_eq!((&*record.topic, record.payload), (ORDER_STATES.name, None));
    assert_eq!(record.key.as_deref(), Some(order_id.as_bytes()));
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers: serde_json::Map<_, _> =
        record.headers.iter().map(|(name, value)| (name.to_owned(), text(value).into())).collect();
    assert_eq!(serde_json::Value::Object(headers), example["headers"]);
    assert_eq!(
        example["headers"]["ce_type"],
        message["headers"]["allOf"][1]["properties"]["ce_type"]["const"]
    );
}

/// Each record in short: an event as `order sequence`, a state with `=` before it, a tombstone with `+`.
fn shown(records: &[Outgoing]) -> Vec<String> {
    let mut decoder = Decoder::<OrderEvent>::new();
    decoder.add(IDS.events, ORDER_EVENTS_VALUE.latest()).expect("our schema");
    let show = |record: &Outgoing| {
        let key = String::from_utf8(record.key.clone().expect("a key")).expect("text");
        if *record.topic != *ORDER_STATES.name {
            let payload = record.payload.as_ref().expect("an event is no tombstone");
            return format!("{key} {}", decoder.decode(payload).expect("an event").sequence);
        }
        match state(record) {
            Some(state) => format!("={key} {}", state.sequence),
            None => format!("+{key}"),
        }
    };
    records.iter().map(show).collect()
}

/// Three events of one order around one of another.
async fn story() -> (TempDir, Sqlite) {
    let folder = TempDir::new().expect("a folder");
    let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
    let (one, two) = (placed("one"), placed("two"));
    let told = moved(&one.order, after(1), restaurant_notified());
    let extended = moved(&told.order, after(2), deadline_extended());
    commit(&store, vec![one, two, told, extended]).await;
    (folder, store)
}

#[tokio::test]
async fn the_last_state_of_each_order_follows_its_last_event() {
    let (_folder, store) = story().await;
    let records = read(&mut journal(&store), 0, 100);
    assert_eq!(shown(&records), ["one 1", "two 1", "=two 1", "one 2", "one 3", "=one 3"]);
    let state = state(&records[5]).expect("a state");
    assert_eq!((&*state.status, &*state.event_type), ("notified", "deadline_extended"));
    let order = store.order("one".to_owned()).await.unwrap().expect("it is there").order;
    let times = [order.placed_at, order.accept_by, order.complete_by];
    let told = [state.placed_at_us, state.accept_by_us, state.complete_by_us];
    assert_eq!(told.map(Timestamp), times);
    let header = |name| records[5].headers.iter().find(|(other, _)| *other == name);
    assert_eq!(header("ce_source").expect("a source").1, b"/takeaway/orders/state");
}

#[tokio::test]
async fn a_relay_that_starts_in_the_middle_says_the_same() {
    let (_folder, store) = story().await;
    let all = read(&mut journal(&store), 0, 100);
    for start in 0..4 {
        let later = read(&mut journal(&store), start, 100);
        let expected: Vec<_> = all.iter().filter(|record| record.position > start).collect();
        assert_eq!(format!("{later:?}"), format!("{expected:?}"), "after {start}");
    }
}

#[tokio::test]
async fn what_is_read_again_says_what_it_said() {
    let (_folder, store) = story().await;
    let mut journal = journal(&store);
    let before = format!("{:?}", read(&mut journal, 0, 3));
    read(&mut journal, 3, 100);
    assert_eq!(format!("{:?}", read(&mut journal, 0, 3)), before);
}

/// Who takes a relay over reads the last pages as one, and publishes what of that is not there.
#[tokio::test]
async fn pages_that_are_read_as_one_say_nothing_that_they_did_not() {
    let (_folder, store) = story().await;
    store.bury(vec!["two".to_owned()], after(3)).await.unwrap();
    let order = store.order("one".to_owned()).await.unwrap().expect("it is there").order;
    commit(&store, vec![moved(&order.into(), after(4), order_accepted())]).await;
    let whole = read(&mut journal(&store), 0, 100);
    let expected = ["one 1", "two 1", "one 2", "one 3", "+two", "one 4", "=one 4"];
    assert_eq!(shown(&whole), expected);
    for limit in 1..6 {
        let (mut journal, mut in_pages, mut position) = (journal(&store), Vec::new(), 0);
        while let page @ [.., last] = &read(&mut journal, position, limit)[..] {
            position = last.position;
            in_pages.extend(page.iter().map(|record| format!("{record:?}")));
        }
        for record in &whole {
            assert!(in_pages.contains(&format!("{record:?}")), "pages of {limit}: {record:?}");
        }
    }
}

#[tokio::test]
async fn who_is_forgotten_within_a_page_has_its_state_in_it() {
    let (_folder, store) = story().await;
    let mut journal = journal(&store);
    read(&mut journal, 0, 100);
    let met = journal.memory.get("one").expect("it was read just now");
    // The next order that is remembered lets the memory forget everything from before these.
    for number in 0..2 * YOUNG - 2 {
        journal.memory.put(&number.to_string(), met);
    }
    assert_eq!(journal.memory.get("one"), Some(met));
    let order = store.order("one".to_owned()).await.unwrap().expect("it is there").order;
    let accepted = moved(&order.into(), after(4), order_accepted());
    commit(&store, vec![placed("three"), accepted]).await;
    let expected = ["three 1", "=three 1", "one 4", "=one 4"];
    assert_eq!(shown(&read(&mut journal, 4, 100)), expected);
}

#[tokio::test]
async fn nothing_is_said_of_an_order_after_its_tombstone() {
    let (_folder, store) = story().await;
    store.bury(vec!["one".to_owned()], after(3)).await.unwrap();
    let order = store.order("one".to_owned()).await.unwrap().expect("it is there").order;
    commit(&store, vec![moved(&order.into(), after(4), order_accepted())]).await;
    let ends = ["+one", "one 4"];
    let mut in_one = journal(&store);
    assert_eq!(shown(&read(&mut in_one, 0, 100))[5..], ends, "in one page");
    assert_eq!(shown(&read(&mut journal(&store), 4, 100)), ends, "after a start");
    assert_eq!(shown(&read(&mut journal(&store), 5, 100)), ends[1..], "after a later start");
    let mut in_steps = journal(&store);
    assert_eq!(shown(&read(&mut in_steps, 4, 1)), ends[..1]);
    assert_eq!(shown(&read(&mut in_steps, 5, 1)), ends[1..]);
}
