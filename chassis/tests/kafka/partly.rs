//! A broker dies while it ends a transaction, and comes back with the transaction committed in some
//! partitions and open in others. Kafka itself has done so; here the markers are cut off its files.

use std::fs::{File, read};
use std::path::Path;

use chassis::kafka::relay::{RelayConfig, read_position};
use chassis::kafka::scan::Isolation;

use crate::support::{
    Broker, Kafka, Notebook, Running, assert_exactly_once, await_topic, read as read_topic,
    read_committed, settle,
};

/// Of a record batch (version 2): where its length, its attributes stand, and where its records begin.
const LENGTH_AT: usize = 8;
const ATTRIBUTES_AT: usize = 21;
const RECORDS_AT: usize = 61;

/// The attribute of a batch that holds a marker.
const IS_CONTROL: u16 = 0x20;

const GUESTS: [&str; 9] =
    ["ada", "alan", "edsger", "grace", "barbara", "donald", "tony", "niklaus", "leslie"];

/// Takes the last batch, which must be a marker, off the only segment of a partition.
fn cut_last_marker(data: &Path, topic: &str, partition: i32) {
    let log = data.join(format!("{topic}-{partition}/00000000000000000000.log"));
    let bytes = read(&log).unwrap();
    let number =
        |at: usize, bytes: &[u8]| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut last) = (0, None);
    while at + RECORDS_AT <= bytes.len() {
        let batch = &bytes[at..];
        let attributes = u16::from_be_bytes(batch[ATTRIBUTES_AT..][..2].try_into().unwrap());
        last = Some((at, attributes & IS_CONTROL != 0));
        at += LENGTH_AT + 4 + number(LENGTH_AT, batch) as usize;
    }
    let (begins, is_marker) = last.unwrap();
    assert!(is_marker, "{topic}-{partition} ends with a marker");
    File::options().write(true).open(&log).unwrap().set_len(begins as u64).unwrap();
}

/// A relay that has published a second transaction and stopped, and where that one's markers get lost.
struct Story {
    config: RelayConfig,
    topic: String,
    journal: Notebook,
    /// Partitions of the topic.
    rows_lost: &'static [i32],
    position_lost: bool,
}

impl Story {
    fn begin(kafka: &Kafka, of: &str, rows_lost: &'static [i32], position_lost: bool) -> Self {
        let topic = kafka.topic(of, 3);
        let progress = kafka.topic(&format!("progress-{of}"), 1);
        let name = kafka.name(&format!("relay-{of}"));
        let config = RelayConfig::new(kafka.config.clone(), &name, &progress, &[&topic]);
        let journal = Notebook::default();
        let story = Self { config, topic, journal, rows_lost, position_lost };
        story.publish_twice();
        story
    }

    /// With a relay of its own, as after a crash.
    fn publish_twice(&self) {
        let relay = Running::relay(&self.config, &self.journal);
        for _ in 0..2 {
            self.journal.write(&self.topic, GUESTS);
            self.journal.wait_published();
        }
        relay.stop().unwrap();
        settle(&self.config.kafka, &self.topic);
        settle(&self.config.kafka, &self.config.progress_topic);
    }

    fn lose_markers(&self, data: &Path) {
        for partition in self.rows_lost {
            cut_last_marker(data, &self.topic, *partition);
        }
        if self.position_lost {
            cut_last_marker(data, &self.config.progress_topic, 0);
        }
    }

    /// What was lost is not seen before a relay takes over.
    fn assert_lost(&self) {
        let (kafka, progress) = (&self.config.kafka, &self.config.progress_topic);
        // A broker that has come back answers before it leads all of its partitions.
        await_topic(kafka, progress);
        await_topic(kafka, &self.topic);
        let position = read_position(kafka, progress, 0).unwrap();
        assert_eq!(position < Some(self.journal.len()), self.position_lost);
        let records = read_topic(kafka, &self.topic, Isolation::Committed);
        assert_eq!(records.len() < self.journal.len() as usize, !self.rows_lost.is_empty());
    }
}

#[test]
fn a_transaction_that_was_committed_in_part_is_completed() {
    let broker = Broker::start("kafka-partly-var", 4700);
    let data = broker.data();
    let kafka = Kafka::of(broker);
    let stories = [
        Story::begin(&kafka, "some-and-position", &[1], true),
        Story::begin(&kafka, "rows", &[0, 2], false),
        Story::begin(&kafka, "position", &[], true),
        Story::begin(&kafka, "everything", &[0, 1, 2], true),
    ];
    kafka.kill();
    stories.iter().for_each(|story| story.lose_markers(&data));
    kafka.revive();
    for story in stories {
        story.assert_lost();
        story.publish_twice();
        let records = read_committed(&story.config.kafka, &story.topic);
        assert_exactly_once(&records, story.journal.len());
    }
}
