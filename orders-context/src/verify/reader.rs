//! Records as they are on a topic, read with the schemas that they say they were written with.

use anyhow::Context;
use schemas::registry::{RegistryClient, RegistryError};
use schemas::{DecodeError, Decoder, Event};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Reads records and asks the registry for their schemas, once for each.
pub(super) struct Reader<E> {
    decoder: Decoder<E>,
    registry: RegistryClient,
    runtime: Handle,
    missing: HashSet<u32>,
}

impl<E: Event> Reader<E> {
    /// One that has asked for nothing yet.
    pub(super) fn new(registry: &RegistryClient, runtime: &Handle) -> Self {
        Self {
            decoder: Decoder::new(),
            registry: registry.clone(),
            runtime: runtime.clone(),
            missing: HashSet::new(),
        }
    }

    /// The record, or why it is none.
    ///
    /// # Errors
    /// When the registry cannot be asked. Never because of the record.
    pub(super) fn read(&mut self, payload: &[u8]) -> anyhow::Result<Result<E, String>> {
        if let Err(DecodeError::UnknownSchema(id)) = self.decoder.decode(payload)
            && !self.missing.contains(&id)
        {
            let schema = self.runtime.block_on(self.schema(id));
            match schema.context("the schema of a record cannot be looked up")? {
                // A schema that is not ours is remembered, and the next call says so.
                Some(schema) => drop(self.decoder.add(id, &schema)),
                None => drop(self.missing.insert(id)),
            }
        }
        Ok(self.decoder.decode(payload).map_err(|error| match error {
            DecodeError::UnknownSchema(id) => format!("the registry has no schema {id}"),
            other => other.to_string(),
        }))
    }

    /// The schema of this id. That there is none is believed of a registry that knows ours: one at the wrong
    /// address knows nothing at all.
    async fn schema(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        match self.registry.schema_by_id(id).await {
            Ok(schema) => Ok(Some(schema)),
            Err(RegistryError::NotFound { .. }) => {
                self.registry.id_of(E::SUBJECT.name, E::SUBJECT.latest()).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
