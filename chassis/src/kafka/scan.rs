//! Reads a whole topic once, from its first offset to the end it has now: for commands that verify.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::consumer::Incoming;
use super::consumer::incoming;
use super::context::Plain;
use super::open::{partitions_of, still_open};
use super::questions::{Asker, asking, asking_both};
use super::settings::KafkaConfig;
use super::topic::{next_offsets, partition_count, tolerate, watermarks};

pub use super::settings::Isolation;

/// How long nothing may move before the scan gives up, and how long one question may take.
const PATIENCE: Duration = Duration::from_secs(30);
const QUESTION: Duration = Duration::from_secs(10);

/// How many records are read between two looks at where every partition stands.
const LOOK_EVERY: usize = 4_096;

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
    each: impl FnMut(Incoming) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Range>> {
    asking(kafka, isolation, |consumer| {
        let ranges = begin(consumer, topic)?;
        read_to_end(consumer, topic, &ranges, each)?;
        Ok(ranges)
    })
}

/// Shows every record of `topic` within `ranges`, as [`scan`] does. The same client may read others afterwards.
///
/// # Errors
///
/// As [`scan`].
pub(super) fn scan_ranges(
    asker: &Asker,
    topic: &str,
    ranges: &[Range],
    each: impl FnMut(Incoming) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    assign(asker, topic, ranges)?;
    read_to_end(asker, topic, ranges, each)?;
    Ok(asker.unassign()?)
}

/// Waits until readers see every transaction that is ended in `topic` by now: whether that was so within
/// `limit`. A broker answers a commit first and shows it to readers a moment later. Blocks.
///
/// # Errors
///
/// When the topic is missing or Kafka does not answer.
pub fn settles(kafka: &KafkaConfig, topic: &str, limit: Duration) -> anyhow::Result<bool> {
    asking_both(kafka, |askers| {
        let partitions = partitions_of(&askers.committed, [topic])?;
        Ok(still_open(askers, &partitions, limit)?.is_empty())
    })
}

/// What each partition of `topic` holds now. Blocks.
///
/// # Errors
///
/// When the topic is missing or Kafka does not answer.
pub fn ranges(kafka: &KafkaConfig, topic: &str) -> anyhow::Result<Vec<Range>> {
    asking(kafka, Isolation::Committed, |consumer| begin(consumer, topic))
}

/// Assigns what there is to read.
fn begin(consumer: &BaseConsumer<Plain>, topic: &str) -> anyhow::Result<Vec<Range>> {
    let mut ranges = Vec::new();
    for partition in 0..partition_count(consumer, topic, QUESTION)? {
        let (low, high) = watermarks(consumer, topic, partition, QUESTION)?;
        ranges.push(Range { partition, low, high });
    }
    assign(consumer, topic, &ranges)?;
    Ok(ranges)
}

fn assign(consumer: &BaseConsumer<Plain>, topic: &str, ranges: &[Range]) -> anyhow::Result<()> {
    let mut assignment = TopicPartitionList::new();
    for Range { partition, low, high } in ranges {
        if low < high {
            assignment.add_partition_offset(topic, *partition, Offset::Offset(*low))?;
        }
    }
    Ok(consumer.assign(&assignment)?)
}

fn read_to_end(
    consumer: &BaseConsumer<Plain>,
    topic: &str,
    ranges: &[Range],
    mut each: impl FnMut(Incoming) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name: Arc<str> = topic.into();
    let is_open = |range: &&Range| range.low < range.high;
    let mut open: HashMap<i32, i64> =
        ranges.iter().filter(is_open).map(|range| (range.partition, range.high)).collect();
    let (mut moved, mut until_look) = (Instant::now(), LOOK_EVERY);
    while !open.is_empty() {
        until_look -= 1;
        match consumer.poll(Duration::from_millis(20)) {
            // What was assigned before is no longer of interest.
            Some(Ok(message)) if message.topic() != topic => {}
            Some(Ok(message)) => {
                moved = Instant::now();
                let record = incoming(&message, Arc::clone(&name));
                if open.get(&record.partition).is_some_and(|high| record.offset < *high) {
                    each(record)?;
                }
            }
            Some(Err(error)) => tolerate(error)?,
            None => until_look = 0,
        }
        // Asking at every record where the partitions stand would cost more than reading them.
        if until_look == 0 {
            until_look = LOOK_EVERY;
            for (_, partition, next) in next_offsets(consumer)? {
                if open.get(&partition).is_some_and(|high| next >= *high) {
                    open.remove(&partition);
                }
            }
            ensure!(moved.elapsed() < PATIENCE, "{topic} could not be read to its end in time");
        }
    }
    Ok(())
}
