//! The events on the topic of vouchers, and what is there beside them.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use chassis::kafka::Incoming;
use schemas::topics::VOUCHER_EVENTS_VALUE;
use schemas::{DecodeError, Decoder, RegistryClient, RegistryError, VoucherEvent};
use tokio::runtime::Handle;

use super::compare::Facts;

/// What is on the topic, read with the schemas that its records say they were written with.
pub struct Topic {
    /// The events.
    pub facts: Facts,
    /// What is no event of ours, one sentence each.
    pub strange: Vec<String>,
    decoder: Decoder<VoucherEvent>,
    registry: RegistryClient,
    runtime: Handle,
    missing: HashSet<u32>,
}

impl Topic {
    /// One of which nothing was read yet.
    pub fn new(registry: &RegistryClient, runtime: &Handle) -> Self {
        Self {
            facts: Facts::default(),
            strange: Vec::new(),
            decoder: Decoder::new(),
            registry: registry.clone(),
            runtime: runtime.clone(),
            missing: HashSet::new(),
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When the registry cannot be asked. Never because of the record.
    pub fn take(&mut self, record: &Incoming) -> anyhow::Result<()> {
        let at = format!("{}/{} offset {}", record.topic, record.partition, record.offset);
        let payload = record.payload.as_deref().unwrap_or_default();
        self.learn(payload).with_context(|| at.clone())?;
        match self.decoder.decode(payload) {
            Ok(event) => {
                if record.key.as_deref() != Some(event.voucher_id.as_bytes()) {
                    let id = &event.voucher_id;
                    self.strange.push(format!("{at}: the key is not the id of the voucher {id}"));
                }
                self.facts.add_event(event);
            }
            Err(DecodeError::UnknownSchema(id)) => {
                self.strange.push(format!("{at}: the registry has no schema {id}"));
            }
            Err(error) => self.strange.push(format!("{at}: not a voucher event: {error}")),
        }
        Ok(())
    }

    /// Asks for the schema of a record, once for each.
    fn learn(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        if let Err(DecodeError::UnknownSchema(id)) = self.decoder.decode(payload)
            && !self.missing.contains(&id)
        {
            let schema = self.runtime.block_on(self.schema(id));
            match schema.context("the schema of a record cannot be looked up")? {
                // A schema that is not ours is remembered, and decoding says so.
                Some(schema) => drop(self.decoder.add(id, &schema)),
                None => drop(self.missing.insert(id)),
            }
        }
        Ok(())
    }

    /// The schema of this id. That there is none is believed of a registry that knows ours: one at the wrong
    /// address knows nothing at all.
    async fn schema(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        match self.registry.schema_by_id(id).await {
            Ok(schema) => Ok(Some(schema)),
            Err(RegistryError::NotFound { .. }) => {
                let ours = VOUCHER_EVENTS_VALUE;
                self.registry.id_of(ours.name, ours.latest()).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
