//! The schemas that others write with: from the store, else from the registry.

use std::sync::Arc;

use chassis::shutdown::{Shutdown, answered};
use schemas::registry::RegistryError;
use schemas::{RegistryClient, topics};
use tokio::runtime::Handle;

use crate::inbound::{FetchSchema, FetchedSchema};
use crate::store::Writer;
use crate::store::registry::{keep_schema, read_schema};

/// Finds schemas by id, on a thread that may block. What the registry said once is kept through
/// `writer`, so that after a restart known events can be read without it.
///
/// A registry at the wrong address answers "not found" to everything, and a record is set aside on
/// that word: so it is believed only from a registry that knows our own schema.
///
/// Once `stop` is given, nobody waits for it for more than a moment.
pub fn fetch(
    registry: RegistryClient,
    mut writer: Writer,
    runtime: Handle,
    stop: Shutdown,
) -> FetchSchema {
    Box::new(move |id| {
        if let Some(kept) = read_schema(&writer.begin()?, id)? {
            return Ok(FetchedSchema::Known(kept.into()));
        }
        let asked = async { Ok(ask(&registry, id).await?) };
        let Some(schema) = runtime.block_on(answered(&stop, asked))? else {
            return Ok(FetchedSchema::Missing);
        };
        let tx = writer.begin()?;
        keep_schema(&tx, id, &schema)?;
        tx.commit()?;
        Ok(FetchedSchema::Known(schema))
    })
}

async fn ask(registry: &RegistryClient, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
    match registry.schema_by_id(id).await {
        Ok(schema) => Ok(Some(schema)),
        Err(RegistryError::NotFound { .. }) => {
            let ours = topics::VOUCHER_EVENTS_VALUE;
            registry.id_of(ours.name, ours.latest()).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
