//! What the readers share: questions about partitions and offsets, which errors pass by
//! themselves, and the end of a consumer.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::refusal::{Refusals, explained};

/// How many of the things that a client has to tell are heard, to find out why it was not let in.
const HEARD: usize = 64;

/// Between two questions to partitions without a leader.
const LED_AGAIN: Duration = Duration::from_millis(100);

/// How long the end of a consumer is waited for.
const FAREWELL: Duration = Duration::from_millis(500);

/// The number of partitions of `topic`, asked for at most `limit`. Of a consumer that is assigned nothing yet.
///
/// # Errors
///
/// When Kafka cannot be reached or refuses, or the topic does not exist; the text says which and what to do.
pub(super) fn partition_count<C: ConsumerContext + AsRef<Refusals>>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    limit: Duration,
) -> anyhow::Result<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), limit).map_err(|error| {
        hear(consumer);
        let context: &C = consumer.context();
        context.as_ref().or(anyhow!(error).context("Kafka is away"))
    })?;
    let known = metadata.topics().iter().find(|known| known.name() == topic);
    let denied = known.and_then(|known| known.error()).map(RDKafkaErrorCode::from);
    if denied == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
        let denied = KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed);
        return Err(explained(denied).context(format!("topic {topic} cannot be seen")));
    }
    match known.map(|known| known.partitions().len()) {
        None | Some(0) => Err(anyhow!("topic {topic} is missing: run `topics apply`")),
        Some(count) => Ok(i32::try_from(count)?),
    }
}

/// Hears what the client has to tell of itself: why it was not let in. Only before it is assigned anything,
/// for records would be lost.
pub(super) fn hear<C: ConsumerContext>(consumer: &BaseConsumer<C>) {
    for _ in 0..HEARD {
        drop(consumer.poll(Duration::ZERO));
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
    once_led(limit, || {
        consumer
            .fetch_watermarks(topic, partition, limit)
            .map_err(explained)
            .with_context(|| format!("cannot ask for the offsets of {topic}/{partition}"))
    })
}

/// The answer of `ask`, which is asked again, at most for `limit`, while a partition has no leader or another one than
/// the client knows: behind the restart of a broker that passes by itself.
pub(super) fn once_led<T>(
    limit: Duration,
    mut ask: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        match ask() {
            Err(error) if is_without_leader(&error) && begun.elapsed() < limit => {
                std::thread::sleep(LED_AGAIN);
            }
            answer => return answer,
        }
    }
}

fn is_without_leader(error: &anyhow::Error) -> bool {
    use RDKafkaErrorCode::{
        FencedLeaderEpoch, LeaderNotAvailable, NotLeaderForPartition, OffsetNotAvailable,
        UnknownLeaderEpoch,
    };
    let said = error.downcast_ref::<KafkaError>().and_then(KafkaError::rdkafka_error_code);
    matches!(
        said,
        Some(
            FencedLeaderEpoch
                | LeaderNotAvailable
                | NotLeaderForPartition
                | OffsetNotAvailable
                | UnknownLeaderEpoch
        )
    )
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
    let _ = leave(consumer).recv_timeout(FAREWELL);
}

/// The same without waiting: tells of the end when it has come.
pub(super) fn leave<C: ConsumerContext + 'static>(
    consumer: BaseConsumer<C>,
) -> mpsc::Receiver<Infallible> {
    let (open, ended) = mpsc::channel();
    // Where there are no more threads it ends here.
    let _ = std::thread::Builder::new().name("kafka-close".to_string()).spawn(move || {
        drop(consumer);
        drop(open);
    });
    ended
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
        ) => Err(explained(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_partition_without_a_leader_is_asked_again() {
        let refused = |code| Err(explained(KafkaError::MetadataFetch(code)).context("refused"));
        let (moved, unknown) =
            (RDKafkaErrorCode::NotLeaderForPartition, RDKafkaErrorCode::UnknownTopicOrPartition);
        for (code, limit, asked) in
            [(moved, LED_AGAIN * 50, 3), (moved, Duration::ZERO, 1), (unknown, LED_AGAIN * 50, 1)]
        {
            let mut times = 0;
            let answer = once_led(limit, || {
                times += 1;
                if times == 3 { Ok(()) } else { refused(code) }
            });
            assert_eq!((times, answer.is_ok()), (asked, asked == 3), "{code:?} for {limit:?}");
        }
    }
}
