//! Records that somebody else has put on the topics are differences; a registry that is away is none.

use super::*;
use schemas::golden::{self, Golden};
use schemas::rehearsal;
use tokio::runtime::Runtime;

/// The id of the latest schema of events.
const EVENTS: u32 = 7;

/// A registry that knows that schema by its id, and every subject.
fn registry() -> RegistryClient {
    let events = ORDER_EVENTS.subject.unwrap();
    RegistryClient::new(&rehearsal::registry(&events, EVENTS).unwrap()).unwrap()
}

fn record(payload: Vec<u8>) -> Incoming {
    Incoming {
        topic: ORDER_EVENTS.name.into(),
        partition: 0,
        offset: 3,
        timestamp_ms: Some(1),
        key: Some(golden().key_and_headers().unwrap().0.into_bytes()),
        payload: Some(payload),
        headers: Vec::new(),
    }
}

/// A completed order.
fn golden() -> &'static Golden {
    let mut latest = golden::latest(&ORDER_EVENTS);
    latest.find(|golden| golden.event_type == "order_completed").unwrap()
}

/// The same, as it is written with the schema of that id.
fn completed(schema_id: u32) -> Vec<u8> {
    golden().framed(schema_id)
}

/// The same of an event type that this version does not know.
fn of_another_type(bytes: &[u8]) -> Vec<u8> {
    let (known, other) = (b"order_completed", b"order_teleports");
    let at = bytes.windows(known.len()).position(|part| part == known).unwrap();
    [&bytes[..at], other, &bytes[at + other.len()..]].concat()
}

#[test]
fn a_foreign_event_is_a_difference_and_the_rest_is_compared() {
    let runtime = Runtime::new().unwrap();
    let mut topic = Topic::new(&registry(), runtime.handle()).unwrap();
    let foreign = [completed(99), of_another_type(&completed(EVENTS)), b"{}".to_vec()];
    for payload in foreign {
        topic.take(&record(payload)).unwrap();
    }
    topic.take(&record(completed(EVENTS))).unwrap();
    let differences = topic.report.differences;
    for (difference, cause) in
        differences.iter().zip(["no schema 99", "order_teleports", "framing"])
    {
        assert!(difference.starts_with("partition 0 offset 3: "), "{difference}");
        assert!(difference.contains(cause), "{difference}");
    }
    assert_eq!(differences.len(), 3);
    let (order_id, _) = golden().key_and_headers().unwrap();
    assert_eq!(topic.seen[&order_id].len(), 1);
}

#[test]
fn a_foreign_state_is_a_difference() {
    let runtime = Runtime::new().unwrap();
    let mut states = States::new(&registry(), runtime.handle());
    let mut report = Report::default();
    for payload in [completed(99), completed(EVENTS)] {
        states.take(record(payload), &mut report).unwrap();
    }
    assert!(report.differences[0].contains("no schema 99"), "{report}");
    assert!(report.differences[1].contains("OrderState"), "{report}");
    assert_eq!((report.differences.len(), states.len()), (2, 0));
}

#[test]
fn a_registry_that_is_away_proves_nothing() {
    let runtime = Runtime::new().unwrap();
    let away = RegistryClient::new("http://127.0.0.1:1/").unwrap();
    let mut topic = Topic::new(&away, runtime.handle()).unwrap();
    assert!(topic.take(&record(completed(EVENTS))).is_err());
    assert!(topic.report.is_clean());
}
