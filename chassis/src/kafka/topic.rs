//! Small questions about topics: partitions, first and last offsets, where a consumer stands.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::topic_partition_list::Offset;

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);

/// The number of partitions of `topic`.
///
/// # Errors
///
/// When Kafka cannot be reached or the topic does not exist; the text says which and what to do.
pub(super) fn partition_count<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
) -> anyhow::Result<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), QUESTION).context("Kafka is away")?;
    let partitions = metadata.topics().iter().find(|known| known.name() == topic);
    match partitions.map(|known| known.partitions().len()) {
        None | Some(0) => Err(anyhow!("topic {topic} is missing: run `topics apply`")),
        Some(count) => Ok(i32::try_from(count)?),
    }
}

/// The first offset and the end of a partition; the stable end for a `read_committed` consumer.
pub(super) fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> anyhow::Result<(i64, i64)> {
    consumer
        .fetch_watermarks(topic, partition, QUESTION)
        .with_context(|| format!("cannot ask for the offsets of {topic}/{partition}"))
}

/// Where the consumer stands in each partition, control records counted. Partitions of which
/// nothing was read yet are left out.
pub(super) fn next_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
) -> anyhow::Result<Vec<(String, i32, i64)>> {
    let positions = consumer.position()?;
    Ok(positions
        .elements()
        .iter()
        .filter_map(|element| match element.offset() {
            Offset::Offset(offset) => {
                Some((element.topic().to_string(), element.partition(), offset))
            }
            _ => None,
        })
        .collect())
}
