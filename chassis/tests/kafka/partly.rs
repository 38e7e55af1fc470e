//! A broker dies while it ends a transaction, and comes back with the transaction committed in some
//! partitions and open in others. Kafka itself has done so; here the markers are cut off its files.

use std::fs::{read, write};
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

/// Takes the last markers out of the only segment of a partition, which ends with one.
fn cut_last_markers(data: &Path, topic: &str, partition: i32, count: usize) {
    let log = data.join(format!("{topic}-{partition}/00000000000000000000.log"));
    let bytes = read(&log).unwrap();
    let (mut batches, mut rest) = (Vec::new(), &bytes[..]);
    while rest.len() >= RECORDS_AT {
        let length = u32::from_be_bytes(rest[LENGTH_AT..][..4].try_into().unwrap()) as usize;
        let (batch, after) = rest.split_at(LENGTH_AT + 4 + length);
        batches.push(batch);
        rest = after;
    }
    let is_marker = |batch: &[u8]| {
        u16::from_be_bytes(batch[ATTRIBUTES_AT..][..2].try_into().unwrap()) & IS_CONTROL != 0
    };
    assert!(is_marker(batches.last().unwrap()), "{topic}-{partition} ends with a marker");
    for _ in 0..count {
        let last = batches.iter().rposition(|batch| is_marker(batch)).unwrap();
        batches.remove(last);
    }
    write(&log, batches.concat()).unwrap();
}

/// A relay that has published two transactions and stopped, and where markers of the last get lost, or of both.
struct Story {
    config: RelayConfig,
    topic: String,
    journal: Notebook,
    /// Partitions of the topic.
    rows_lost: Vec<i32>,
    position_lost: bool,
    /// Of how many transactions, the last ones.
    transactions: usize,
}

impl Story {
    fn begin(kafka: &Kafka, of: &str, rows_lost: &'static [i32], position_lost: bool) -> Self {
        Self::begin_with(Notebook::default(), kafka, of, rows_lost, position_lost)
    }

    fn begin_with(
        journal: Notebook,
        kafka: &Kafka,
        of: &str,
        rows_lost: &'static [i32],
        position_lost: bool,
    ) -> Self {
        let topic = kafka.topic(of, 3);
        let progress = kafka.topic(&format!("progress-{of}"), 1);
        let name = kafka.name(&format!("relay-{of}"));
        let config = RelayConfig::new(kafka.config.clone(), &name, &progress, &[&topic]);
        let rows_lost = rows_lost.to_vec();
        let story = Self { config, topic, journal, rows_lost, position_lost, transactions: 1 };
        story.publish_twice();
        story
    }

    /// The marker of a transaction is lost in one partition, and of two that follow there is nothing in it.
    fn begin_earlier(kafka: &Kafka, of: &str, journal: Notebook) -> Self {
        let mut story = Self::begin_with(journal, kafka, of, &[], false);
        story.publish([&["ada"], &["ada"]]);
        let records = read_committed(&story.config.kafka, &story.topic);
        let of_ada = records.iter().find(|record| record.key.as_deref() == Some(b"ada"));
        let of_ada = of_ada.unwrap().partition;
        story.rows_lost.extend((0..3).find(|partition| *partition != of_ada));
        story
    }

    /// A relay's two producers take turns: the markers of both are lost.
    fn twice(self) -> Self {
        Self { transactions: 2, ..self }
    }

    fn publish_twice(&self) {
        self.publish([&GUESTS, &GUESTS]);
    }

    /// With a relay of its own, as after a crash.
    fn publish(&self, transactions: [&[&str]; 2]) {
        let relay = Running::relay(&self.config, &self.journal);
        for keys in transactions {
            self.journal.write(&self.topic, keys.iter().copied());
            self.journal.wait_published();
        }
        relay.stop().unwrap();
        settle(&self.config.kafka, &self.topic);
        settle(&self.config.kafka, &self.config.progress_topic);
    }

    fn lose_markers(&self, data: &Path) {
        for partition in &self.rows_lost {
            cut_last_markers(data, &self.topic, *partition, self.transactions);
        }
        if self.position_lost {
            cut_last_markers(data, &self.config.progress_topic, 0, self.transactions);
        }
    }

    /// What was lost is not seen before a relay takes over.
    fn assert_lost(&self) {
        let (kafka, progress) = (&self.config.kafka, &self.config.progress_topic);
        // A broker that has come back answers before it leads all of its partitions.
        await_topic(kafka, progress);
        await_topic(kafka, &self.topic);
        let position = read_position(kafka, progress, 0).unwrap();
        assert_eq!(position < Some(self.journal.end()), self.position_lost);
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
        Story::begin(&kafka, "rows-twice", &[0, 2], false).twice(),
        Story::begin(&kafka, "everything-twice", &[0, 1, 2], true).twice(),
        Story::begin_earlier(&kafka, "earlier", Notebook::default()),
        Story::begin_earlier(&kafka, "earlier-with-gaps", Notebook::with_gaps()),
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
