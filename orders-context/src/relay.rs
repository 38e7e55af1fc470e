//! The journal as integration events: rows of the store → records for Kafka.
//!
//! The relay itself (transactions, position, pauses) is the chassis's; here is what orders say to
//! the world, and nothing of Kafka.

mod translate;

use crate::store::{JournalReader, JournalRow};
use chassis::kafka::Outgoing;
use chassis::kafka::relay::Journal;
use schemas::order_events::OrderEvent;
use schemas::topics::ORDER_EVENTS;
use schemas::{Encoder, Event};
use std::borrow::Cow;
use std::sync::Arc;
pub use translate::to_event;

/// The orders journal as the relay reads it.
pub struct OrderJournal {
    reader: Box<dyn JournalReader>,
    encoder: Encoder<OrderEvent>,
    topic: Arc<str>,
    rows: Vec<JournalRow>,
}

impl OrderJournal {
    /// Publishes what `reader` reads with the schema that the registry knows as `schema_id`.
    ///
    /// # Errors
    /// When the shipped schema cannot be used.
    pub fn new(reader: Box<dyn JournalReader>, schema_id: u32) -> anyhow::Result<Self> {
        let encoder = Encoder::new(schema_id)?;
        Ok(Self { reader, encoder, topic: ORDER_EVENTS.name.into(), rows: Vec::new() })
    }

    fn outgoing(&self, row: &JournalRow) -> anyhow::Result<Outgoing> {
        let event = to_event(row);
        let mut payload = Vec::with_capacity(256);
        self.encoder.encode(&event, &mut payload)?;
        let mut envelope = event.envelope();
        envelope.traceparent = row.traceparent.as_deref();
        envelope.causation_id = row.causation_id.as_deref();
        envelope.correlation_id = Some(&row.order_id);
        let headers = envelope.headers().into_iter();
        Ok(Outgoing {
            position: row.position,
            topic: Arc::clone(&self.topic),
            key: Some(row.order_id.clone().into_bytes()),
            payload: Some(payload),
            headers: headers.map(|(name, value)| (Cow::Borrowed(name), value.into())).collect(),
            timestamp_ms: row.occurred_at.0 / 1_000,
        })
    }
}

impl Journal for OrderJournal {
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        out: &mut Vec<Outgoing>,
    ) -> anyhow::Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        self.reader.read_after(position, limit, &mut rows)?;
        for row in &rows {
            out.push(self.outgoing(row)?);
        }
        self.rows = rows;
        Ok(())
    }

    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(Some(self.reader.newest()?))
    }
}
