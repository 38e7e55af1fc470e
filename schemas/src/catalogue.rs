//! What people need to know of each event type: when it is written, why, by whom, and what follows. It is
//! the source of `EVENTS.md` and of the descriptions in `asyncapi.json`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::golden::{KeyAndHeaders, latest};
use crate::record::Event;
use crate::topics::{ORDER_EVENTS, ORDER_STATES, Topic, VOUCHER_EVENTS};
use crate::{OrderEvent, OrderState, VoucherEvent};

mod orders;
mod states;
mod vouchers;

/// The page of one event type. Each text is whole sentences.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The event type it is about.
    pub event_type: &'static str,
    /// What it says, in a few words: the title.
    pub title: &'static str,
    /// When exactly it is written.
    pub when: &'static str,
    /// Why it is published: what a subscriber can do with it.
    pub why: &'static str,
    /// Who made it happen.
    pub who: &'static str,
    /// What comes after it, and what never does.
    pub follows: &'static str,
}

/// What the records of a topic say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// What happened.
    Facts,
    /// Where something stands.
    States,
}

/// A topic that others may read, with what is known of its events.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// The topic.
    pub topic: &'static Topic,
    /// The word for what its events are about.
    pub aggregate: &'static str,
    /// What is said of it.
    pub aspect: Aspect,
    /// Its event types, in the order of the schema.
    pub event_types: &'static [&'static str],
    /// Their pages.
    pub pages: &'static [Page],
    /// What a key without a value says, where there are any.
    pub tombstone: Option<Tombstone>,
}

/// A key without a value: its headers are all that it says.
#[derive(Debug, Clone, Copy)]
pub struct Tombstone {
    /// Its page.
    pub page: Page,
    /// Key and headers of one.
    pub example: fn() -> KeyAndHeaders,
}

/// Every topic of integration events.
pub const CHAPTERS: &[Chapter] = &[
    Chapter {
        topic: &ORDER_EVENTS,
        aggregate: "order",
        aspect: Aspect::Facts,
        event_types: OrderEvent::EVENT_TYPES,
        pages: orders::PAGES,
        tombstone: None,
    },
    Chapter {
        topic: &ORDER_STATES,
        aggregate: "order",
        aspect: Aspect::States,
        event_types: OrderState::EVENT_TYPES,
        pages: states::PAGES,
        tombstone: Some(states::TOMBSTONE),
    },
    Chapter {
        topic: &VOUCHER_EVENTS,
        aggregate: "voucher",
        aspect: Aspect::Facts,
        event_types: VoucherEvent::EVENT_TYPES,
        pages: vouchers::PAGES,
        tombstone: None,
    },
];

impl Chapter {
    /// The page of that event type.
    pub fn page(&self, event_type: &str) -> Option<&'static Page> {
        self.pages.iter().find(|page| page.event_type == event_type)
    }

    /// The latest schema of the topic.
    pub fn schema(&self) -> Value {
        let text = self.topic.subject.map_or("null", |subject| subject.latest());
        // A test reads every shipped schema as JSON.
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A record's JSON without the blocks and columns that are null, which is how people like to see it.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let set = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// The whole of `EVENTS.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# The events, one by one\n\n\
         Written by the code (`schemas/src/catalogue.rs`) from the schemas and the golden records: \
         `BLESS=1 cargo test -p schemas events_page` writes it anew. How to read the topics is in \
         [`README.md`](README.md); the same for machines is [`asyncapi.json`](asyncapi.json).\n",
    );
    for chapter in CHAPTERS {
        write_chapter(&mut page, chapter);
    }
    page
}

