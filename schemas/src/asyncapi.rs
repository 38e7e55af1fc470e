//! The contract for machines: an AsyncAPI 3 document, made of the topics as they are declared, the schemas,
//! the pages of the events and the golden records. Committed as `asyncapi.json`, and served by orders.
//!
//! Internal topics are no part of the contract and are not in it.

use serde_json::{Map, Value, json};

use crate::catalogue::{Aspect, CHAPTERS, Chapter, Page, Tombstone, without_nulls};
use crate::golden::{Golden, latest};
use crate::topics::{
    Cleanup, MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES, PROMOTIONS_ORDER_DLQ, Topic,
};

mod headers;

/// The committed document, as text. A test holds it to what [`document`] makes.
pub const COMMITTED: &str = include_str!("../asyncapi.json");

/// What AsyncAPI calls a schema in Avro.
const AVRO: &str = "application/vnd.apache.avro+json;version=1.9.0";

/// Version of the Kafka bindings.
const BINDING: &str = "0.5.0";

/// The document.
pub fn document() -> Value {
    json!({
        "asyncapi": "3.1.0",
        "id": "urn:takeaway:events",
        "info": {
            "title": "Takeaway events",
            "version": "1",
            "description": "What the contexts of Takeaway publish on Kafka for everybody. Set \
                `isolation.level=read_committed`. Keys are placed by `murmur2_random`. Values are in \
                Confluent's framing: a zero byte, the schema id as 4 bytes big-endian, the Avro body. \
                Pass over event types, fields and words that you do not know. No event holds \
                personal data.",
            "license": { "name": "Apache-2.0" },
            "tags": [{ "name": "orders" }, { "name": "promotions" }],
        },
        "defaultContentType": "application/avro",
        "servers": { "local": server() },
        "channels": channels(),
        "operations": operations(),
        "components": {
            "schemas": schemas(),
            "messages": messages(),
        },
    })
}

fn server() -> Value {
    json!({
        "host": "127.0.0.1:9092",
        "protocol": "kafka",
        "description": "The stack of one machine; elsewhere `KAFKA_BOOTSTRAP` and \
            `SCHEMA_REGISTRY_URL` say where.",
        "bindings": { "kafka": {
            "schemaRegistryUrl": "http://127.0.0.1:8081/apis/ccompat/v7",
            "schemaRegistryVendor": "confluent",
            "bindingVersion": BINDING,
        } },
    })
}

/// The topics others may read: the chapters, and what was set aside.
fn channels() -> Value {
    let mut channels: Map<String, Value> = CHAPTERS.iter().map(channel_of_events).collect();
    let reference = json!({ "$ref": "#/components/messages/dead_letter" });
    let (name, channel) =
        channel(&PROMOTIONS_ORDER_DLQ, "Dead letters", json!({ "dead_letter": reference }));
    channels.insert(name, channel);
    Value::Object(channels)
}

fn channel_of_events(chapter: &Chapter) -> (String, Value) {
    let tombstone = chapter.tombstone.iter().map(|tombstone| tombstone.page.event_type);
    let names = chapter.event_types.iter().copied().chain(tombstone);
    let messages: Map<String, Value> = names
        .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    let title = match chapter.aspect {
        Aspect::Facts => format!("Events of every {}", chapter.aggregate),
        Aspect::States => format!("State of every {}", chapter.aggregate),
    };
    channel(chapter.topic, &title, Value::Object(messages))
}

fn channel(topic: &Topic, title: &str, messages: Value) -> (String, Value) {
    let (policy, retention) = match topic.cleanup {
        Cleanup::Delete => ("delete", Some(topic.retention_ms.unwrap_or(-1))),
        Cleanup::Compact | Cleanup::CompactSlowly => ("compact", None),
    };
    let largest =
        if topic.name.ends_with(".dlq") { MAX_DEAD_LETTER_BYTES } else { MAX_MESSAGE_BYTES };
    let mut settings = json!({ "cleanup.policy": [policy], "max.message.bytes": largest });
    if let Some(retention) = retention {
        settings["retention.ms"] = retention.into();
    }
    let channel = json!({
        "address": topic.name,
        "title": title,
        "description": topic.doc,
        "servers": [{ "$ref": "#/servers/local" }],
        "messages": messages,
        "tags": [{ "name": topic.owner.context() }],
        "bindings": { "kafka": {
            "topic": topic.name,
            "partitions": topic.partitions,
            "topicConfiguration": settings,
            "bindingVersion": BINDING,
        } },
    });
    (topic.name.to_owned(), channel)
}

/// Who writes what. Whoever reads asks nobody and is in no document.
fn operations() -> Value {
    let topics = CHAPTERS.iter().map(|chapter| chapter.topic).chain([&PROMOTIONS_ORDER_DLQ]);
    let operation = |topic: &Topic| {
        let summary = format!("The {} context publishes; nobody else may.", topic.owner.context());
        let operation = json!({
            "action": "send",
            "channel": { "$ref": format!("#/channels/{}", topic.name) },
            "summary": summary,
            "tags": [{ "name": topic.owner.context() }],
        });
        (format!("publish.{}", topic.name), operation)
    };
    Value::Object(topics.map(operation).collect())
}

