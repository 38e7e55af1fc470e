//! Records that somebody else has put on the topic are told of beside everything else; a registry that is away is
//! no difference.

use schemas::golden::{self, Golden};
use schemas::rehearsal;
use schemas::topics::{VOUCHER_EVENTS, VOUCHER_EVENTS_VALUE};
use tokio::runtime::Runtime;

use super::*;
use crate::verify::compare::differences;

/// The id of the latest schema of vouchers.
const VOUCHERS: u32 = 7;

/// A registry that knows that schema by its id, and every subject.
fn registry() -> RegistryClient {
    let address = rehearsal::registry(&VOUCHER_EVENTS_VALUE, VOUCHERS).unwrap();
    RegistryClient::new(&address).unwrap()
}

/// A voucher that was issued.
fn issued() -> &'static Golden {
    golden::latest(&VOUCHER_EVENTS).next().unwrap()
}

fn record(payload: Vec<u8>) -> Incoming {
    Incoming {
        topic: VOUCHER_EVENTS.name.into(),
        partition: 0,
        offset: 3,
        timestamp_ms: Some(1),
        key: Some(issued().key_and_headers().unwrap().0.into_bytes()),
        payload: Some(payload),
        headers: Vec::new(),
    }
}

/// The topic with these records.
fn topic(
    registry: &RegistryClient,
    runtime: &Runtime,
    records: &[Incoming],
) -> anyhow::Result<Topic> {
    let mut topic = Topic::new(registry, runtime.handle());
    records.iter().try_for_each(|record| topic.take(record))?;
    Ok(topic)
}

#[test]
fn a_strange_record_hides_no_missing_voucher() {
    let (registry, runtime) = (registry(), Runtime::new().unwrap());
    let voucher = record(issued().framed(VOUCHERS));
    let journal = topic(&registry, &runtime, std::slice::from_ref(&voucher)).unwrap();
    assert_eq!(journal.strange, Vec::<String>::new());
    let tombstone = Incoming { payload: None, ..voucher.clone() };
    let elsewhere = Incoming { key: Some(b"elsewhere".to_vec()), ..voucher };
    for (strange, cause, missing) in [
        (record(b"{}".to_vec()), "not a voucher event", 1),
        (record(issued().framed(8)), "no schema 8", 1),
        (tombstone, "not a voucher event", 1),
        (elsewhere, "the key", 0),
    ] {
        let topic = topic(&registry, &runtime, &[strange]).unwrap();
        let [told] = &topic.strange[..] else { panic!("{cause}: {:?}", topic.strange) };
        assert!(told.contains(cause) && told.contains("/0 offset 3"), "{told}");
        assert_eq!(differences(&journal.facts, &topic.facts).len(), missing, "{cause}");
    }
}

#[test]
fn a_registry_that_is_away_proves_nothing() {
    let (away, runtime) =
        (RegistryClient::new("http://127.0.0.1:1/").unwrap(), Runtime::new().unwrap());
    assert!(topic(&away, &runtime, &[record(issued().framed(VOUCHERS))]).is_err());
}