fn write_chapter(page: &mut String, chapter: &Chapter) {
    let schema = chapter.schema();
    let fields = schema["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let (blocks, columns): (Vec<_>, Vec<_>) =
        fields.iter().partition(|field| field["type"][1]["type"] == "record");
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## `{}`\n\n{}\n\n", chapter.topic.name, text(&schema, "doc"));
    page.push_str(match chapter.aspect {
        Aspect::Facts => "Every event has these columns:\n\n",
        Aspect::States => "Every record has these columns:\n\n",
    });
    write_fields(page, &columns);
    for event_type in chapter.event_types {
        let block = blocks.iter().find(|field| text(field, "name") == *event_type);
        write_event(page, chapter, event_type, block.map(|field| &field["type"][1]));
    }
    if let Some(tombstone) = &chapter.tombstone {
        write_page(page, &tombstone.page);
        page.push_str("It has a key and no value. For example its headers:\n\n```text\n");
        let (_, headers) = (tombstone.example)();
        for (name, value) in headers {
            let _ = writeln!(page, "{name}: {value}");
        }
        page.push_str("```\n");
    }
}

fn write_page(page: &mut String, told: &Page) {
    let Page { event_type, title, when, why, who, follows } = told;
    let _ = write!(
        page,
        "\n### `{event_type}`: {title}\n\n\
         - **When:** {when}\n- **Why:** {why}\n- **Who:** {who}\n- **What follows:** {follows}\n\n",
    );
}

fn write_event(page: &mut String, chapter: &Chapter, event_type: &str, block: Option<&Value>) {
    let Some(told) = chapter.page(event_type) else { return };
    write_page(page, told);
    if let Some(fields) = block.and_then(|block| block["fields"].as_array()) {
        let _ = write!(page, "The block `{event_type}`:\n\n");
        write_fields(page, &fields.iter().collect::<Vec<_>>());
    }
    if let Some(golden) = latest(chapter.topic).find(|golden| golden.event_type == event_type) {
        let json: Value = serde_json::from_str(golden.json).unwrap_or_default();
        let json = sorted_as(&without_nulls(json), &chapter.schema());
        let _ = write!(page, "\nFor example (what is null left out):\n\n```json\n{json}\n```\n");
    }
}

fn write_fields(page: &mut String, fields: &[&Value]) {
    page.push_str("| Field | Type | Meaning |\n|---|---|---|\n");
    for field in fields {
        let (name, doc) = (text(field, "name"), text(field, "doc"));
        let _ = writeln!(page, "| `{name}` | {} | {doc} |", type_name(&field["type"]));
    }
}

/// An Avro type in words.
fn type_name(avro: &Value) -> String {
    match avro {
        Value::String(name) => name.clone(),
        Value::Array(union) => {
            format!("{} or null", union.get(1).map(type_name).unwrap_or_default())
        }
        Value::Object(_) => match (text(avro, "logicalType"), text(avro, "type")) {
            ("", "array") => format!("array of {}", type_name(&avro["items"])),
            ("", "record") => record_name(avro),
            ("", other) => other.to_owned(),
            (logical, _) => logical.to_owned(),
        },
        _ => String::new(),
    }
}

fn record_name(record: &Value) -> String {
    let fields = record["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let named = fields
        .iter()
        .map(|field| format!("`{}` {}", text(field, "name"), type_name(&field["type"])));
    format!("{} ({})", text(record, "name"), named.collect::<Vec<_>>().join(", "))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The record on one line a column, all of it in the order of its schema.
fn sorted_as(record: &Value, schema: &Value) -> String {
    let columns = in_order(record, schema);
    let lines: Vec<_> = columns.map(|column| format!("  {column}")).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// The fields of a record that it has, each as `"name": value`.
fn in_order<'a>(record: &'a Value, schema: &'a Value) -> impl Iterator<Item = String> + 'a {
    let fields = schema["fields"].as_array().map_or(&[][..], Vec::as_slice);
    fields.iter().filter_map(|field| {
        let name = text(field, "name");
        Some(format!("\"{name}\": {}", on_one_line(record.get(name)?, &field["type"])))
    })
}

fn on_one_line(value: &Value, avro: &Value) -> String {
    let avro = avro.get(1).unwrap_or(avro);
    match value {
        Value::Object(_) => {
            format!("{{{}}}", in_order(value, avro).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| on_one_line(item, &avro["items"]));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
