//! Taking a relay's place for a while, for tools that write where it writes.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::progress::{Progress, find_progress};
use super::session::{Fencing, Session};
use super::{Page, RelayConfig};
use crate::kafka::open::open;
use crate::kafka::questions::asking_both;
use crate::shutdown::Shutdown;

/// How long Kafka may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Fences the relay that `config` describes and writes its position anew, unchanged, as `owner`'s: the position, or
/// `otherwise` where Kafka holds none. Until another's name stands there, no relay has taken over since; one that does
/// writes its own before it publishes, and one that was running refuses to go on. Blocks.
///
/// # Errors
///
/// When Kafka does not answer within 30 seconds, or a broker has left a transaction of the relay open.
pub fn claim(config: &RelayConfig, owner: &str, otherwise: i64) -> anyhow::Result<i64> {
    let session = Session::open(config, &Shutdown::new())?;
    let begun = Instant::now();
    while let Fencing::NotYet(cause) = session.fence(LIMIT)? {
        if begun.elapsed() > LIMIT {
            bail!("Kafka does not answer at {}: {cause}", config.kafka.bootstrap);
        }
    }
    let (topic, shard) = (&config.progress_topic, config.shard);
    ensure!(
        asking_both(&config.kafka, |askers| open(askers, &[(topic.clone(), shard)]))?.is_empty(),
        "a transaction of {} lies open: let the relay run once, it ends it",
        config.transactional_id
    );
    let found = find_progress(&config.kafka, topic, shard, &config.key())?;
    let unchanged = found.unwrap_or(Progress::new(otherwise, otherwise, owner)).by(owner);
    session.publish(&Page::default(), &unchanged)?;
    Ok(unchanged.position)
}
