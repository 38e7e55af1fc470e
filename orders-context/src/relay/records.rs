//! Rows of the journal, states and tombstones as records for Kafka. The same row makes the same bytes whenever it
//! is published, as long as the schema is the same.

use super::times::Times;
use super::to_event;
use crate::domain::Timestamp;
use crate::store::{JournalRow, Tombstone};
use chassis::kafka::relay::{Draft, Page};
use schemas::order_state::OrderForgotten;
use schemas::registry::{RegistryClient, RegistryError};
use schemas::topics::{ORDER_EVENTS, ORDER_EVENTS_VALUE, ORDER_STATES, ORDER_STATES_VALUE};
use schemas::{Encoder, Envelope, Event, OrderEvent, OrderState, Subject};
use std::sync::Arc;

/// What the registry knows our schemas as.
#[derive(Clone, Copy, Debug)]
pub struct SchemaIds {
    /// That of the events.
    pub events: u32,
    /// That of the states.
    pub states: u32,
}

impl SchemaIds {
    /// Those of the registry, of the latest versions.
    ///
    /// # Errors
    /// When it does not answer or does not know one of them.
    pub async fn of(registry: &RegistryClient) -> Result<Self, RegistryError> {
        let id = async |subject: &Subject| registry.id_of(subject.name, subject.latest()).await;
        let events = id(&ORDER_EVENTS_VALUE).await?.id;
        Ok(Self { events, states: id(&ORDER_STATES_VALUE).await?.id })
    }
}

/// Makes records.
pub struct Records {
    events: Encoder<OrderEvent>,
    states: Encoder<OrderState>,
    events_topic: Arc<str>,
    states_topic: Arc<str>,
}

impl Records {
    /// Records that say they were written with these schemas.
    ///
    /// # Errors
    /// When a shipped schema cannot be used.
    pub fn new(schema_ids: SchemaIds) -> anyhow::Result<Self> {
        Ok(Self {
            events: Encoder::new(schema_ids.events)?,
            states: Encoder::new(schema_ids.states)?,
            events_topic: ORDER_EVENTS.name.into(),
            states_topic: ORDER_STATES.name.into(),
        })
    }

    /// The same for records of either kind that all go into that topic.
    #[must_use]
    pub fn into(self, topic: &str) -> Self {
        let topic: Arc<str> = topic.into();
        Self { events_topic: Arc::clone(&topic), states_topic: topic, ..self }
    }

    /// Adds the record of an event to `out`: the event.
    pub fn event(&self, mut row: JournalRow, out: &mut Page) -> anyhow::Result<OrderEvent> {
        let (position, occurred_at) = (row.position, row.occurred_at);
        let (traceparent, causation_id) = (row.traceparent.take(), row.causation_id.take());
        let event = to_event(row);
        let envelope = Envelope {
            traceparent: traceparent.as_deref(),
            causation_id: causation_id.as_deref(),
            correlation_id: Some(&event.order_id),
            ..event.envelope()
        };
        let mut record = begin(out, &self.events_topic, position, occurred_at, &envelope);
        self.events.encode(&event, record.payload())?;
        record.done();
        Ok(event)
    }

    /// Adds the record of the state after `event`, which stands at `position`, to `out`.
    pub fn state(
        &self,
        position: i64,
        event: OrderEvent,
        times: Times,
        out: &mut Page,
    ) -> anyhow::Result<()> {
        let at = Timestamp(event.occurred_at_us);
        let state = to_state(event, times);
        let envelope = Envelope { correlation_id: Some(&state.order_id), ..state.envelope() };
        let mut record = begin(out, &self.states_topic, position, at, &envelope);
        self.states.encode(&state, record.payload())?;
        record.done();
        Ok(())
    }

    /// Adds the record of a tombstone to `out`: a key and no value.
    pub fn tombstone(&self, tombstone: &Tombstone, out: &mut Page) {
        let Tombstone { order_id, position, at, .. } = tombstone;
        let forgotten = OrderForgotten::new(order_id, at.0);
        begin(out, &self.states_topic, *position, *at, &forgotten.envelope()).done();
    }
}

/// Where an order stands after `event`, with the times that hold then.
#[must_use]
pub fn to_state(event: OrderEvent, times: Times) -> OrderState {
    let event_type = event.event_type().to_owned();
    OrderState {
        order_id: event.order_id,
        sequence: event.sequence,
        event_id: event.event_id,
        event_type,
        occurred_at_us: event.occurred_at_us,
        status: event.status,
        restaurant_id: event.restaurant_id,
        customer_id: event.customer_id,
        total_minor: event.total_minor,
        currency: event.currency,
        placed_at_us: times.placed_at.0,
        accept_by_us: times.accept_by.0,
        complete_by_us: times.complete_by.0,
        flow_version: event.flow_version,
    }
}

fn begin<'a>(
    out: &'a mut Page,
    topic: &Arc<str>,
    position: i64,
    at: Timestamp,
    envelope: &Envelope<'_>,
) -> Draft<'a> {
    let mut record = out.begin(position, topic, at.0 / 1_000);
    envelope.tell(|name, value| record.header(name, value.as_bytes()));
    record.key(envelope.subject.as_bytes());
    record
}
