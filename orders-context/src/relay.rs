//! The journal as integration events: rows of the store → records for Kafka.
//!
//! The relay itself (transactions, position, pauses) is the chassis's; here is what orders say to
//! the world, and nothing of Kafka.

pub mod shards;
mod translate;

use crate::leases::Held;
use crate::store::{Error, Generation, JournalReader, JournalRow};
use chassis::backoff::Backoff;
use chassis::kafka::Outgoing;
use chassis::kafka::relay::Journal;
use schemas::order_events::OrderEvent;
use schemas::topics::ORDER_EVENTS;
use schemas::{Encoder, Event};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
pub use translate::to_event;

/// Between two attempts to read a journal whose database does not answer.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The orders journal as the relay reads it. While its database does not answer, it waits.
pub struct OrderJournal {
    reader: Box<dyn JournalReader>,
    encoder: Encoder<OrderEvent>,
    topic: Arc<str>,
    rows: Vec<JournalRow>,
    generation: Generation,
    held: Held,
}

impl OrderJournal {
    /// Publishes what `reader` reads of `generation` with the schema that the registry knows as `schema_id`, while the
    /// lease is `held`.
    ///
    /// # Errors
    /// When the shipped schema cannot be used.
    pub fn new(
        reader: Box<dyn JournalReader>,
        generation: Generation,
        schema_id: u32,
        held: Held,
    ) -> anyhow::Result<Self> {
        let encoder = Encoder::new(schema_id)?;
        let topic = ORDER_EVENTS.name.into();
        Ok(Self { reader, encoder, topic, rows: Vec::new(), generation, held })
    }

    fn outgoing(&self, mut row: JournalRow) -> anyhow::Result<Outgoing> {
        let (position, timestamp_ms) = (row.position, row.occurred_at.0 / 1_000);
        let (traceparent, causation_id) = (row.traceparent.take(), row.causation_id.take());
        let event = to_event(row);
        let mut payload = Vec::with_capacity(256);
        self.encoder.encode(&event, &mut payload)?;
        let mut envelope = event.envelope();
        envelope.traceparent = traceparent.as_deref();
        envelope.causation_id = causation_id.as_deref();
        envelope.correlation_id = Some(&event.order_id);
        let headers = envelope.headers().into_iter();
        Ok(Outgoing {
            position,
            topic: Arc::clone(&self.topic),
            payload: Some(payload),
            headers: headers.map(|(name, value)| (Cow::Borrowed(name), value.into())).collect(),
            timestamp_ms,
            key: Some(event.order_id.into_bytes()),
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
        until_available(|| {
            rows.clear();
            self.reader.read_after(position, limit, &mut rows)
        })?;
        out.reserve(rows.len());
        for row in rows.drain(..) {
            out.push(self.outgoing(row)?);
        }
        self.rows = rows;
        Ok(())
    }

    fn begins_after(&self) -> i64 {
        self.generation.begins_after
    }

    fn end(&self) -> Option<i64> {
        self.reader.end()
    }

    fn is_ours(&self) -> bool {
        self.held.is_valid()
    }

    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(Some(until_available(|| self.reader.newest())?))
    }
}

/// Asks until the database answers, or with what cannot be read. Blocks; a stop does not wait for
/// the relay's thread.
fn until_available<T>(mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut attempt = 0;
    loop {
        match ask() {
            Err(Error::Unavailable(cause)) => {
                if attempt == 0 {
                    let error = format!("{cause:#}");
                    tracing::warn!(error, "The journal waits for its database");
                }
                std::thread::sleep(AGAIN.delay(attempt));
                attempt += 1;
            }
            settled => return settled,
        }
    }
}
