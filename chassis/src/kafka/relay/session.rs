//! The life of one transactional producer: fence, publish, publish, … until anything goes wrong.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::util::Timeout;

use super::progress::Progress;
use super::{Outgoing, RelayConfig};
use crate::kafka::context::{Deliveries, Undelivered};
use crate::kafka::refusal::{Refusals, explained};
use crate::kafka::settings::producer_config;
use crate::shutdown::Shutdown;

/// How many rows are handed to the producer between two looks at its delivery reports.
const POLL_EVERY: usize = 256;

/// How long to wait for room in the producer's queue, or for deliveries, between two looks.
const GLANCE: Duration = Duration::from_micros(200);

/// How long deliveries are waited for once a stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Whether the predecessor is fenced off.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fencing {
    /// Nobody else can publish under this transactional id any more.
    Done,
    /// Kafka did not answer in time; ask the same session again.
    NotYet(String),
}

/// One producer and what became of its deliveries.
pub(super) struct Session {
    producer: BaseProducer<Deliveries>,
    progress_topic: String,
    shard: i32,
    progress_key: String,
    shutdown: Shutdown,
}

impl Session {
    /// A producer that has not fenced anybody yet.
    pub(super) fn open(config: &RelayConfig, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let producer = producer_config(&config.kafka, &config.transactional_id)
            .create_with_context(Deliveries::default())
            .context("cannot make a producer")?;
        Ok(Self {
            producer,
            progress_topic: config.progress_topic.clone(),
            shard: config.shard,
            progress_key: config.key(),
            shutdown: shutdown.clone(),
        })
    }

    /// Fences whoever published under this id before, and ends their transaction. May be called
    /// again while it answers [`Fencing::NotYet`].
    pub(super) fn fence(&self, limit: Duration) -> anyhow::Result<Fencing> {
        match self.producer.init_transactions(limit) {
            Ok(()) => Ok(Fencing::Done),
            Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                let refusal = self.refusal().last();
                Ok(Fencing::NotYet(refusal.unwrap_or_else(|| error.string())))
            }
            Err(error) => Err(explained(error).context("cannot begin to publish")),
        }
    }

    /// Publishes `rows` and the new position in one transaction. Once this returns `Ok`, all of it
    /// is committed; after an error the outcome is unknown and the session must be dropped.
    pub(super) fn publish(&self, rows: &[Outgoing], progress: &Progress) -> anyhow::Result<()> {
        self.begin_with(rows)?;
        let payload = progress.encode()?;
        self.send(|| {
            BaseRecord::to(&self.progress_topic)
                .partition(self.shard)
                .key(self.progress_key.as_bytes())
                .payload(&payload)
        })?;
        self.commit()
    }

    /// The same without a position: for rows that come from no journal.
    pub(super) fn publish_alone(&self, rows: &[Outgoing]) -> anyhow::Result<()> {
        self.begin_with(rows)?;
        self.commit()
    }

    fn begin_with(&self, rows: &[Outgoing]) -> anyhow::Result<()> {
        self.producer.begin_transaction()?;
        for (index, row) in rows.iter().enumerate() {
            self.send(|| record(row))?;
            if index % POLL_EVERY == POLL_EVERY - 1 {
                self.producer.poll(Duration::ZERO);
            }
        }
        Ok(())
    }

    fn commit(&self) -> anyhow::Result<()> {
        self.await_deliveries()?;
        let committed = self.producer.commit_transaction(Timeout::Never).map_err(explained);
        committed.context("unknown outcome of a commit")
    }

    /// Aborts a transaction that writes to each of `partitions`: its markers end whatever this
    /// producer ever left open there, and what it wrote is seen by nobody.
    pub(super) fn abort_in(&self, partitions: &[(String, i32)]) -> anyhow::Result<()> {
        self.producer.begin_transaction()?;
        for (topic, partition) in partitions {
            self.send(|| BaseRecord::to(topic).partition(*partition).key(&b"abort"[..]))?;
        }
        self.await_deliveries()?;
        self.producer.abort_transaction(Timeout::Never).context("unknown outcome of an abort")
    }

    /// Serves what the producer has to tell while there is nothing to publish.
    pub(super) fn idle(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Hands one record to the producer, waiting for room in its queue.
    fn send<'a>(&self, record: impl Fn() -> BaseRecord<'a, [u8], [u8]>) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            match self.producer.send(record()) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.check(begun)?;
                    self.producer.poll(Duration::ZERO);
                    std::thread::sleep(GLANCE);
                }
                Err((error, record)) => {
                    return Err(error).with_context(|| format!("cannot send to {}", record.topic));
                }
            }
        }
    }

    /// Waits until every record is delivered. rdkafka's commit would wait too, but in steps of
    /// 100 ms: thirty times as long as the transaction itself.
    fn await_deliveries(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut before = i32::MAX;
        loop {
            self.producer.poll(Duration::ZERO);
            let in_flight = self.producer.in_flight_count();
            self.check(begun)?;
            if in_flight == 0 {
                return Ok(());
            }
            if in_flight >= before {
                std::thread::sleep(GLANCE);
            }
            before = in_flight;
        }
    }

    /// Why it is not let in or may not write, when everything is heard that it has to tell.
    fn refusal(&self) -> &Refusals {
        (0..POLL_EVERY).for_each(|_| self.producer.poll(Duration::ZERO));
        &self.producer.context().refusals
    }

    /// Fails when a delivery failed, or when the relay is to stop and this takes too long.
    fn check(&self, begun: Instant) -> anyhow::Result<()> {
        if let Some((_, reason)) = self.producer.client().fatal_error() {
            return Err(anyhow!(reason).context("the producer is of no more use"));
        }
        if let Some(Undelivered { topic, cause }) = self.producer.context().failure() {
            let what = format!("a record was not delivered to {topic}");
            return Err(self.refusal().or(explained(cause)).context(what));
        }
        if self.shutdown.is_cancelled() && begun.elapsed() > STOP_GRACE {
            return Err(anyhow!("stopped while Kafka is away"));
        }
        Ok(())
    }
}

fn record(row: &Outgoing) -> BaseRecord<'_, [u8], [u8]> {
    let mut headers = OwnedHeaders::new_with_capacity(row.headers.len());
    for (key, value) in row.headers.iter() {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut record = BaseRecord::to(&row.topic).timestamp(row.timestamp_ms).headers(headers);
    record.key = row.key.as_deref();
    record.payload = row.payload.as_deref();
    record
}
