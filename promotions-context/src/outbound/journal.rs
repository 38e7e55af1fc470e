//! Rows of the journal as Kafka records: vouchers' events as Avro, dead letters as they came.

use std::sync::Arc;

use chassis::kafka::dead_letter::DeadLetter;
use chassis::kafka::relay::{Journal, Page};
use schemas::{Encoder, Envelope, Event, VoucherEvent, VoucherFact, topics, voucher_events};

use crate::domain::VoucherState;
use crate::store::Reader;
use crate::store::journal::{JournalRow, StoredEvent, newest_position, read_journal_after};

/// The journal as the relay reads it.
pub struct VoucherJournal {
    reader: Reader,
    encoder: Encoder<VoucherEvent>,
    topic: Arc<str>,
    group: &'static str,
}

impl VoucherJournal {
    /// The journal that `reader` sees, written with the schema of this id. `group` names the
    /// consumer whose dead letters are in it.
    ///
    /// # Errors
    /// The shipped schema is none.
    pub fn new(reader: Reader, schema_id: u32, group: &'static str) -> anyhow::Result<Self> {
        let encoder = Encoder::new(schema_id)?;
        Ok(Self { reader, encoder, topic: topics::VOUCHER_EVENTS.name.into(), group })
    }

    fn write(&self, position: i64, row: JournalRow, out: &mut Page) -> anyhow::Result<()> {
        match row {
            JournalRow::VoucherEvent(stored) => self.voucher_event(position, &stored, out)?,
            JournalRow::DeadLetter(letter) => out.push(
                &DeadLetter {
                    origin: &letter.origin,
                    group: self.group,
                    class: &letter.class,
                    cause: letter.cause,
                    attempts: letter.attempts,
                    first_failed_at_us: letter.first_failed_at_us,
                }
                .outgoing(position),
            ),
        }
        Ok(())
    }

    fn voucher_event(
        &self,
        position: i64,
        stored: &StoredEvent,
        out: &mut Page,
    ) -> anyhow::Result<()> {
        let event = published_form(stored);
        let envelope = Envelope {
            traceparent: Some(&stored.traceparent),
            causation_id: Some(&stored.causation_id),
            correlation_id: Some(&stored.correlation_id),
            ..event.envelope()
        };
        let timestamp_ms = stored.occurred_at_us.div_euclid(1_000);
        let mut record = out.begin(position, &self.topic, timestamp_ms);
        envelope.tell(|name, value| record.header(name, value.as_bytes()));
        record.key(envelope.subject.as_bytes());
        self.encoder.encode(&event, record.payload())?;
        record.done();
        Ok(())
    }
}

impl Journal for VoucherJournal {
    /// What a row becomes never hangs on others, so a page may end where it holds much, before `limit` rows.
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        for (position, row) in read_journal_after(&self.reader, position, limit)? {
            self.write(position, row, out)?;
        }
        Ok(())
    }

    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(Some(newest_position(&self.reader)?))
    }
}

/// A stored event as it is on the topic.
#[must_use]
pub fn published_form(stored: &StoredEvent) -> VoucherEvent {
    let issued = &stored.issued;
    VoucherEvent {
        event_id: stored.event_id.clone(),
        voucher_id: issued.voucher_id.clone(),
        sequence: stored.sequence,
        occurred_at_us: stored.occurred_at_us,
        state: VoucherState::Issued.as_str().to_owned(),
        campaign_id: issued.campaign_id.clone(),
        customer_id: issued.customer_id.clone(),
        order_id: issued.order_id.clone(),
        value_minor: issued.value_minor,
        currency: issued.currency.clone(),
        minimum_minor: issued.minimum_minor,
        valid_until_us: issued.valid_until_us,
        fact: VoucherFact::VoucherIssued(voucher_events::VoucherIssued {
            issued_for: "order_completed".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
