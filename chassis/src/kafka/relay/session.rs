//! The life of a relay's transactional producers: fence, publish, publish, … until anything goes wrong.
//!
//! A relay has two, which take turns. For some milliseconds after a commit Kafka refuses the next transaction under
//! the same name, and the client then asks again after 20, in every other transaction of a backlog. The second begins once the first's
//! commit is decided, never before, so there is one transaction after the other as if it were one producer.
//!
//! Who takes over fences the first, then the second, then reads the position; and everybody begins with the first. Of two
//! that take over at once one may come to hold the first and the other the second: only one of them can begin.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::util::Timeout;

use super::progress::Progress;
use super::{Page, Record, RelayConfig};
use crate::kafka::context::{Deliveries, Undelivered};
use crate::kafka::refusal::{Refusals, explained};
use crate::kafka::settings::{KafkaConfig, producer_config};
use crate::shutdown::Shutdown;

/// How many rows are handed to the producer between two looks at its delivery reports.
const POLL_EVERY: usize = 256;

/// How long to wait for room in the producer's queue, or for deliveries, between two looks.
const GLANCE: Duration = Duration::from_micros(200);

/// Between two looks whether a broker has answered.
const CONNECT_STEP: Duration = Duration::from_millis(2);

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

/// The producers, and what became of their deliveries.
pub(super) struct Session {
    producers: [TurnTaker; 2],
    /// Which of them publishes next.
    turn: Cell<usize>,
    /// How many of them have fenced their predecessors.
    fenced: Cell<usize>,
    progress_topic: String,
    shard: i32,
    progress_key: String,
}

/// One producer and what became of its deliveries.
struct TurnTaker {
    producer: BaseProducer<Deliveries>,
    /// Whether it has ever been connected.
    connected: Cell<bool>,
    shutdown: Shutdown,
}

impl Session {
    /// Producers that have not fenced anybody yet.
    pub(super) fn open(config: &RelayConfig, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let first = &config.transactional_id;
        let open = |id: &str| TurnTaker::open(&config.kafka, id, shutdown);
        Ok(Self {
            producers: [open(first)?, open(&format!("{first}-b"))?],
            turn: Cell::new(0),
            fenced: Cell::new(0),
            progress_topic: config.progress_topic.clone(),
            shard: config.shard,
            progress_key: config.key(),
        })
    }

    /// Fences whoever published under these ids before, and ends their transactions. May be called
    /// again while it answers [`Fencing::NotYet`].
    pub(super) fn fence(&self, limit: Duration) -> anyhow::Result<Fencing> {
        while let Some(next) = self.producers.get(self.fenced.get()) {
            match next.fence(limit)? {
                Fencing::Done => self.fenced.set(self.fenced.get() + 1),
                not_yet @ Fencing::NotYet(_) => return Ok(not_yet),
            }
        }
        Ok(Fencing::Done)
    }

    /// Publishes `rows` and the new position in one transaction. Once this returns `Ok`, all of it
    /// is committed; after an error the outcome is unknown and the session must be dropped.
    pub(super) fn publish(&self, rows: &Page, progress: &Progress) -> anyhow::Result<()> {
        let payload = progress.encode()?;
        let position = BaseRecord::to(&self.progress_topic)
            .partition(self.shard)
            .key(self.progress_key.as_bytes())
            .payload(&payload[..]);
        self.take_turn(rows, Some(position))
    }

    /// The same without a position: for rows that come from no journal.
    pub(super) fn publish_alone(&self, rows: &Page) -> anyhow::Result<()> {
        self.take_turn(rows, None)
    }

    fn take_turn(
        &self,
        rows: &Page,
        position: Option<BaseRecord<'_, [u8], [u8]>>,
    ) -> anyhow::Result<()> {
        let [first, second] = &self.producers;
        let (publisher, next) = if self.turn.get() == 0 { (first, 1) } else { (second, 0) };
        publisher.publish(rows, position)?;
        self.turn.set(next);
        Ok(())
    }

    /// Aborts transactions that write to each of `partitions`: their markers end whatever these
    /// producers ever left open there, and what they wrote is seen by nobody.
    pub(super) fn abort_in(&self, partitions: &[(String, i32)]) -> anyhow::Result<()> {
        self.producers.iter().try_for_each(|producer| producer.abort_in(partitions))
    }

    /// Serves what the producers have to tell while there is nothing to publish.
    pub(super) fn idle(&self) {
        self.producers.iter().for_each(|one| one.producer.poll(Duration::ZERO));
    }
}

impl TurnTaker {
    fn open(kafka: &KafkaConfig, id: &str, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let producer = producer_config(kafka, id)
            .create_with_context(Deliveries::default())
            .context("cannot make a producer")?;
        Ok(Self { producer, connected: Cell::new(false), shutdown: shutdown.clone() })
    }

    fn fence(&self, limit: Duration) -> anyhow::Result<Fencing> {
        let begun = Instant::now();
        // Who asks before there is a connection asks again only after half a second.
        while !self.is_connected() && begun.elapsed() < limit / 2 {
            std::thread::sleep(CONNECT_STEP);
        }
        match self.producer.init_transactions(limit.saturating_sub(begun.elapsed())) {
            Ok(()) => Ok(Fencing::Done),
            Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                let refusal = self.refusal().last();
                Ok(Fencing::NotYet(refusal.unwrap_or_else(|| error.string())))
            }
            Err(error) => Err(explained(error).context("cannot begin to publish")),
        }
    }

    /// Whether a broker has ever told the client of its cluster.
    fn is_connected(&self) -> bool {
        if !self.connected.get() {
            self.connected.set(self.producer.client().fetch_cluster_id(Duration::ZERO).is_some());
        }
        self.connected.get()
    }

    fn publish(
        &self,
        rows: &Page,
        position: Option<BaseRecord<'_, [u8], [u8]>>,
    ) -> anyhow::Result<()> {
        self.producer.begin_transaction()?;
        for (index, row) in rows.iter().enumerate() {
            self.send(record(&row))?;
            if index % POLL_EVERY == POLL_EVERY - 1 {
                self.producer.poll(Duration::ZERO);
            }
        }
        position.map_or(Ok(()), |position| self.send(position))?;
        self.await_deliveries()?;
        let committed = self.producer.commit_transaction(Timeout::Never).map_err(explained);
        committed.context("unknown outcome of a commit")
    }

    fn abort_in(&self, partitions: &[(String, i32)]) -> anyhow::Result<()> {
        self.producer.begin_transaction()?;
        for (topic, partition) in partitions {
            self.send(BaseRecord::to(topic).partition(*partition).key(&b"abort"[..]))?;
        }
        self.await_deliveries()?;
        self.producer.abort_transaction(Timeout::Never).context("unknown outcome of an abort")
    }

    /// Hands one record to the producer, waiting for room in its queue.
    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> anyhow::Result<()> {
        let mut begun = None;
        loop {
            record = match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    self.check(*begun.get_or_insert_with(Instant::now))?;
                    self.producer.poll(Duration::ZERO);
                    std::thread::sleep(GLANCE);
                    refused
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

fn record<'a>(row: &Record<'a>) -> BaseRecord<'a, [u8], [u8]> {
    let mut headers = OwnedHeaders::new_with_capacity(row.headers.len());
    for (key, value) in row.headers.iter() {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut record = BaseRecord::to(row.topic).timestamp(row.timestamp_ms).headers(headers);
    (record.key, record.payload) = (row.key, row.payload);
    record
}
