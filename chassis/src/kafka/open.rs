//! Which transactions are open: what lies behind the stable end of a partition, before its end.

use super::context::Plain;
use super::scan::{Range, scan_ranges};
use super::settings::{Isolation, KafkaConfig, scan_config};
use super::topic::{partition_count, retire, watermarks};
use rdkafka::consumer::BaseConsumer;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one question to Kafka may take.
const QUESTION: Duration = Duration::from_secs(5);

/// Between two looks at what is open.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A topic and one of its partitions.
pub(super) type Partition = (String, i32);

/// Every partition of these topics.
pub(super) fn partitions_of<'a>(
    kafka: &KafkaConfig,
    topics: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<Vec<Partition>> {
    asking(kafka, Isolation::Committed, |consumer| {
        let mut partitions = Vec::new();
        for topic in topics {
            let count = partition_count(consumer, topic, QUESTION)?;
            partitions.extend((0..count).map(|partition| (topic.to_owned(), partition)));
        }
        Ok(partitions)
    })
}

/// Those of `partitions` in which a transaction lies open, anybody's: their stable end is not their end.
pub(super) fn open(
    kafka: &KafkaConfig,
    partitions: &[Partition],
) -> anyhow::Result<Vec<Partition>> {
    // In this order: what is written in between looks open, never closed.
    let stable = ends(kafka, Isolation::Committed, partitions)?;
    let ends = ends(kafka, Isolation::Uncommitted, partitions)?;
    Ok(before(partitions, &stable, &ends))
}

/// Those of `partitions` in which a transaction lies open and is not ended within `limit`. Others' come
/// and go.
pub(super) fn still_open(
    kafka: &KafkaConfig,
    partitions: &[Partition],
    limit: Duration,
) -> anyhow::Result<Vec<Partition>> {
    let begun = Instant::now();
    let ends = ends(kafka, Isolation::Uncommitted, partitions)?;
    asking(kafka, Isolation::Committed, |consumer| {
        loop {
            let stable = each_end(consumer, partitions)?;
            let open = before(partitions, &stable, &ends);
            if open.is_empty() || begun.elapsed() >= limit {
                return Ok(open);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    })
}

/// When those of `partitions` came to their stable ends: the oldest timestamp of the records there, with each of which a
/// transaction begins that lies open.
pub(super) fn oldest_open(
    kafka: &KafkaConfig,
    partitions: &[Partition],
) -> anyhow::Result<Option<i64>> {
    let stable = ends(kafka, Isolation::Committed, partitions)?;
    let ends = ends(kafka, Isolation::Uncommitted, partitions)?;
    let mut ranges: BTreeMap<&str, Vec<Range>> = BTreeMap::new();
    for ((topic, partition), (low, high)) in partitions.iter().zip(stable.into_iter().zip(ends)) {
        ranges.entry(topic).or_default().push(Range {
            partition: *partition,
            low,
            high: high.min(low + 1),
        });
    }
    let mut oldest = None;
    for (topic, ranges) in ranges {
        scan_ranges(kafka, topic, Isolation::Uncommitted, &ranges, |read| {
            // One that does not say when it was written may be older than any.
            let since_ms = read.timestamp_ms.unwrap_or(0);
            let known = oldest.get_or_insert(since_ms);
            *known = since_ms.min(*known);
            Ok(())
        })?;
    }
    Ok(oldest)
}

/// Those of `partitions` whose stable ends lie before their ends.
fn before(partitions: &[Partition], stable: &[i64], ends: &[i64]) -> Vec<Partition> {
    let each = partitions.iter().zip(stable.iter().zip(ends));
    each.filter(|(_, (stable, end))| stable < end).map(|(which, _)| which.clone()).collect()
}

/// The end of each partition, or the stable end.
fn ends(
    kafka: &KafkaConfig,
    isolation: Isolation,
    partitions: &[Partition],
) -> anyhow::Result<Vec<i64>> {
    asking(kafka, isolation, |consumer| each_end(consumer, partitions))
}

fn each_end(consumer: &BaseConsumer<Plain>, partitions: &[Partition]) -> anyhow::Result<Vec<i64>> {
    let end =
        |(topic, partition): &Partition| Ok(watermarks(consumer, topic, *partition, QUESTION)?.1);
    partitions.iter().map(end).collect()
}

/// What `ask` finds out with a client of its own.
pub(super) fn asking<T>(
    kafka: &KafkaConfig,
    isolation: Isolation,
    ask: impl FnOnce(&BaseConsumer<Plain>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let consumer: BaseConsumer<Plain> =
        scan_config(kafka, isolation).create_with_context(Plain::default())?;
    let found = ask(&consumer);
    retire(consumer);
    found
}
