//! The consumer loop: every record of some topics, from the inbox's own positions on.
//!
//! All partitions are assigned by hand. There is no group to join and so nothing to wait for when
//! a killed process comes back; the positions are the inbox's, stored with its effect in one
//! transaction. Group offsets are committed too, for displays of lag and nothing else.

pub(super) mod lags;
mod run;
mod session;
mod start;

use std::sync::Arc;
use std::time::Duration;

use super::settings::KafkaConfig;
pub use run::run_consumer;
pub(super) use session::incoming;

/// One record as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// The partition it was read from.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds since the Unix epoch; records may have none.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its bytes; none is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Its headers in their order; a header without a value is shown empty. What is not UTF-8 in a
    /// name is shown as U+FFFD.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// How far a batch moves the position in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The position before this batch.
    pub from: i64,
    /// The position to go on from. It counts what is never shown: transaction markers and the
    /// records of aborted transactions.
    pub to: i64,
}

/// Records and how far they move the positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The records; those of one partition in ascending order of offset.
    pub records: Vec<Incoming>,
    /// The partitions that moved, each once; a partition may move without a record.
    pub spans: Vec<Span>,
}

/// Where to go on in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
}

/// What can be done about a failure.
#[derive(Debug)]
pub enum Failure {
    /// It may pass: go on from the stored positions after a while.
    Retry(anyhow::Error),
    /// It will not pass: end the loop, and with it the process.
    Fatal(anyhow::Error),
}

/// Who acts upon the records and remembers how far it is.
pub trait Inbox: Send + 'static {
    /// Where to begin. Partitions not named begin at their earliest offset. Called at the start and
    /// after each [`Failure::Retry`]: whatever was buffered must be dropped.
    fn positions(&mut self) -> Result<Vec<Position>, Failure>;

    /// Takes a batch: effect and positions in one transaction, now or at a later tick.
    fn take(&mut self, batch: Batch) -> Result<(), Failure>;

    /// Called at least once every [`ConsumerConfig::tick`], also when nothing arrives.
    fn tick(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Whether nothing is left undone of what failed in [`Inbox::take`] or [`Inbox::tick`]. Asked after each that
    /// succeeds. One that stores what it takes at once need not answer: the loop remembers which partitions it could
    /// not take. One that buffers says no until what could not be stored is.
    fn has_recovered(&self) -> bool {
        true
    }

    /// How often the partitions are counted: those that a topic was given meanwhile are read from
    /// then on.
    fn count_every(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// An orderly end: the last chance to store what is buffered.
    fn stop(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a consumer loop needs to know.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// The name under which lag is displayed.
    pub group: String,
    /// The topics, all partitions of each.
    pub topics: Vec<String>,
    /// Most records in one batch.
    pub max_records: usize,
    /// How long after its first record a batch is handed over at the latest.
    pub max_wait: Duration,
    /// The longest time between two ticks.
    pub tick: Duration,
}
