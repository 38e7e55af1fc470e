//! What the readers share: questions about partitions and offsets, which errors pass by
//! themselves, and the end of a consumer.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

/// How long the end of a consumer is waited for.
const FAREWELL: Duration = Duration::from_millis(500);

/// The number of partitions of `topic`, asked for at most `limit`.
///
/// # Errors
///
/// When Kafka cannot be reached or the topic does not exist; the text says which and what to do.
pub(super) fn partition_count<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    limit: Duration,
) -> anyhow::Result<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), limit).context("Kafka is away")?;
    let partitions = metadata.topics().iter().find(|known| known.name() == topic);
    match partitions.map(|known| known.partitions().len()) {
        None | Some(0) => Err(anyhow!("topic {topic} is missing: run `topics apply`")),
        Some(count) => Ok(i32::try_from(count)?),
    }
}

/// The first offset and the end of a partition, asked for at most `limit`; the stable end for a
/// `read_committed` consumer.
pub(super) fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    limit: Duration,
) -> anyhow::Result<(i64, i64)> {
    consumer
        .fetch_watermarks(topic, partition, limit)
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

/// Ends a consumer. librdkafka does so only when every request is answered, which takes most of a
/// minute when the broker is away: then that is left to a thread of its own.
pub(super) fn retire<C: ConsumerContext + 'static>(consumer: BaseConsumer<C>) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::Builder::new().name("kafka-close".to_string()).spawn(move || {
        drop(consumer);
        let _ = done.send(());
    });
    if thread.is_ok() {
        let _ = ended.recv_timeout(FAREWELL);
    }
}

/// Connections come and go and librdkafka makes them anew; only what it cannot mend is an error.
pub(super) fn tolerate(error: KafkaError) -> anyhow::Result<()> {
    use RDKafkaErrorCode::{
        AutoOffsetReset, BadMessage, Fatal, OffsetOutOfRange, TopicAuthorizationFailed,
        UnknownPartition, UnknownTopic, UnknownTopicOrPartition,
    };
    match error.rdkafka_error_code() {
        Some(
            AutoOffsetReset
            | BadMessage
            | Fatal
            | OffsetOutOfRange
            | TopicAuthorizationFailed
            | UnknownPartition
            | UnknownTopic
            | UnknownTopicOrPartition,
        ) => Err(anyhow!(error)),
        _ => Ok(()),
    }
}
