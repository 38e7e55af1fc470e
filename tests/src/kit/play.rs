//! A story, written out as messages.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use chassis::kafka::Outgoing;
use schemas::registry::RegistryClient;
use schemas::topics::{ORDER_EVENTS, ORDER_EVENTS_VALUE, ORDER_STATES, Topic, VOUCHER_EVENTS};
use schemas::{Columns, Encoder, Envelope, Event, OrderEvent, OrderState, VoucherEvent, rehearsal};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stories::{Step, Story, Writer};
use super::{Message, Published};

/// Between two events of a story.
const STEP_US: i64 = 60_000_000;

/// The messages of `story` for an order that nobody has met, its last event now.
pub(super) async fn messages(registry: &RegistryClient, story: Story) -> Result<Vec<Message>> {
    let now_us = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
    let steps = story.steps(0).len();
    let placed_us = now_us - STEP_US * i64::try_from(steps)?;
    let order_id = Uuid::now_v7().to_string();
    let subject = ORDER_EVENTS_VALUE;
    let today = registry.id_of(subject.name, subject.latest()).await?.id;
    let tomorrow = match story {
        Story::Evolved => {
            registry.register(subject.name, &rehearsal::later_version(&subject)?).await?
        }
        _ => today,
    };
    let encoder = Encoder::<OrderEvent>::new(today)?;
    let mut messages = Vec::with_capacity(steps + 2);
    let mut last = Value::Null;
    for (step, sequence) in story.steps(placed_us).iter().zip(1..) {
        let record = record(step, &order_id, sequence, placed_us + STEP_US * (sequence - 1));
        let value = match step.by {
            Writer::OfToday => encoded(&encoder, &record)?,
            Writer::OfTomorrow => rehearsal::encode(&subject, tomorrow, &record)?,
        };
        let headers = envelope("orders", "order_id", &record).headers();
        messages.push(message(&ORDER_EVENTS, order_id.clone(), &headers, value, &record));
        last = record;
    }
    messages.push(state(registry, last, placed_us).await?);
    if story == Story::Happy {
        messages.push(voucher(registry, &order_id, now_us).await?);
    }
    Ok(messages)
}

fn record(step: &Step, order_id: &str, sequence: i64, at_us: i64) -> Value {
    let mut record = json!({
        "event_id": Uuid::now_v7().to_string(),
        "event_type": step.event_type,
        "order_id": order_id,
        "sequence": sequence,
        "occurred_at": at_us,
        "status": step.status,
        "restaurant_id": "bombay-kitchen",
        "customer_id": "0199c0de-0002-7000-8000-000000000001",
        "total_minor": 1890,
        "currency": "EUR",
        step.event_type: step.block,
    });
    if step.by == Writer::OfTomorrow {
        record[rehearsal::COLUMN] = 1.into();
    }
    record
}

/// The state of the order after its last event.
async fn state(registry: &RegistryClient, mut record: Value, placed_us: i64) -> Result<Message> {
    for (column, minutes) in [("placed_at", 0), ("accept_by", 10), ("complete_by", 120)] {
        record[column] = (placed_us + minutes * STEP_US).into();
    }
    let subject = OrderState::SUBJECT;
    let known = registry.id_of(subject.name, subject.latest()).await?;
    let state: OrderState = serde_json::from_value(record.clone()).context("the state")?;
    let value = encoded(&Encoder::<OrderState>::new(known.id)?, &record)?;
    let (key, headers) = (state.order_id.clone(), state.envelope().headers());
    Ok(message(&ORDER_STATES, key, &headers, value, &record))
}

async fn voucher(registry: &RegistryClient, order_id: &str, at_us: i64) -> Result<Message> {
    let id = Uuid::now_v7().to_string();
    let record = json!({
        "event_id": Uuid::now_v7().to_string(),
        "event_type": "voucher_issued",
        "voucher_id": id,
        "sequence": 1,
        "occurred_at": at_us,
        "state": "issued",
        "campaign_id": "thank-you",
        "customer_id": "0199c0de-0002-7000-8000-000000000001",
        "order_id": order_id,
        "value_minor": 500,
        "currency": "EUR",
        "minimum_minor": 1500,
        "valid_until": at_us + 30 * 24 * 60 * STEP_US,
        "voucher_issued": { "issued_for": "order_completed" },
    });
    let subject = VoucherEvent::SUBJECT;
    let known = registry.id_of(subject.name, subject.latest()).await?;
    let value = encoded(&Encoder::<VoucherEvent>::new(known.id)?, &record)?;
    let headers = envelope("promotions", "voucher_id", &record).headers();
    Ok(message(&VOUCHER_EVENTS, id, &headers, value, &record))
}

fn encoded<E: Event + Columns>(encoder: &Encoder<E>, record: &Value) -> Result<Vec<u8>> {
    let event: E = serde_json::from_value(record.clone()).context("a step of the story")?;
    let mut value = Vec::new();
    encoder.encode(&event, &mut value)?;
    Ok(value)
}

fn envelope<'a>(context: &'static str, key: &str, record: &'a Value) -> Envelope<'a> {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    Envelope {
        context,
        aspect: "",
        event_type: text("event_type"),
        event_id: text("event_id"),
        subject: text(key),
        time_us: record["occurred_at"].as_i64().unwrap_or_default(),
        sequence: record["sequence"].as_i64().unwrap_or_default(),
        traceparent: None,
        causation_id: None,
        correlation_id: None,
    }
}

/// The message of a record, whose JSON says what to tell of it.
pub(super) fn message(
    topic: &Topic,
    key: String,
    headers: &[(&'static str, String)],
    value: Vec<u8>,
    record: &Value,
) -> Message {
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let row = Outgoing {
        position: 0,
        topic: topic.name.into(),
        key: Some(key.clone().into_bytes()),
        payload: Some(value),
        headers: headers.iter().map(|(name, text)| (*name, text)).collect(),
        timestamp_ms: record["occurred_at"].as_i64().unwrap_or_default() / 1_000,
    };
    let published = Published {
        topic: topic.name.to_owned(),
        key,
        event_type: text("event_type"),
        sequence: record["sequence"].as_i64().unwrap_or_default(),
        event_id: text("event_id"),
    };
    Message { row, published }
}
