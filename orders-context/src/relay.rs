//! The journal as integration events: rows of the store → records for Kafka.
//!
//! The relay itself (transactions, position, pauses) is the chassis's; here is what orders say to
//! the world, and nothing of Kafka. Each page of the journal becomes its events, and after the last event of each
//! order in it the state that the order has then; tombstones stand where they were set. All of it goes into one
//! transaction, so that a reader of the states is never ahead of the events, nor behind.

pub mod records;
pub mod shards;
#[cfg(test)]
mod tests;
pub mod times;
mod translate;

use crate::leases::Held;
use crate::store::{Error, Generation, JournalReader, ToPublish, Tombstone};
use chassis::backoff::Backoff;
use chassis::kafka::Outgoing;
use chassis::kafka::relay::Journal;
use records::{Records, SchemaIds};
use std::collections::{BTreeSet, HashMap};
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

    /// Makes sure that what was read up to `position` is known of every order of the page.
    fn remember(&mut self, position: i64, page: &ToPublish) -> anyhow::Result<()> {
        let is_unknown = |order_id: &str| self.memory.get(order_id).is_none();
        let born = page.rows.iter().filter(|row| row.sequence == 1);
        let born: BTreeSet<&str> = born.map(|row| &*row.order_id).collect();
        let ids = page.rows.iter().map(|row| &*row.order_id);
        let missing = ids.filter(|order_id| is_unknown(order_id) && !born.contains(order_id));
        let missing: Vec<&str> = missing.collect::<BTreeSet<_>>().into_iter().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = until_available(|| self.reader.known_of(&missing, position))?;
        for row in &known.rows {
            self.memory.take(row);
        }
        for tombstone in &known.tombstones {
            self.memory.bury(tombstone);
        }
        Ok(())
    }

    /// The records of a page, ascending by position.
    fn write(&mut self, page: &mut ToPublish, out: &mut Vec<Outgoing>) -> anyhow::Result<()> {
        let mut last: HashMap<String, i64> = HashMap::with_capacity(page.rows.len());
        for row in &page.rows {
            match last.get_mut(&row.order_id) {
                Some(position) => *position = row.position,
                None => drop(last.insert(row.order_id.clone(), row.position)),
            }
        }
        out.reserve(page.rows.len() + last.len() + page.tombstones.len());
        let mut tombstones = page.tombstones.drain(..).peekable();
        for row in page.rows.drain(..) {
            let position = row.position;
            while let Some(tombstone) = tombstones.next_if(|stone| stone.position < position) {
                out.push(bury(&self.records, &mut self.memory, &tombstone));
            }
            let met = self.memory.take(&row);
            let (record, event) = self.records.event(row)?;
            out.push(record);
            let is_last = last.get(&event.order_id) == Some(&position);
            if is_last && let Some(Met::At(times)) = met {
                out.push(self.records.state(position, event, times)?);
            }
        }
        for tombstone in tombstones {
            out.push(bury(&self.records, &mut self.memory, &tombstone));
        }
        Ok(())
    }
}

fn bury(records: &Records, memory: &mut Memory, tombstone: &Tombstone) -> Outgoing {
    memory.bury(tombstone);
    records.tombstone(tombstone)
}

impl Journal for OrderJournal {
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        out: &mut Vec<Outgoing>,
    ) -> anyhow::Result<()> {
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
        self.remember(position, &page)?;
        self.write(&mut page, out)?;
        self.page = page;
        self.read = out.last().map_or(position, |record| record.position);
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
