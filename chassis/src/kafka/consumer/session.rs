//! One Kafka consumer from its assignment to its first trouble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::start::{Held, Start, begin};
use super::{Batch, ConsumerConfig, Incoming, Position, Span};
use crate::kafka::context::Lag;
use crate::kafka::settings::consumer_config;
use crate::kafka::topic::{next_offsets, partition_count, watermarks};

/// How often lag is measured, in milliseconds.
const LAG_EVERY_MS: &str = "5000";

/// Why a session cannot begin.
pub(super) enum Refusal {
    /// Kafka is away or a topic is missing: try again.
    NotYet(anyhow::Error),
    /// The stored positions do not fit the topics.
    Misfit(String),
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::NotYet(error)
    }
}

/// A consumer and where it stands.
pub(super) struct Session {
    consumer: BaseConsumer<Lag>,
    at: Vec<Start>,
    max_records: usize,
    max_wait: Duration,
}

impl Session {
    /// Assigns all partitions of all topics from `stored` on.
    pub(super) fn begin(config: &ConsumerConfig, stored: &[Position]) -> Result<Self, Refusal> {
        let consumer: BaseConsumer<Lag> = consumer_config(&config.kafka, &config.group)
            .set("statistics.interval.ms", LAG_EVERY_MS)
            .create_with_context(Lag { group: config.group.clone() })
            .context("cannot make a consumer")?;
        let mut at = Vec::new();
        for topic in &config.topics {
            let partitions = partition_count(&consumer, topic)?;
            let topic: Arc<str> = topic.as_str().into();
            for partition in 0..partitions {
                let (low, end) = watermarks(&consumer, &topic, partition)?;
                let held = Held { low, end };
                at.push(begin(&topic, partition, stored, held).map_err(Refusal::Misfit)?);
            }
        }
        let session =
            Self { consumer, at, max_records: config.max_records, max_wait: config.max_wait };
        session.assign()?;
        Ok(session)
    }

    fn assign(&self) -> anyhow::Result<()> {
        let mut assignment = TopicPartitionList::with_capacity(self.at.len());
        for start in &self.at {
            let offset = Offset::Offset(start.offset);
            assignment.add_partition_offset(&start.topic, start.partition, offset)?;
        }
        self.consumer.assign(&assignment).context("cannot assign the partitions")
    }

    /// Records as they come: waits up to `patience` for the first, then up to `max_wait` for more.
    ///
    /// # Errors
    ///
    /// When the session cannot go on: begin anew from the stored positions.
    pub(super) fn gather(&mut self, patience: Duration) -> anyhow::Result<Vec<Incoming>> {
        let mut records = Vec::new();
        let mut until = Instant::now() + patience;
        while records.len() < self.max_records {
            let left = until.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                None if left.is_zero() => break,
                None => {}
                Some(Ok(message)) => {
                    if records.is_empty() {
                        until = Instant::now() + self.max_wait;
                    }
                    let topic = self.topic(message.topic());
                    records.push(incoming(&message, topic));
                }
                Some(Err(error)) => tolerate(error)?,
            }
        }
        Ok(records)
    }

    /// Makes a batch of `records` and everything that was passed over up to now.
    pub(super) fn batch(&mut self, records: Vec<Incoming>) -> anyhow::Result<Batch> {
        let mut spans = Vec::new();
        for (topic, partition, to) in next_offsets(&self.consumer)? {
            let known =
                self.at.iter_mut().find(|at| *at.topic == topic && at.partition == partition);
            let at = known.with_context(|| format!("{topic}/{partition} was never assigned"))?;
            if to > at.offset {
                let from = std::mem::replace(&mut at.offset, to);
                spans.push(Span { topic: at.topic.clone(), partition, from, to });
            }
        }
        Ok(Batch { records, spans })
    }

    /// Tells the group's offsets to Kafka, for displays of lag; nothing is ever read from there.
    pub(super) fn show_offsets(&self) -> anyhow::Result<()> {
        let mut offsets = TopicPartitionList::with_capacity(self.at.len());
        for at in &self.at {
            offsets.add_partition_offset(&at.topic, at.partition, Offset::Offset(at.offset))?;
        }
        Ok(self.consumer.commit(&offsets, CommitMode::Async)?)
    }

    fn topic(&self, name: &str) -> Arc<str> {
        let known = self.at.iter().find(|at| *at.topic == *name);
        known.map_or_else(|| name.into(), |at| at.topic.clone())
    }
}

pub(in crate::kafka) fn incoming(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Incoming {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (header.key.to_string(), header.value.unwrap_or_default().to_vec()))
            .collect()
    });
    Incoming {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}

/// Connections come and go and librdkafka makes them anew; only what it cannot mend is an error.
fn tolerate(error: KafkaError) -> anyhow::Result<()> {
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