fn schemas() -> Value {
    let record = |chapter: &Chapter| {
        let schema = chapter.schema();
        let name = schema["name"].as_str().unwrap_or_default().to_owned();
        (name, json!({ "schemaFormat": AVRO, "schema": schema }))
    };
    let mut schemas: Map<String, Value> = CHAPTERS.iter().map(record).collect();
    schemas.insert("CloudEvent".to_owned(), headers::cloud_event());
    schemas.insert("DeadLetter".to_owned(), headers::dead_letter());
    Value::Object(schemas)
}

fn messages() -> Value {
    let of_chapter = |chapter: &'static Chapter| {
        latest(chapter.topic)
            .filter_map(|golden| Some((golden, chapter.page(golden.event_type)?)))
            .map(|(golden, page)| (page.event_type.to_owned(), message(chapter, golden, page)))
    };
    let mut messages: Map<String, Value> = CHAPTERS.iter().flat_map(of_chapter).collect();
    for chapter in CHAPTERS {
        let tombstone = chapter.tombstone.as_ref();
        messages.extend(
            tombstone
                .map(|told| (told.page.event_type.to_owned(), tombstone_message(chapter, told))),
        );
    }
    messages.insert("dead_letter".to_owned(), dead_letter());
    Value::Object(messages)
}

fn message(chapter: &Chapter, golden: &Golden, page: &Page) -> Value {
    let record = chapter.schema();
    let record = record["name"].as_str().unwrap_or_default();
    // A test reads every golden record.
    let (_, headers) = golden.key_and_headers().unwrap_or_default();
    let headers = by_name(headers);
    let payload: Value = serde_json::from_str(golden.json).unwrap_or_default();
    let what = match chapter.aspect {
        Aspect::Facts => {
            format!("`event_type` is `{}`, and the block of that name is set.", page.event_type)
        }
        Aspect::States => {
            "The last record of a key is what holds; one without a value, `order_forgotten`, is \
             the end of the key."
                .to_owned()
        }
    };
    json!({
        "name": page.event_type,
        "title": page.title,
        "summary": what,
        "description": description(page),
        "contentType": "application/avro",
        "headers": headers_of(&headers),
        "payload": { "$ref": format!("#/components/schemas/{record}") },
        "correlationId": { "location": "$message.header#/ce_correlationid" },
        "bindings": { "kafka": {
            "key": { "type": "string", "description": format!("The {} id.", chapter.aggregate) },
            "schemaIdLocation": "payload",
            "schemaIdPayloadEncoding": "confluent",
            "bindingVersion": BINDING,
        } },
        "examples": [{
            "name": page.event_type,
            "summary": "The golden record; what is null is left out.",
            "headers": headers,
            "payload": without_nulls(payload),
        }],
    })
}

/// A key without a value: there is no schema id, and nothing to read but its headers.
fn tombstone_message(chapter: &Chapter, tombstone: &Tombstone) -> Value {
    let Tombstone { page, example } = tombstone;
    let (_, headers) = example();
    let headers = by_name(headers);
    json!({
        "name": page.event_type,
        "title": page.title,
        "summary": "A key without a value is the end of the key.",
        "description": description(page),
        "contentType": "application/avro",
        "headers": headers_of(&headers),
        "payload": { "type": "null", "description": "There is no value." },
        "correlationId": { "location": "$message.header#/ce_correlationid" },
        "bindings": { "kafka": {
            "key": { "type": "string", "description": format!("The {} id.", chapter.aggregate) },
            "bindingVersion": BINDING,
        } },
        "examples": [{
            "name": page.event_type,
            "summary": "All that there is of it, beside its key.",
            "headers": headers,
            "payload": null,
        }],
    })
}

fn by_name(headers: Vec<(&'static str, String)>) -> Map<String, Value> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// The schema of the headers of messages of the same type as one that has these.
fn headers_of(example: &Map<String, Value>) -> Value {
    let kind = json!({ "ce_type": { "const": example.get("ce_type") } });
    json!({ "allOf": [
        { "$ref": "#/components/schemas/CloudEvent" },
        { "type": "object", "properties": kind },
    ] })
}

fn description(page: &Page) -> String {
    let Page { when, why, who, follows, .. } = page;
    format!("When: {when}\n\nWhy: {why}\n\nWho: {who}\n\nWhat follows: {follows}")
}

fn dead_letter() -> Value {
    json!({
        "name": "dead_letter",
        "title": "an event that promotions could not take",
        "summary": "Key, value and headers as they came, and beside them the cause.",
        "contentType": "application/octet-stream",
        "headers": { "$ref": "#/components/schemas/DeadLetter" },
        "payload": { "description": "The bytes as they came, whatever they are." },
        "bindings": { "kafka": {
            "key": { "type": "string", "description": "The key as it came." },
            "bindingVersion": BINDING,
        } },
    })
}
