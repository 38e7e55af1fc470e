//! Publishing without a journal: a handful of records, once, for tools.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::session::{Fencing, Session};
use super::{Outgoing, RelayConfig};
use crate::kafka::settings::KafkaConfig;
use crate::shutdown::Shutdown;

/// How long Kafka may take to answer at all.
const LIMIT: Duration = Duration::from_secs(30);

/// Publishes `rows` in one transaction, as a relay does but with no position: once this returns,
/// every reader will see all of them, a moment later. Fences whoever published under `transactional_id` before. Blocks.
///
/// # Errors
///
/// When Kafka does not answer within 30 seconds or refuses a record. A failure of the commit itself
/// leaves it unknown whether the rows were published.
pub fn publish_once(
    kafka: &KafkaConfig,
    transactional_id: &str,
    rows: &[Outgoing],
) -> anyhow::Result<()> {
    let config = RelayConfig::new(kafka.clone(), transactional_id, "", &[]);
    let session = Session::open(&config, &Shutdown::new())?;
    let begun = Instant::now();
    while let Fencing::NotYet(cause) = session.fence(LIMIT)? {
        if begun.elapsed() > LIMIT {
            bail!("Kafka does not answer at {}: {cause}", kafka.bootstrap);
        }
    }
    session.publish_alone(&rows.iter().collect())
}
