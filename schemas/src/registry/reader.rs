//! Records as they are on a topic, read with the schemas that they say they were written with.

use std::collections::HashSet;
use std::sync::Arc;

use super::{RegistryClient, RegistryError};
use crate::{DecodeError, Decoder, Event};

/// Reads records, whoever wrote them, and asks the registry for their schemas, once for each.
pub struct RecordReader<E> {
    decoder: Decoder<E>,
    registry: RegistryClient,
    missing: HashSet<u32>,
}

impl<E: Event> RecordReader<E> {
    /// One that has asked for nothing yet.
    #[must_use]
    pub fn new(registry: &RegistryClient) -> Self {
        let (decoder, missing) = (Decoder::new(), HashSet::new());
        Self { decoder, registry: registry.clone(), missing }
    }

    /// The record, or why it is none.
    ///
    /// # Errors
    /// When the registry cannot be asked. Never because of the record.
    pub async fn read(&mut self, payload: &[u8]) -> Result<Result<E, String>, RegistryError> {
        if let Err(DecodeError::UnknownSchema(id)) = self.decoder.decode(payload)
            && !self.missing.contains(&id)
        {
            match self.schema(id).await? {
                // A schema that is not ours is remembered, and decoding says so.
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
