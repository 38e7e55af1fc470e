//! What a schema id means.

use std::sync::Arc;

use async_trait::async_trait;
use schemas::registry::{RegistryClient, RegistryError};
use schemas::topics::Subject;

/// Knows schemas by id.
#[async_trait]
pub trait SchemaLookup: Send + Sync + 'static {
    /// The schema of an id; `None` when it is certain that there is none.
    ///
    /// # Errors
    /// When it cannot be told now: an outage, or a registry that is not the right one. Records
    /// must wait then and not be set aside.
    async fn schema(&self, id: u32) -> anyhow::Result<Option<Arc<str>>>;
}

/// Asks the registry.
pub struct RegistryLookup {
    registry: RegistryClient,
    /// What any registry of this system knows.
    known: Subject,
}

impl RegistryLookup {
    /// Looks up in a registry that must know (a version of) this subject to be believed when it
    /// says that it does not know something else.
    pub fn new(registry: RegistryClient, known: Subject) -> Self {
        Self { registry, known }
    }

    /// Whether this is the registry the producers use. An empty one, or a wrong path in its
    /// address, would not know a single schema, and nothing could be read.
    async fn is_ours(&self) -> Result<bool, RegistryError> {
        for version in self.known.versions {
            match self.registry.id_of(self.known.name, version).await {
                Ok(_) => return Ok(true),
                Err(RegistryError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl SchemaLookup for RegistryLookup {
    async fn schema(&self, id: u32) -> anyhow::Result<Option<Arc<str>>> {
        match self.registry.schema_by_id(id).await {
            Ok(schema) => Ok(Some(schema)),
            Err(RegistryError::NotFound { .. }) if self.is_ours().await? => Ok(None),
            Err(RegistryError::NotFound { .. }) => anyhow::bail!(
                "the schema registry knows neither schema {id} nor any of {}: check \
                 SCHEMA_REGISTRY_URL, and that the schemas were applied",
                self.known.name
            ),
            Err(error) => Err(error.into()),
        }
    }
}
