//! Reads a whole topic once, from its first offset to the end it has now: for commands that verify.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::consumer::Incoming;
use super::consumer::incoming;
use super::context::Plain;
use super::settings::{KafkaConfig, scan_config};
use super::topic::{next_offsets, partition_count, watermarks};

pub use super::settings::Isolation;

/// How long nothing may move before the scan gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The offsets of one partition that were scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The partition.
    pub partition: i32,
    /// The first offset that the partition still holds.
    pub low: i64,
    /// The end, exclusive: under [`Isolation::Committed`] the last stable offset, before the oldest
    /// open transaction.
    pub high: i64,
}

/// Shows every record of `topic` to `each`, those of a partition in order, up to the end as it is
/// when the scan begins. Blocks.
///
/// # Errors
///
/// What `each` returns, at once; and when the topic is missing or Kafka stays away for 30 seconds.
pub fn scan(
    kafka: &KafkaConfig,
    topic: &str,
    isolation: Isolation,
    mut each: impl FnMut(Incoming) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Range>> {
    let consumer: BaseConsumer<Plain> = scan_config(kafka, isolation).create_with_context(Plain)?;
    let mut ranges = Vec::new();
    let mut assignment = TopicPartitionList::new();
    let mut open: HashMap<i32, i64> = HashMap::new();
    for partition in 0..partition_count(&consumer, topic)? {
        let (low, high) = watermarks(&consumer, topic, partition)?;
        ranges.push(Range { partition, low, high });
        if low < high {
            assignment.add_partition_offset(topic, partition, Offset::Offset(low))?;
            open.insert(partition, high);
        }
    }
    consumer.assign(&assignment)?;
    let topic: Arc<str> = topic.into();
    let mut moved = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(20)) {
            Some(message) => {
                let record = incoming(&message?, topic.clone());
                moved = Instant::now();
                if ranges.iter().any(|r| r.partition == record.partition && record.offset < r.high)
                {
                    each(record)?;
                }
            }
            // Only when nothing waits is it worth asking where every partition stands.
            None => {
                for (_, partition, next) in next_offsets(&consumer)? {
                    if open.get(&partition).is_some_and(|high| next >= *high) {
                        open.remove(&partition);
                    }
                }
                ensure!(moved.elapsed() < PATIENCE, "{topic} could not be read to its end in time");
            }
        }
    }
    Ok(ranges)
}
