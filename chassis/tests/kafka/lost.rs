//! Kafka was lost and made anew: the position is gone that said what is published.

use anyhow::bail;
use chassis::kafka::relay::{Journal, Page, RelayConfig, claim, read_position};
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::support::{
    Kafka, LIMIT, Notebook, Running, assert_exactly_once, read_committed, settle, text, wait_until,
};
use crate::topics::producer;

/// A journal whose first rows went elsewhere once they were published.
struct Shortened {
    notes: Notebook,
    /// Those up to this position.
    gone: i64,
    /// Where it begins, after others.
    begins_after: i64,
}

impl Journal for Shortened {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        self.notes.read_after(position, limit, out)
    }

    fn begin_anew(&mut self) -> anyhow::Result<()> {
        bail!("publish the others again")
    }

    fn newest_gone(&mut self) -> anyhow::Result<i64> {
        Ok(self.gone)
    }

    fn begins_after(&self) -> i64 {
        self.begins_after
    }

    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        Journal::published(&mut self.notes, position, at_us)
    }
}

fn run(config: &RelayConfig, notes: &Notebook) -> Running {
    run_with(config, notes, 2, 0)
}

fn run_with(config: &RelayConfig, notes: &Notebook, gone: i64, begins_after: i64) -> Running {
    let journal = Shortened { notes: notes.clone(), gone, begins_after };
    Running::relay_of(config, journal, &notes.wake)
}

/// Writes that there is no position of shard 0, as another's transaction which fences the relay.
fn forget(config: &RelayConfig) {
    overwrite(config, None);
}

/// Writes that as the position of shard 0.
fn overwrite(config: &RelayConfig, position: Option<i64>) {
    let position = position
        .map(|position| format!(r#"{{"version":1,"position":{position},"owner":"older"}}"#));
    let other = producer(config, "");
    other.begin_transaction().unwrap();
    let mut said = BaseRecord::<_, str>::to(&config.progress_topic).partition(0).key("0");
    said.payload = position.as_deref();
    other.send(said).unwrap();
    other.commit_transaction(LIMIT).unwrap();
    settle(&config.kafka, &config.progress_topic);
}

#[test]
fn a_journal_that_has_not_everything_is_not_published_from_its_beginning() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let progress_topic = kafka.topic("progress-of-two", 2);
    let config = RelayConfig { progress_topic, ..kafka.relay_config() };
    let notes = Notebook::default();
    notes.write(&topic, ["ada", "alan"]);
    let error = run(&config, &notes).end().unwrap_err().to_string();
    assert_eq!(error, "publish the others again");
    assert_exactly_once(&read_committed(&config.kafka, &topic), 0);

    // Who has published all of it says so, and the relay goes on behind it.
    assert_eq!(claim(&config, "a tool", 2).unwrap(), 2);
    assert_eq!(claim(&config, "a tool", 7).unwrap(), 2, "only where there is none");
    notes.write(&topic, ["edsger"]);
    let relay = run(&config, &notes);
    notes.wait_published();
    relay.stop().unwrap();
    assert_eq!(read_committed(&config.kafka, &topic).len(), 1);

    // A shard that is new beside others begins at its beginning.
    let name = kafka.name("relay-of-another-shard");
    let other = RelayConfig { shard: 1, transactional_id: name, ..config };
    let relay = run_with(&other, &notes, 0, 0);
    wait_until("the new shard is published", || {
        read_position(&other.kafka, &other.progress_topic, 1).unwrap() == Some(3)
    });
    relay.stop().unwrap();
}

#[test]
fn a_running_relay_says_that_its_position_is_gone() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let notes = Notebook::default();
    notes.write(&topic, ["ada", "alan"]);
    let relay = Running::relay(&config, &notes);
    notes.wait_published();
    forget(&config);
    notes.write(&topic, ["edsger"]);
    let error = relay.end().unwrap_err().to_string();
    assert!(error.contains("no position of") && error.contains("made anew"), "{error}");
}

/// An older backup of a broker's disks, say.
#[test]
fn an_older_kafka_is_gone_on_with_only_where_all_that_it_lacks_is_still_there() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let notes = Notebook::default();
    notes.write(&topic, ["ada", "alan", "edsger"]);
    let relay = Running::relay(&config, &notes);
    notes.wait_published();
    relay.stop().unwrap();

    overwrite(&config, Some(1));
    let refusal = run(&config, &notes).end().unwrap_err().to_string();
    let expected =
        "published up to 1, as Kafka has it, but what was published up to 2 has left the journal";
    assert!(refusal.contains(expected), "{refusal}");

    overwrite(&config, Some(2));
    notes.write(&topic, ["grace"]);
    let relay = run(&config, &notes);
    wait_until("it goes on", || {
        read_position(&config.kafka, &config.progress_topic, 0).unwrap() == Some(4)
    });
    relay.stop().unwrap();
    let published: Vec<_> =
        read_committed(&config.kafka, &topic).iter().map(|seen| text(&seen.payload)).collect();
    assert_eq!(published, ["1", "2", "3", "3", "4"], "what it lacks, and what is new");
}

#[test]
fn no_shard_begins_where_an_older_kafka_lacks_what_went_before() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let progress_topic = kafka.topic("progress-of-two", 2);
    let first = RelayConfig { progress_topic, ..kafka.relay_config() };
    let name = kafka.name("relay-of-another-shard");
    let second = RelayConfig { shard: 1, transactional_id: name, ..first.clone() };
    let notes = Notebook::default();
    notes.write(&topic, ["ada", "alan", "edsger"]);

    overwrite(&first, Some(1));
    for config in [&second, &first] {
        let refusal = run_with(config, &notes, 0, 2).end().unwrap_err().to_string();
        let expected = "published up to 1, as Kafka has it, but what was published up to 2";
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert_exactly_once(&read_committed(&first.kafka, &topic), 0);

    overwrite(&first, Some(2));
    let relay = run_with(&second, &notes, 0, 2);
    notes.wait_published();
    relay.stop().unwrap();
    let published = read_committed(&first.kafka, &topic);
    assert_eq!(published.iter().map(|seen| text(&seen.payload)).collect::<Vec<_>>(), ["3"]);
}
