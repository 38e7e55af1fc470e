//! The relay's position in the progress topic.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use crate::kafka::questions::{Asker, asking};
use crate::kafka::settings::{Isolation, KafkaConfig};
use crate::kafka::topic::{next_offsets, partition_count, tolerate, watermarks};

/// The version of the stored form.
const VERSION: u32 = 1;

/// How many offsets before the end the search begins. Every other offset is a position, so the
/// last one is nearly always among these.
const TAIL: i64 = 256;

/// How long one reading may take in all, and one question of it.
const LIMIT: Duration = Duration::from_secs(15);
const QUESTION: Duration = Duration::from_secs(2);

/// How far a journal is published, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    version: u32,
    /// Everything up to this position of the journal is published.
    pub position: i64,
    /// What was published with it, and with the one before it, lies after this position. Not in records of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// The run of a relay that wrote this.
    pub owner: String,
}

impl Progress {
    /// What was published after `after`, in one transaction or two, ends at `position`.
    pub(super) fn new(after: i64, position: i64, owner: &str) -> Self {
        Self { version: VERSION, position, after: Some(after), owner: owner.to_string() }
    }

    /// The same, said by another.
    pub(super) fn by(self, owner: &str) -> Self {
        Self { owner: owner.to_string(), ..self }
    }

    /// JSON, so that any console consumer shows it.
    pub(super) fn encode(&self) -> anyhow::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// # Errors
    ///
    /// When it is no progress record, or one of a newer version.
    pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let progress: Self = serde_json::from_slice(bytes).context("not a progress record")?;
        ensure!(
            progress.version == VERSION,
            "progress record of version {}, this program knows version {VERSION}",
            progress.version
        );
        Ok(progress)
    }
}

/// The position up to which `shard` of a journal is published, if it ever was.
///
/// # Errors
///
/// As [`read_progress`].
pub fn read_position(
    kafka: &KafkaConfig,
    progress_topic: &str,
    shard: i32,
) -> anyhow::Result<Option<i64>> {
    Ok(read_progress(kafka, progress_topic, shard)?.map(|progress| progress.position))
}

/// The last committed progress record of `shard`.
///
/// # Errors
///
/// As [`find_progress`].
pub fn read_progress(
    kafka: &KafkaConfig,
    progress_topic: &str,
    shard: i32,
) -> anyhow::Result<Option<Progress>> {
    find_progress(kafka, progress_topic, shard, &shard.to_string())
}

/// The last committed progress record of that key, up to the stable end of the partition; none where it
/// was taken back by a record without a value.
///
/// # Errors
///
/// When Kafka cannot be reached within 15 seconds, the topic or partition is missing, or the
/// record cannot be read.
pub fn find_progress(
    kafka: &KafkaConfig,
    progress_topic: &str,
    partition: i32,
    key: &str,
) -> anyhow::Result<Option<Progress>> {
    asking(kafka, Isolation::Committed, |asker| find_last(asker, progress_topic, partition, key))
}

/// The same as `consumer` sees it: one that is told of everything finds the last that was written at all, whatever
/// became of its transaction.
///
/// # Errors
///
/// As [`find_progress`].
pub(super) fn find_last(
    consumer: &Asker,
    progress_topic: &str,
    shard: i32,
    key: &str,
) -> anyhow::Result<Option<Progress>> {
    let deadline = Instant::now() + LIMIT;
    let partitions = partition_count(consumer, progress_topic, QUESTION)?;
    ensure!(
        shard < partitions,
        "topic {progress_topic} has {partitions} partitions, too few for shard {shard}"
    );
    let (low, end) = watermarks(consumer, progress_topic, shard, QUESTION)?;
    let mut reach = TAIL;
    loop {
        let from = (end - reach).max(low);
        let found = last_between(consumer, (progress_topic, shard), key, from..end, deadline)?;
        consumer.unassign()?;
        if found.is_some() || from == low {
            return Ok(found.flatten());
        }
        reach *= 16;
    }
}

/// The last record of the key within `offsets`, which end at the stable end; one without a value is one too.
fn last_between(
    consumer: &Asker,
    (topic, partition): (&str, i32),
    key: &str,
    offsets: std::ops::Range<i64>,
    deadline: Instant,
) -> anyhow::Result<Option<Option<Progress>>> {
    let mut last = None;
    if offsets.is_empty() {
        return Ok(last);
    }
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Offset(offsets.start))?;
    consumer.assign(&assignment)?;
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(20)) {
            match message {
                Ok(message) if message.key() == Some(key.as_bytes()) => {
                    last = Some(message.payload().map(Progress::decode).transpose()?);
                }
                Ok(_) => {}
                Err(error) => tolerate(error)?,
            }
        }
        let next = next_offsets(consumer)?.first().map_or(0, |(_, _, offset)| *offset);
        if next >= offsets.end {
            return Ok(last);
        }
        ensure!(Instant::now() < deadline, "the position in {topic} could not be read in time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let progress = Progress::new(7, i64::MAX, "a-run");
        assert_eq!(Progress::decode(&progress.encode().unwrap()).unwrap(), progress);
    }

    #[test]
    fn the_stored_form_is_text() {
        let text = String::from_utf8(Progress::new(3, 7, "a-run").encode().unwrap()).unwrap();
        assert_eq!(text, r#"{"version":1,"position":7,"after":3,"owner":"a-run"}"#);
    }

    #[test]
    fn what_an_older_program_wrote_is_read() {
        let older = Progress::decode(br#"{"version":1,"position":7,"owner":"a-run"}"#).unwrap();
        assert_eq!((older.position, older.after), (7, None));
        assert_eq!(older.by("another").owner, "another");
    }

    #[test]
    fn a_newer_version_is_refused() {
        let newer = br#"{"version":2,"position":7,"owner":"x"}"#;
        let refusal = Progress::decode(newer).unwrap_err().to_string();
        assert!(refusal.contains("version 2"), "{refusal}");
        assert!(Progress::decode(b"7").is_err());
    }
}
