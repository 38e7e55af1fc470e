//! Takes a batch of order events: vouchers for completed orders, dead letters for what cannot be
//! read, and the new positions, all in one transaction.

use std::sync::Arc;

use chassis::kafka::Incoming;
use chassis::kafka::consumer::Span;

use super::derive::voucher_id;
use super::taker::{Rules, Taker};
use crate::domain::{CompletedOrder, VoucherIssued, decide};
use crate::store::dead_letters::{StoredDeadLetter, append_dead_letter, is_blocked};
use crate::store::journal::{StoredEvent, append_event};
use crate::store::vouchers::{Insertion, insert_voucher};
use crate::store::{self, Tx, inbox};

/// How many codes are tried for one voucher before that counts as a fault.
const CODES_TRIED: u8 = 8;

/// A record, with what could be made of it.
#[derive(Clone, Debug)]
pub struct ReadRecord {
    /// The record as it came.
    pub origin: Incoming,
    /// What it says.
    pub reading: Reading,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Reading {
    /// An order was completed.
    Completed(CompletedEvent),
    /// Something that promotions takes no interest in, event types of the future included.
    WithoutEffect,
    /// Nothing that can be read, now or later.
    Unreadable {
        /// A stable word for the kind of failure.
        class: &'static str,
        /// What is wrong with it, for people; never a part of the record.
        cause: String,
    },
}

/// The fact that an order was completed, with where it came from.
#[derive(Clone, Debug)]
pub struct CompletedEvent {
    /// The event's id.
    pub event_id: String,
    /// What all events of the same story share.
    pub correlation_id: String,
    /// The trace context of what follows from it.
    pub traceparent: String,
    /// The order.
    pub order: CompletedOrder,
}

/// What became of a batch, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Vouchers issued.
    pub issued: u64,
    /// Events that had their effect before.
    pub repeated: u64,
    /// Events that promotions takes no interest in.
    pub without_effect: u64,
    /// Orders that earned nothing, each with the rejection's code.
    pub rejected: Vec<&'static str>,
    /// Records that were set aside, each with the class of its failure.
    pub dead_letters: Vec<&'static str>,
}

/// Why a batch was not taken. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The batch does not begin where the previous one ended: read the positions again.
    #[error("{topic}/{partition} was not taken up to offset {from}: the positions are read again")]
    OutOfStep {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Where the batch begins.
        from: i64,
    },
    /// No code was free for a voucher.
    #[error("none of {CODES_TRIED} derived codes is free for voucher {voucher_id}")]
    NoFreeCode {
        /// The voucher.
        voucher_id: String,
    },
    /// The database refuses.
    #[error("the database refuses the batch")]
    Store(#[from] store::Error),
}

/// Class of the records that wait behind a dead letter of their key.
pub const WAITS_BEHIND: &str = "waits_behind";

impl Taker {
    /// Takes `records`, which lie within `spans`. Once this returns, their effects and the new
    /// positions survive a crash; if it fails, nothing has happened.
    ///
    /// # Errors
    /// See [`TakeError`].
    pub fn take_batch(
        &mut self,
        spans: &[Span],
        records: Vec<ReadRecord>,
    ) -> Result<Taken, TakeError> {
        let tx = self.writer.begin()?;
        for span in spans {
            if !inbox::advance_position(&tx, &span.topic, span.partition, span.from, span.to)? {
                let topic = Arc::clone(&span.topic);
                return Err(TakeError::OutOfStep {
                    topic,
                    partition: span.partition,
                    from: span.from,
                });
            }
        }
        let mut taken = Taken::default();
        for record in records {
            self.rules.take_record(&tx, record, &mut taken)?;
        }
        tx.commit()?;
        Ok(taken)
    }
}

impl Rules {
    fn take_record(
        &self,
        tx: &Tx<'_>,
        ReadRecord { origin, reading }: ReadRecord,
        taken: &mut Taken,
    ) -> Result<(), TakeError> {
        let blocked = match &origin.key {
            Some(key) => is_blocked(tx, &origin, key)?,
            None => false,
        };
        let (class, cause) = match reading {
            Reading::Unreadable { class, cause } => (class, cause),
            _ if blocked => (WAITS_BEHIND, "an earlier record of this key was set aside".into()),
            Reading::Completed(event) => return self.take_completed(tx, event, taken),
            Reading::WithoutEffect => {
                taken.without_effect += 1;
                return Ok(());
            }
        };
        // Where it is says enough to find it; what is in it stays out of the log.
        tracing::warn!(
            topic = &*origin.topic,
            partition = origin.partition,
            offset = origin.offset,
            class,
            "sets a record aside: {cause}"
        );
        let letter = StoredDeadLetter {
            origin,
            class: class.to_owned(),
            cause,
            attempts: 1,
            first_failed_at_us: self.clock.now_us(),
        };
        if append_dead_letter(tx, &letter)? {
            taken.dead_letters.push(class);
        }
        Ok(())
    }

    fn take_completed(
        &self,
        tx: &Tx<'_>,
        event: CompletedEvent,
        taken: &mut Taken,
    ) -> Result<(), TakeError> {
        let now_us = self.clock.now_us();
        if !inbox::remember_event(tx, &event.event_id, now_us)? {
            taken.repeated += 1;
            return Ok(());
        }
        let id = voucher_id(&self.campaign.id, &event.order.order_id).to_string();
        let issued = match decide(&self.campaign, &event.order, id, now_us) {
            Ok(issued) => issued,
            Err(rejection) => {
                taken.rejected.push(rejection.code());
                return Ok(());
            }
        };
        match self.keep_voucher(tx, &issued)? {
            Insertion::AlreadyIssued => taken.repeated += 1,
            Insertion::CodeTaken => {
                return Err(TakeError::NoFreeCode { voucher_id: issued.voucher_id });
            }
            Insertion::Inserted => {
                let fact = StoredEvent {
                    event_id: self.ids.next().to_string(),
                    sequence: 1,
                    occurred_at_us: now_us,
                    causation_id: event.event_id,
                    correlation_id: event.correlation_id,
                    traceparent: event.traceparent,
                    issued,
                };
                append_event(tx, &fact)?;
                taken.issued += 1;
            }
        }
        Ok(())
    }

    /// Keeps the voucher with the first of its codes that is free.
    fn keep_voucher(&self, tx: &Tx<'_>, issued: &VoucherIssued) -> Result<Insertion, store::Error> {
        for attempt in 0..CODES_TRIED {
            let code = self.key.code(&issued.voucher_id, attempt);
            let kept = insert_voucher(tx, issued, code, &self.key.hash(code))?;
            if kept != Insertion::CodeTaken {
                return Ok(kept);
            }
        }
        Ok(Insertion::CodeTaken)
    }
}

#[cfg(test)]
mod tests;
