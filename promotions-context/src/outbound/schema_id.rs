//! The id that stands in front of our messages: asked for at the registry, kept in the store, so
//! that a restart does not need the registry.

use std::time::Duration;

use anyhow::bail;
use chassis::backoff::Backoff;
use chassis::http::Check;
use chassis::shutdown::Shutdown;
use schemas::registry::RegistryError;
use schemas::{RegistryClient, topics};

use crate::store::Writer;
use crate::store::inbox::has_positions;
use crate::store::registry::{keep_schema_id, read_schema_id};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Where the id may be found.
pub struct SchemaIdSource {
    /// The registry, which knows it for certain.
    pub registry: RegistryClient,
    /// Where it is kept once known.
    pub writer: Writer,
    /// Whether it is known, for `/readyz`.
    pub ready: Check,
}

/// The id of the schema that vouchers' events are written with. The registry has the last word; if
/// it is away, the id it gave before does; without either this waits. `None` when `shutdown` came
/// first.
///
/// # Errors
/// The registry answers that the schema is not registered, or cannot be asked at all.
pub async fn wait_for_schema_id(
    mut source: SchemaIdSource,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<u32>> {
    let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let subject = topics::VOUCHER_EVENTS_VALUE;
    let mut attempt = 0;
    loop {
        let asked = source.registry.id_of(subject.name, subject.latest());
        let answer = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(None),
            answer = asked => answer,
        };
        match answer {
            Ok(registered) => {
                let tx = source.writer.begin()?;
                keep_schema_id(&tx, subject.name, subject.latest(), registered.id)?;
                tx.commit()?;
                source.ready.ready();
                return Ok(Some(registered.id));
            }
            Err(RegistryError::NotFound { .. }) => bail!(
                "the registry does not know the schema of {}: run `promotions schemas apply`",
                topics::VOUCHER_EVENTS.name
            ),
            Err(error) if !error.is_transient() => return Err(error.into()),
            Err(error) => {
                // Without positions everything begins anew, perhaps with a registry that gives its ids anew.
                let tx = source.writer.begin()?;
                let kept = match has_positions(&tx)? {
                    true => read_schema_id(&tx, subject.name, subject.latest())?,
                    false => None,
                };
                drop(tx);
                if let Some(id) = kept {
                    tracing::warn!(schema.id = id, "using the schema id of last time: {error}");
                    source.ready.ready();
                    return Ok(Some(id));
                }
                source.ready.not_ready(format!("the id of our own schema is unknown: {error}"));
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(backoff.delay(attempt)) => attempt = attempt.saturating_add(1),
        }
    }
}
