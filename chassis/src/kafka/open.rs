//! Which transactions are open: what lies behind the stable end of a partition, before its end.

use super::questions::{Asker, Askers};
use super::refusal::explained;
use super::scan::{Range, scan_ranges};
use super::topic::{once_led, partition_count};
use anyhow::Context as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// How long one question to Kafka may take.
const QUESTION: Duration = Duration::from_secs(5);

/// Between two looks at what is open.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A topic and one of its partitions.
pub(super) type Partition = (String, i32);

/// Every partition of these topics.
pub(super) fn partitions_of<'a>(
    asker: &Asker,
    topics: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<Vec<Partition>> {
    let mut partitions = Vec::new();
    for topic in topics {
        let count = partition_count(asker, topic, QUESTION)?;
        partitions.extend((0..count).map(|partition| (topic.to_owned(), partition)));
    }
    Ok(partitions)
}

/// Those of `partitions` in which a transaction lies open, anybody's: their stable end is not their end.
pub(super) fn open(askers: &Askers, partitions: &[Partition]) -> anyhow::Result<Vec<Partition>> {
    // In this order: what is written in between looks open, never closed.
    let stable = ends(&askers.committed, partitions)?;
    let ends = ends(&askers.uncommitted, partitions)?;
    Ok(before(partitions, &stable, &ends))
}

/// Those of `partitions` in which a transaction lies open and is not ended within `limit`. Others' come
/// and go.
pub(super) fn still_open(
    askers: &Askers,
    partitions: &[Partition],
    limit: Duration,
) -> anyhow::Result<Vec<Partition>> {
    let begun = Instant::now();
    let latest = ends(&askers.uncommitted, partitions)?;
    loop {
        let stable = ends(&askers.committed, partitions)?;
        let open = before(partitions, &stable, &latest);
        if open.is_empty() || begun.elapsed() >= limit {
            return Ok(open);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// When those of `partitions` came to their stable ends: the oldest timestamp of the records there, with each of which a
/// transaction begins that lies open.
pub(super) fn oldest_open(
    askers: &Askers,
    partitions: &[Partition],
) -> anyhow::Result<Option<i64>> {
    let stable = ends(&askers.committed, partitions)?;
    let ends = ends(&askers.uncommitted, partitions)?;
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
        scan_ranges(&askers.uncommitted, topic, &ranges, |read| {
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

/// The end of each partition, or the stable end where the one who asks sees only what is committed.
fn ends(asker: &Asker, partitions: &[Partition]) -> anyhow::Result<Vec<i64>> {
    bounds(asker, partitions, Offset::End)
}

/// The first offset of each partition that it still holds ([`Offset::Beginning`]), or its end as `asker` sees it
/// ([`Offset::End`]).
pub(super) fn bounds(
    asker: &Asker,
    partitions: &[Partition],
    bound: Offset,
) -> anyhow::Result<Vec<i64>> {
    let found = offsets(asker, partitions, bound)?.into_iter().collect::<Option<_>>();
    found.context("Kafka tells no offset of a partition")
}

/// The first offset of each partition at or after a time, milliseconds since the Unix epoch, if there is any; or one of its
/// bounds, for Kafka takes these in the place of a time (ListOffsets). One question to each broker.
pub(super) fn offsets(
    asker: &Asker,
    partitions: &[Partition],
    at: Offset,
) -> anyhow::Result<Vec<Option<i64>>> {
    let mut asked = TopicPartitionList::new();
    for (topic, partition) in partitions {
        asked.add_partition_offset(topic, *partition, at)?;
    }
    let found = once_led(QUESTION, || {
        let answer = asker.offsets_for_times(asked.clone(), QUESTION).map_err(explained)?;
        let mut found = HashMap::new();
        for element in answer.elements() {
            let which = (element.topic().to_owned(), element.partition());
            let told = element.error().map_err(explained);
            told.with_context(|| format!("cannot ask for the offsets of {}/{}", which.0, which.1))?;
            if let Offset::Offset(offset) = element.offset() {
                found.insert(which, offset);
            }
        }
        anyhow::Ok(found)
    })?;
    Ok(partitions.iter().map(|which| found.get(which).copied()).collect())
}
