//! One Kafka consumer from its assignment to its first trouble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::lags::Lags;
use super::start::{Held, Start, begin};
use super::{Batch, ConsumerConfig, Incoming, Position, Span};
use crate::kafka::context::Lag;
use crate::kafka::headers::received;
use crate::kafka::refusal::Refusals;
use crate::kafka::settings::consumer_config;
use crate::kafka::topic::{next_offsets, partition_count, retire, tolerate, watermarks};

/// How long one question may take, and thereby a stop.
const QUESTION: Duration = Duration::from_secs(2);

/// How often Kafka is asked whether it is back.
const KNOCK_EVERY: Duration = Duration::from_millis(500);

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
    /// Since when no broker could be reached, or when that was last asked.
    away: Option<Instant>,
    was_away: bool,
}

impl Session {
    /// Assigns all partitions of all topics from `stored` on.
    pub(super) fn begin(
        config: &ConsumerConfig,
        stored: &[Position],
        lags: &Arc<Lags>,
    ) -> Result<Self, Refusal> {
        let consumer: BaseConsumer<Lag> = consumer_config(&config.kafka, &config.group)
            .set("statistics.interval.ms", LAG_EVERY_MS)
            .create_with_context(Lag { lags: Arc::clone(lags), refusals: Refusals::default() })
            .context("cannot make a consumer")?;
        match assign(&consumer, &config.topics, stored) {
            Ok(at) => Ok(Self {
                consumer,
                at,
                max_records: config.max_records,
                max_wait: config.max_wait,
                away: None,
                was_away: false,
            }),
            Err(refusal) => {
                retire(consumer);
                Err(refusal)
            }
        }
    }

    /// Ends the session.
    pub(super) fn end(self) {
        retire(self.consumer);
    }

    /// Whether no broker can be reached. While that is so it asks anew, which blocks for a while.
    pub(super) fn is_away(&mut self) -> bool {
        if self.away.is_some_and(|asked| asked.elapsed() > KNOCK_EVERY) {
            let answer = self.consumer.fetch_metadata(Some(&self.at[0].topic), KNOCK_EVERY);
            self.away = answer.err().map(|_| Instant::now());
        }
        self.away.is_some()
    }

    /// Whether this is still the Kafka that the session began with, as far as is known.
    ///
    /// # Errors
    ///
    /// It was away and has come back: it may be another one, so nothing more is read of it before the inbox has looked.
    pub(super) fn not_back(&self) -> anyhow::Result<()> {
        ensure!(!self.was_away || self.away.is_some(), "Kafka was away and has come back");
        Ok(())
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
                    self.away = None;
                    self.not_back()?;
                    if records.is_empty() {
                        until = Instant::now() + self.max_wait;
                    }
                    let topic = self.topic(message.topic());
                    records.push(incoming(&message, topic));
                }
                Some(Err(error)) => {
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
                        self.away.get_or_insert_with(Instant::now);
                        self.was_away = true;
                    }
                    tolerate(error)?;
                }
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

    /// Whether it stands beyond where this batch of a partition began, or reads that partition no more.
    pub(super) fn is_beyond(&self, span: &Span) -> bool {
        let read = self.at.iter().filter(|at| at.partition == span.partition);
        read.filter(|at| at.topic == span.topic).all(|at| at.offset > span.from)
    }

    /// Tells the group's offsets to Kafka, for displays of lag; nothing is ever read from there.
    pub(super) fn show_offsets(&self) -> anyhow::Result<()> {
        let mut offsets = TopicPartitionList::with_capacity(self.at.len());
        for at in &self.at {
            offsets.add_partition_offset(&at.topic, at.partition, Offset::Offset(at.offset))?;
        }
        Ok(self.consumer.commit(&offsets, CommitMode::Async)?)
    }

    /// Looks for partitions that were added since the session began. When Kafka does not answer, there are
    /// none yet; those that are gone are told of by the client itself.
    ///
    /// # Errors
    ///
    /// When there are some: begin anew to read them too.
    pub(super) fn count_partitions(&self) -> anyhow::Result<()> {
        for read in self.at.chunk_by(|one, next| one.topic == next.topic) {
            let topic = &*read[0].topic;
            let Ok(metadata) = self.consumer.fetch_metadata(Some(topic), QUESTION) else {
                return Ok(());
            };
            let known = metadata.topics().iter().find(|known| known.name() == topic);
            let count = known.map_or(0, |known| known.partitions().len());
            ensure!(
                count <= read.len(),
                "{topic} has {count} partitions now, of which {} are read",
                read.len()
            );
        }
        Ok(())
    }

    fn topic(&self, name: &str) -> Arc<str> {
        let known = self.at.iter().find(|at| *at.topic == *name);
        known.map_or_else(|| name.into(), |at| at.topic.clone())
    }
}

/// Assigns every partition of `topics`: where each begins.
fn assign(
    consumer: &BaseConsumer<Lag>,
    topics: &[String],
    stored: &[Position],
) -> Result<Vec<Start>, Refusal> {
    let mut at = Vec::new();
    let mut assignment = TopicPartitionList::new();
    for topic in topics {
        let topic: Arc<str> = topic.as_str().into();
        for partition in 0..partition_count(consumer, &topic, QUESTION)? {
            let (low, end) = watermarks(consumer, &topic, partition, QUESTION)?;
            let held = Held { low, end };
            let start = begin(&topic, partition, stored, held).map_err(Refusal::Misfit)?;
            consumer.context().lags.show(&topic, partition, start.offset, end);
            let offset = Offset::Offset(start.offset);
            assignment
                .add_partition_offset(&topic, partition, offset)
                .context("cannot name a partition")?;
            at.push(start);
        }
    }
    consumer.assign(&assignment).context("cannot assign the partitions")?;
    Ok(at)
}

pub(in crate::kafka) fn incoming(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Incoming {
    Incoming {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: received(message),
    }
}
