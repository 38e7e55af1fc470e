//! Transactions that a broker left open although it had ended them.
//!
//! A broker that is killed between deciding on a commit and writing its markers decides anew after
//! its restart, and has been seen to call the transaction complete without having written a single
//! marker (Apache Kafka 4.3.1, one broker). Its rows then lie open before the stable end: no reader
//! sees them, the position in them is not found, and the rows are published again. The markers of the
//! next transaction of the same producer would end both, and everybody would see them twice.
//!
//! So nothing may be open when a relay takes over. What is, is aborted: its position with its rows.

use crate::kafka::context::Plain;
use crate::kafka::settings::{Isolation, KafkaConfig, scan_config};
use crate::kafka::topic::{partition_count, retire, watermarks};
use rdkafka::consumer::BaseConsumer;
use std::time::Duration;

/// How long one question to Kafka may take.
const QUESTION: Duration = Duration::from_secs(5);

/// Whether a transaction lies open in `partition` of `topic`: its stable end is not its end.
pub(super) fn is_open(kafka: &KafkaConfig, topic: &str, partition: i32) -> anyhow::Result<bool> {
    // In this order: what is written in between looks open, never closed.
    let stable = end(kafka, Isolation::Committed, topic, partition)?;
    Ok(stable < end(kafka, Isolation::Uncommitted, topic, partition)?)
}

/// Every partition of `topics`.
pub(super) fn partitions(
    kafka: &KafkaConfig,
    topics: &[String],
) -> anyhow::Result<Vec<(String, i32)>> {
    let consumer: BaseConsumer<Plain> =
        scan_config(kafka, Isolation::Committed).create_with_context(Plain)?;
    let of_topic = |topic: &String| {
        let count = partition_count(&consumer, topic, QUESTION)?;
        Ok((0..count).map(|partition| (topic.clone(), partition)).collect::<Vec<_>>())
    };
    let found = topics.iter().map(of_topic).collect::<anyhow::Result<Vec<_>>>();
    retire(consumer);
    Ok(found?.concat())
}

fn end(
    kafka: &KafkaConfig,
    isolation: Isolation,
    topic: &str,
    partition: i32,
) -> anyhow::Result<i64> {
    let consumer: BaseConsumer<Plain> = scan_config(kafka, isolation).create_with_context(Plain)?;
    let found = watermarks(&consumer, topic, partition, QUESTION);
    retire(consumer);
    Ok(found?.1)
}
