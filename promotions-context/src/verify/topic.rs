//! The events on the topic of vouchers, and what is there beside them.

use anyhow::Context;
use chassis::kafka::Incoming;
use schemas::registry::RecordReader;
use schemas::{RegistryClient, VoucherEvent};
use tokio::runtime::Handle;

use super::compare::Facts;

/// What is on the topic, read with the schemas that its records say they were written with.
pub struct Topic {
    /// The events.
    pub facts: Facts,
    /// What is no event of ours, one sentence each.
    pub strange: Vec<String>,
    reader: RecordReader<VoucherEvent>,
    runtime: Handle,
}

impl Topic {
    /// One of which nothing was read yet.
    pub fn new(registry: &RegistryClient, runtime: &Handle) -> Self {
        Self {
            facts: Facts::default(),
            strange: Vec::new(),
            reader: RecordReader::new(registry),
            runtime: runtime.clone(),
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When the registry cannot be asked. Never because of the record.
    pub fn take(&mut self, record: &Incoming) -> anyhow::Result<()> {
        let at = format!("{}/{} offset {}", record.topic, record.partition, record.offset);
        let payload = record.payload.as_deref().unwrap_or_default();
        let read = self.runtime.block_on(self.reader.read(payload));
        let read = read.context("the schema of a record cannot be looked up");
        match read.with_context(|| at.clone())? {
            Ok(event) => {
                if record.key.as_deref() != Some(event.voucher_id.as_bytes()) {
                    let id = &event.voucher_id;
                    self.strange.push(format!("{at}: the key is not the id of the voucher {id}"));
                }
                self.facts.add_event(event);
            }
            Err(cause) => self.strange.push(format!("{at}: not a voucher event: {cause}")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
