//! Transactions that a broker left open although it had ended them.
//!
//! A broker that is killed between deciding on a commit and writing its markers decides anew after
//! its restart, and has been seen to call the transaction complete without writing those that were
//! missing: in no partition at all, or in some, which readers then see (Apache Kafka 4.3.1, one
//! broker). The rows of the others lie open before the stable end, where no reader comes past them. The
//! markers of the next transaction of the same producer would end them too, as whatever that one ends.
//!
//! So nothing of a relay's own may be open when it has taken over. What is, is aborted; which of its rows
//! are seen all the same is then found out by reading (`readback.rs`).

use super::RelayConfig;
use crate::kafka::open::{Partition, partitions_of};
use crate::kafka::questions::Asker;

/// Every partition that a relay writes to, its positions' own the last.
pub(super) fn partitions(config: &RelayConfig, asker: &Asker) -> anyhow::Result<Vec<Partition>> {
    let mut partitions = partitions_of(asker, config.topics.iter().map(String::as_str))?;
    partitions.push((config.progress_topic.clone(), config.shard));
    Ok(partitions)
}
