//! The AsyncAPI document: sound by AsyncAPI's own tools, and every example in it goes over a real
//! broker and comes back as it is written there.

use anyhow::{Context, Result};
use chassis::kafka::relay::publish_once;
use chassis::kafka::{Incoming, Outgoing};
use schemas::catalogue::{CHAPTERS, without_nulls};
use schemas::{
    Columns, Decoder, Encoder, Event, OrderEvent, OrderState, RegistryClient, VoucherEvent,
    asyncapi,
};
use serde_json::{Map, Value};
use system_tests::{addresses::checkout, node::check_asyncapi};

use super::support::{addresses, arrived, kafka, kit};

#[test]
fn asyncapis_own_tools_find_nothing_to_say() -> Result<()> {
    let said = check_asyncapi(&checkout().join("schemas/asyncapi.json"))?;
    assert_eq!(said["problems"], Value::Array(Vec::new()));
    let events: usize = CHAPTERS.iter().map(|chapter| chapter.event_types.len()).sum();
    assert_eq!(said["channels"], CHAPTERS.len() + 1);
    assert_eq!(said["operations"], CHAPTERS.len() + 1);
    let tombstones = CHAPTERS.iter().filter(|chapter| chapter.tombstone.is_some()).count();
    assert_eq!(said["messages"], events + tombstones + 1);
    assert_eq!(said["examples"], events + tombstones);
    Ok(())
}

#[test]
fn asyncapis_own_tools_see_an_example_that_does_not_fit() -> Result<()> {
    let mut document = asyncapi::document();
    let placed = &mut document["components"]["messages"]["order_placed"]["examples"][0];
    placed["payload"]["total_minor"] = "much".into();
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), document.to_string())?;
    let said = check_asyncapi(file.path())?;
    assert_eq!(said["problems"][0]["code"], "example", "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_goes_over_a_broker_and_comes_back() -> Result<()> {
    let document: Value = serde_json::from_str(asyncapi::COMMITTED)?;
    let examples = go_over_a_broker::<OrderEvent>(&document, "orders.order.events.v1").await?
        + go_over_a_broker::<OrderState>(&document, "orders.order.state.v1").await?
        + go_over_a_broker::<VoucherEvent>(&document, "promotions.voucher.events.v1").await?;
    let events: usize = CHAPTERS.iter().map(|chapter| chapter.event_types.len()).sum();
    assert_eq!(examples, events, "every event type has an example");
    Ok(())
}

/// Publishes every example of that channel and reads it back; how many there were.
async fn go_over_a_broker<E: Event + Columns>(document: &Value, channel: &str) -> Result<usize> {
    let addresses = addresses().await?;
    kit(addresses).await?;
    let registry = RegistryClient::new(&addresses.registry)?;
    let known = registry.id_of(E::SUBJECT.name, E::SUBJECT.latest()).await?;
    let encoder = Encoder::<E>::new(known.id)?;
    let mut decoder = Decoder::<E>::new();
    decoder.add(known.id, E::SUBJECT.latest())?;
    let messages = document["channels"][channel]["messages"].as_object().context("a channel")?;
    let address = document["channels"][channel]["address"].as_str().context("an address")?;
    let mut examples = Vec::new();
    for name in messages.keys() {
        let message = &document["components"]["messages"][name];
        // A tombstone has no value to read back; a test of the relay holds its headers to the document.
        if message["payload"]["type"] != "null" {
            examples.extend(message["examples"].as_array().context("examples")?);
        }
    }
    let count = examples.len();
    let mut rows = Vec::new();
    for (example, position) in examples.iter().zip(1..) {
        rows.push(Outgoing { position, ..outgoing(&encoder, address, example)? });
    }
    let config = kafka(addresses);
    let id = format!("examples-of-{channel}");
    tokio::task::spawn_blocking(move || publish_once(&config, &id, &rows)).await??;
    let is_example =
        |record: &Incoming| record.key.as_deref().is_some_and(|key| key.starts_with(b"example-"));
    for record in arrived(addresses, address, examples.len(), is_example).await? {
        let event = decoder.decode(record.payload.as_deref().unwrap_or_default())?;
        let payload = without_nulls(serde_json::to_value(&event)?);
        let at = examples.iter().position(|example| example["payload"] == payload);
        let example = examples.remove(at.with_context(|| format!("no example is {payload}"))?);
        let headers: Map<String, Value> = record
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into()))
            .collect();
        assert_eq!(Value::Object(headers), example["headers"]);
    }
    assert!(examples.is_empty(), "not read back: {examples:?}");
    Ok(count)
}

/// The example as a message: what the document says goes in, nothing else.
fn outgoing<E: Event + Columns>(
    encoder: &Encoder<E>,
    topic: &str,
    example: &Value,
) -> Result<Outgoing> {
    let event: E = serde_json::from_value(example["payload"].clone())?;
    let mut payload = Vec::new();
    encoder.encode(&event, &mut payload)?;
    let headers = example["headers"]
        .as_object()
        .context("headers")?
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default()));
    Ok(Outgoing {
        position: 1,
        topic: topic.into(),
        // A key of its own, so that it is found again among what other tests put there.
        key: Some([b"example-", event.event_type().as_bytes()].concat()),
        payload: Some(payload),
        headers: headers.collect(),
        timestamp_ms: example["payload"]["occurred_at"].as_i64().context("a time")? / 1_000,
    })
}
