//! The journal as integration events: rows of the store → records for Kafka.
//!
//! The relay itself (transactions, position, pauses) is the chassis's; here is what orders say to
//! the world, and nothing of Kafka. Each page of the journal becomes its events, and after the last event of each
//! order in it the state that the order has then, unless its tombstone comes later in it; tombstones stand where
//! they were set. All of it goes into one transaction, so that a reader of the states is never ahead of the events,
//! nor behind.

mod page;
pub mod records;
pub mod shards;
#[cfg(test)]
mod tests;
pub mod times;
mod translate;

use crate::leases::Held;
use crate::store::{Error, Generation, JournalReader, ToPublish, Tombstone};
use anyhow::ensure;
use chassis::backoff::Backoff;
use chassis::kafka::relay::{Journal, Page};
use page::Orders;
use records::{Records, SchemaIds};
use std::time::Duration;
use times::{Memory, Met};
pub use translate::to_event;

/// Between two attempts to read a journal whose database does not answer.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The orders journal as the relay reads it. While its database does not answer, it waits.
pub struct OrderJournal {
    reader: Box<dyn JournalReader>,
    records: Records,
    page: ToPublish,
    memory: Memory,
    /// Up to where it was read: what is remembered holds after that.
    read: i64,
    generation: Generation,
    held: Held,
}

impl OrderJournal {
    /// Publishes what `reader` reads of `generation` with the schemas of these ids, while the lease is `held`.
    ///
    /// # Errors
    /// When a shipped schema cannot be used.
    pub fn new(
        reader: Box<dyn JournalReader>,
        generation: Generation,
        schema_ids: SchemaIds,
        held: Held,
    ) -> anyhow::Result<Self> {
        let (records, page, memory) =
            (Records::new(schema_ids)?, ToPublish::default(), Memory::default());
        Ok(Self { reader, records, page, memory, read: 0, generation, held })
    }

    /// What is known of the orders of a page, which comes after `position`.
    fn orders_of(&mut self, position: i64, page: &ToPublish) -> Result<Orders, Error> {
        let reader = &mut self.reader;
        Orders::of(page, &mut self.memory, |unknown, memory| {
            let known = until_available(|| reader.known_of(unknown, position))?;
            known.rows.iter().for_each(|row| memory.take(row));
            known.tombstones.iter().for_each(|tombstone| memory.bury(tombstone));
            Ok(())
        })
    }

    /// The records of a page, ascending by position.
    fn write(&mut self, page: &mut ToPublish, found: Orders, out: &mut Page) -> anyhow::Result<()> {
        let Orders { mut orders, of_rows, of_tombstones } = found;
        let mut tombstones = page.tombstones.drain(..).zip(of_tombstones).peekable();
        for (row, number) in page.rows.drain(..).zip(of_rows) {
            let position = row.position;
            while let Some((tombstone, of)) = tombstones.next_if(|(it, _)| it.position < position) {
                bury(&self.records, &mut self.memory, &tombstone, out);
                if let Some(number) = of {
                    orders[number].met = Some(Met::Buried);
                }
            }
            let order = &mut orders[number];
            order.met = Met::after(order.met, &row);
            let event = self.records.event(row, out)?;
            if let Some(met) = order.met.filter(|_| order.last == position) {
                self.memory.put(&event.order_id, met);
                if let Met::At(times) = met {
                    self.records.state(position, event, times, out)?;
                }
            }
        }
        for (tombstone, _) in tombstones {
            bury(&self.records, &mut self.memory, &tombstone, out);
        }
        Ok(())
    }
}

fn bury(records: &Records, memory: &mut Memory, tombstone: &Tombstone, out: &mut Page) {
    memory.bury(tombstone);
    records.tombstone(tombstone, out);
}

impl Journal for OrderJournal {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        if position < self.read {
            // What was read since was not published: it is met again.
            self.memory.clear();
        }
        let mut page = std::mem::take(&mut self.page);
        until_available(|| {
            page.rows.clear();
            page.tombstones.clear();
            self.reader.read_to_publish(position, limit, &mut page)
        })?;
        let orders = self.orders_of(position, &page)?;
        self.write(&mut page, orders, out)?;
        self.page = page;
        self.read = out.last_position().unwrap_or(position);
        Ok(())
    }

    fn earlier(&mut self, position: i64, rows: usize) -> anyhow::Result<i64> {
        Ok(until_available(|| self.reader.earlier(position, rows))?)
    }

    fn begin_anew(&mut self) -> anyhow::Result<()> {
        // A generation is opened once Kafka holds positions of the one before.
        let is_whole =
            self.generation.begins_after == 0 && !until_available(|| self.reader.has_archived())?;
        ensure!(
            is_whole,
            "Kafka holds less than was published, no position at all: it was lost and made anew. \
             Run `orders republish` and `orders republish --state`, then start anew"
        );
        Ok(())
    }

    fn newest_gone(&mut self) -> anyhow::Result<i64> {
        Ok(until_available(|| self.reader.newest_gone())?)
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
