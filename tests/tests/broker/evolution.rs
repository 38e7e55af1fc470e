//! Schema evolution as an exercise: readers built from any version read records of every version, of one
//! that does not exist yet too, and the registry lets nothing else in.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use schemas::topics::{ORDER_EVENTS, ORDER_EVENTS_VALUE, ORDER_EVENTS_VERSIONS};
use schemas::{Decoder, Envelope, Event, RegistryClient, RegistryError, Subject, rehearsal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use system_tests::addresses::{Addresses, checkout};
use system_tests::kit::Story;
use system_tests::python::python;

use super::support::{addresses, arrived_of, kit};

/// The event of a program that was built when there was one version, and that uses four columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OrderEvent {
    event_id: String,
    event_type: String,
    order_id: String,
    status: String,
}

impl Event for OrderEvent {
    const SUBJECT: Subject =
        Subject { name: ORDER_EVENTS_VALUE.name, versions: &[ORDER_EVENTS_VERSIONS[0]] };
    const EVENT_TYPES: &'static [&'static str] = &["order_completed"];

    fn event_type(&self) -> &str {
        &self.event_type
    }

    fn envelope(&self) -> Envelope<'_> {
        unreachable!("it reads only")
    }
}

/// Puts records of every version on the topic, of the next one too: the order and how many it has.
async fn with_every_version(addresses: &Addresses) -> Result<(String, usize)> {
    let kit = kit(addresses).await?;
    for version in 1..=ORDER_EVENTS_VERSIONS.len() {
        kit.golden(Some(version)).await?;
    }
    let mut published = kit.play(Story::Evolved).await?;
    published.retain(|each| each.topic == ORDER_EVENTS.name);
    let order = published[0].key.clone();
    arrived_of(addresses, ORDER_EVENTS.name, &order, published.len()).await?;
    Ok((order, published.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_reader_of_version_1_reads_every_version() -> Result<()> {
    let addresses = addresses().await?;
    let (evolved, count) = with_every_version(addresses).await?;
    let registry = RegistryClient::new(&addresses.registry)?;
    let mut decoder = Decoder::<OrderEvent>::new();
    let mut statuses = Vec::new();
    let golden = "0199c0de-0001-7000-8000-000000000001";
    for (key, least) in [(golden, 24), (evolved.as_str(), count)] {
        for record in arrived_of(addresses, ORDER_EVENTS.name, key, least).await? {
            let message = record.payload.context("an event is no tombstone")?;
            let id = u32::from_be_bytes(message[1..5].try_into()?);
            decoder.add(id, &registry.schema_by_id(id).await?)?;
            let event = decoder.decode(&message)?;
            assert_eq!(event.order_id, key);
            statuses.push(event.status);
        }
    }
    assert_eq!(statuses.last().map(String::as_str), Some("completed"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_readers_of_each_version_read_every_version() -> Result<()> {
    let addresses = addresses().await?;
    let (evolved, count) = with_every_version(addresses).await?;
    for version in 1..=ORDER_EVENTS_VERSIONS.len() {
        let schema = checkout().join(format!("schemas/avro/{}/{version}.avsc", ORDER_EVENTS.name));
        let schema = schema.to_string_lossy().into_owned();
        let read = move || {
            let arguments = [&*addresses.kafka, &*addresses.registry, ORDER_EVENTS.name, &*schema];
            python("read_as.py", &arguments)
        };
        let read = tokio::task::spawn_blocking(read).await??;
        let events = read["events"].as_array().context("events")?;
        let of_story = events.iter().filter(|event| event["order_id"] == *evolved);
        assert_eq!(of_story.count(), count, "version {version}");
        let mut types: BTreeMap<&str, usize> = BTreeMap::new();
        for event in events {
            *types.entry(event["event_type"].as_str().unwrap_or_default()).or_default() += 1;
            let has = event.get("flow_version").is_some();
            assert_eq!(has, version > 1, "a reader sees the columns of its own version");
        }
        // Types that a version has no block for are there all the same, to be passed over.
        for unknown in ["flow_migrated", rehearsal::EVENT_TYPE] {
            assert!(types.contains_key(unknown), "version {version}: {types:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_takes_each_version_after_the_one_before_and_nothing_incompatible()
-> Result<()> {
    let registry = RegistryClient::new(&addresses().await?.registry)?;
    let subject = format!("{}-value", system_tests::api::unique("evolution"));
    registry.set_full_transitive(&subject).await?;
    for schema in ORDER_EVENTS_VERSIONS {
        registry.register(&subject, schema).await?;
    }
    registry.register(&subject, &rehearsal::later_version(&ORDER_EVENTS_VALUE)?).await?;
    let latest: Value = serde_json::from_str(ORDER_EVENTS_VALUE.latest())?;
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, Change); 3] = [
        ("a column that is never null", |f| f.push(json!({ "name": "mood", "type": "string" }))),
        ("a column in another type", |f| f[3]["type"] = "string".into()),
        ("a column that is gone", |f| drop(f.remove(5))),
    ];
    for (what, change) in changes {
        let mut broken = latest.clone();
        change(broken["fields"].as_array_mut().context("fields")?);
        let verdict = registry.register(&subject, &broken.to_string()).await;
        assert!(matches!(verdict, Err(RegistryError::Incompatible { .. })), "{what}: {verdict:?}");
    }
    Ok(())
}
