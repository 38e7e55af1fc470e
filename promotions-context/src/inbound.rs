//! Order events in: reads what the orders context publishes and hands it to the app, batch by
//! batch. The inbox decides nothing about vouchers; it decides what can be read.

mod metrics;
mod reader;

use std::collections::HashSet;

use chassis::kafka::cluster::FindCluster;
use chassis::kafka::consumer::{Batch, Failure, Inbox, Position};
use chassis::signal::Signal;

use crate::app::{BindError, ReadRecord, TakeError, Taker};

pub use reader::{FetchSchema, FetchedSchema, OrderReader};

/// The consumer's name: of its lag, and of its dead-letter topic.
pub const GROUP: &str = "promotions";

/// The inbox of order events.
pub struct OrderInbox {
    /// Which cluster the records are of.
    pub find_cluster: FindCluster,
    /// What is made of records.
    pub reader: OrderReader,
    /// Who acts upon them.
    pub taker: Taker,
    /// Given when the database is bound to the cluster.
    pub bound: Signal,
    /// Wakes the relay when there is something to publish.
    pub journal_grew: Signal,
}

impl Inbox for OrderInbox {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        // Asked for each time: the cluster behind an address may have been made anew.
        let cluster = (self.find_cluster)().map_err(Failure::Retry)?;
        self.taker.bind_cluster(&cluster).map_err(|error| match error {
            BindError::Foreign { .. } => Failure::Fatal(error.into()),
            BindError::Store(_) => Failure::Retry(error.into()),
        })?;
        self.bound.notify();
        self.taker.positions().map_err(|error| Failure::Retry(error.into()))
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        // Asked for once a batch: a flood of strange messages must not flood the registry.
        let mut missing = HashSet::new();
        let mut records = Vec::with_capacity(batch.records.len());
        for origin in batch.records {
            let reading = self.reader.read(&origin, &mut missing).map_err(Failure::Retry)?;
            records.push(ReadRecord { origin, reading });
        }
        let taken = self.taker.take_batch(&batch.spans, records).map_err(|error| match error {
            TakeError::NoFreeCode { .. } => Failure::Fatal(error.into()),
            TakeError::OutOfStep { .. } | TakeError::Store(_) => Failure::Retry(error.into()),
        })?;
        metrics::record(&taken);
        if taken.issued > 0 || !taken.dead_letters.is_empty() {
            self.journal_grew.notify();
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Failure> {
        self.taker.forget_events().map_err(|error| Failure::Retry(error.into()))?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
