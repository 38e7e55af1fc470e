//! The relay publishes every row once and in order, whoever comes and goes.

use std::sync::Arc;
use std::time::Duration;

use chassis::kafka::relay::{Journal, Outgoing, Page, RelayConfig, read_position};
use chassis::kafka::scan::Isolation;
use chassis::signal::Signal;
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::support::{
    Kafka, LIMIT, Notebook, Running, assert_exactly_once, make_topic, read, read_committed, settle,
    text, wait_until,
};
use crate::topics::producer;

const GUESTS: [&str; 7] = ["ada", "alan", "edsger", "grace", "barbara", "ken", "radia"];

#[test]
fn every_row_is_published_once_while_relays_overlap() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 3);
    let mut config = kafka.relay_config();
    config.batch = 50;
    config.busy_pause = Duration::from_millis(2);
    let journal = Notebook::default();
    let mut running = Vec::new();
    for round in 0..8 {
        running.push(Running::relay(&config, &journal));
        for _ in 0..40 {
            journal.write(&topic, GUESTS);
        }
        wait_until("somebody publishes", || journal.published() > round * 280);
    }
    journal.wait_published();
    for relay in running {
        if let Err(error) = relay.stop() {
            assert!(error.to_string().contains("another live process"), "{error:#}");
        }
    }
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
    assert_eq!(position(&config), Some(journal.len()));
}

/// Up to where readers find the journal published.
fn position(config: &RelayConfig) -> Option<i64> {
    settle(&config.kafka, &config.progress_topic);
    read_position(&config.kafka, &config.progress_topic, config.shard).unwrap()
}

#[test]
fn of_two_live_relays_one_gives_up_and_says_why() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let journal = Notebook::default();
    let one = Running::relay(&config, &journal);
    wait_until("the first took over", || has_claimed(&config));
    let two = Running::relay(&config, &journal);
    wait_until("one of two gives up", || {
        journal.write(&topic, GUESTS);
        one.thread.is_finished() || two.thread.is_finished()
    });
    let (loser, winner) = if one.thread.is_finished() { (one, two) } else { (two, one) };
    let error = loser.end().unwrap_err().to_string();
    assert!(error.contains("another live process publishes as"), "{error}");
    journal.wait_published();
    winner.stop().unwrap();
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
}

/// A journal that says after the last row of each key in a page how things stand then, in a topic of its own.
struct Standing {
    notes: Notebook,
    states: Arc<str>,
}

impl Journal for Standing {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        let mut page = Page::default();
        self.notes.read_after(position, limit, &mut page)?;
        let rows: Vec<Outgoing> = page.iter().map(Outgoing::from).collect();
        for (index, row) in rows.iter().enumerate() {
            out.push(row);
            if rows[index + 1..].iter().all(|later| later.key != row.key) {
                out.push(&Outgoing { topic: Arc::clone(&self.states), ..row.clone() });
            }
        }
        Ok(())
    }

    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        self.notes.newest()
    }

    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        Journal::published(&mut self.notes, position, at_us)
    }
}

/// Found under kills: read again in other pages, rows end with states that were never to be published, and those
/// stood behind newer ones for good.
#[test]
fn who_takes_over_does_not_go_back_to_a_state_from_the_middle_of_a_page() {
    let kafka = Kafka::shared();
    let (topic, states) = (kafka.topic("orders", 1), kafka.topic("states", 1));
    let config = RelayConfig { batch: 4, ..kafka.relay_config() };
    let notes = Notebook::default();
    let relay = || {
        let journal = Standing { notes: notes.clone(), states: states.as_str().into() };
        Running::relay_of(&config, journal, &notes.wake)
    };
    let first = relay();
    for rows in [2, 4] {
        notes.write(&topic, ["ada"; 4].into_iter().take(rows));
        notes.wait_published();
    }
    first.stop().unwrap();
    let told = notes.told();
    let second = relay();
    wait_until("the second took over", || notes.told() > told);
    second.stop().unwrap();
    let states = read_committed(&kafka.config, &states);
    let states: Vec<_> = states.iter().map(|state| text(&state.payload)).collect();
    assert_eq!(states, ["2", "6"], "one for each transaction");
    assert_exactly_once(&read_committed(&kafka.config, &topic), 6);
}

/// A journal that gives two rows at once at most.
struct Sparing(Notebook);

impl Journal for Sparing {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        self.0.read_after(position, limit.min(2), out)
    }

    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        Journal::published(&mut self.0, position, at_us)
    }
}

#[test]
fn what_was_lost_is_found_however_little_a_journal_gives_at_once() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = RelayConfig { batch: 2, ..kafka.relay_config() };
    let notes = Notebook::default();
    let relay = || Running::relay_of(&config, Sparing(notes.clone()), &notes.wake);
    let first = relay();
    for _ in 0..3 {
        notes.write(&topic, ["ada", "alan"]);
        notes.wait_published();
    }
    first.stop().unwrap();
    // The next transaction of a relay that dies before it commits.
    let zombie = producer(&config, "");
    zombie.begin_transaction().unwrap();
    let written = r#"{"version":1,"position":8,"after":4,"owner":"zombie"}"#;
    let progress = BaseRecord::to(&config.progress_topic).partition(0).key("0");
    zombie.send(progress.payload(written)).unwrap();
    zombie.flush(LIMIT).unwrap();
    notes.write(&topic, ["ada", "alan"]);
    let second = relay();
    notes.wait_published();
    second.stop().unwrap();
    assert_exactly_once(&read_committed(&kafka.config, &topic), 8);
}

/// The same rows as a newer program writes them.
struct Anew(Notebook);

impl Journal for Anew {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        let mut page = Page::default();
        self.0.read_after(position, limit, &mut page)?;
        for mut row in page.iter().map(Outgoing::from) {
            row.payload = row.payload.map(|payload| [b"anew ", &payload[..]].concat());
            out.push(&row);
        }
        Ok(())
    }

    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        Journal::published(&mut self.0, position, at_us)
    }
}

#[test]
fn what_an_older_program_published_is_not_published_anew() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let notes = Notebook::default();
    notes.write(&topic, GUESTS);
    let older = Running::relay(&config, &notes);
    notes.wait_published();
    older.stop().unwrap();
    notes.write(&topic, ["ada"]);
    let newer = Running::relay_of(&config, Anew(notes.clone()), &notes.wake);
    notes.wait_published();
    newer.stop().unwrap();
    let records = read_committed(&kafka.config, &topic);
    let texts: Vec<_> = records.iter().map(|record| text(&record.payload)).collect();
    assert_eq!(texts, ["1", "2", "3", "4", "5", "6", "7", "anew 8"]);
}

/// Part of a journal: what lies after one position and up to another.
struct Section {
    whole: Notebook,
    after: i64,
    end: i64,
    read_all: bool,
}

impl Journal for Section {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        self.whole.read_after(position.max(self.after), limit, out)?;
        out.retain(|row| row.position <= self.end);
        self.read_all = out.is_empty();
        Ok(())
    }

    fn begins_after(&self) -> i64 {
        self.after
    }

    fn end(&self) -> Option<i64> {
        self.read_all.then_some(self.end)
    }

    fn is_ours(&self) -> bool {
        self.after < self.end
    }
}

#[test]
fn a_journal_that_ends_is_published_to_its_end_and_the_next_goes_on_there() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 2);
    let config = kafka.relay_config();
    let whole = Notebook::default();
    for _ in 0..4 {
        whole.write(&topic, GUESTS);
    }
    let run = |after, end| {
        let section = Section { whole: whole.clone(), after, end, read_all: false };
        Running::relay_of(&config, section, &Signal::new()).end()
    };
    let position = || position(&config);
    // Its last row lies before its end.
    run(0, 10).unwrap();
    assert_eq!(position(), Some(10));
    run(0, 10).unwrap();
    run(10, 10).unwrap();
    assert_eq!(position(), Some(10), "whose turn it is not publishes nothing");
    run(10, 28).unwrap();
    assert_eq!(position(), Some(28));
    assert_exactly_once(&read_committed(&kafka.config, &topic), 28);
    run(28, 40).unwrap();
    assert_eq!(position(), Some(40), "an end without a row is told too");
}

#[test]
fn what_a_zombie_left_open_is_discarded_and_it_cannot_commit() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let zombie = producer(&config, "");
    zombie.begin_transaction().unwrap();
    zombie.send(BaseRecord::to(&topic).key("ada").payload("666")).unwrap();
    zombie.flush(LIMIT).unwrap();
    let journal = Notebook::default();
    journal.write(&topic, GUESTS);
    let relay = Running::relay(&config, &journal);
    journal.wait_published();
    zombie.commit_transaction(LIMIT).unwrap_err();
    relay.stop().unwrap();
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
    let all = read(&kafka.config, &topic, Isolation::Uncommitted);
    assert!(all.iter().any(|record| text(&record.payload) == "666"), "the zombie was there");
}

#[test]
fn a_relay_that_was_fenced_by_nobody_alive_goes_on() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let journal = Notebook::default();
    let relay = Running::relay(&config, &journal);
    journal.write(&topic, GUESTS);
    journal.wait_published();
    // As a broker does when a transaction took too long: the epoch moves, nobody takes over.
    drop(producer(&config, ""));
    journal.write(&topic, GUESTS);
    journal.wait_published();
    relay.stop().unwrap();
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
}

#[test]
fn a_relay_goes_on_where_its_predecessor_stopped() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 2);
    let config = kafka.relay_config();
    let journal = Notebook::default();
    assert_eq!(position(&config), None);
    for _ in 0..3 {
        journal.write(&topic, GUESTS);
        let relay = Running::relay(&config, &journal);
        journal.wait_published();
        relay.stop().unwrap();
        assert_eq!(position(&config), Some(journal.len()));
    }
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
}

#[test]
fn the_position_is_found_behind_many_aborted_ones() {
    let kafka = Kafka::shared();
    let config = kafka.relay_config();
    let topic = kafka.topic("orders", 1);
    let journal = Notebook::default();
    journal.write(&topic, GUESTS);
    let relay = Running::relay(&config, &journal);
    journal.wait_published();
    relay.stop().unwrap();
    let zombie = producer(&config, "zombie");
    zombie.begin_transaction().unwrap();
    for _ in 0..5_000 {
        let record = BaseRecord::to(&config.progress_topic).partition(0).key("0");
        zombie.send(record.payload("no progress at all")).unwrap();
    }
    zombie.flush(LIMIT).unwrap();
    zombie.abort_transaction(LIMIT).unwrap();
    assert_eq!(position(&config), Some(7));
}

#[test]
fn another_journal_in_the_place_of_the_published_one_is_refused() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let journal = Notebook::default();
    journal.write(&topic, GUESTS);
    let relay = Running::relay(&config, &journal);
    journal.wait_published();
    relay.stop().unwrap();
    let restored = Notebook::default();
    restored.write(&topic, ["ada"]);
    let error = Running::relay(&config, &restored).end().unwrap_err().to_string();
    assert!(error.contains("published up to 7, but its journal ends at 1"), "{error}");
}

#[test]
fn a_relay_waits_for_its_topics() {
    let kafka = Kafka::shared();
    let mut config = kafka.relay_config();
    config.progress_topic = kafka.name("later-progress");
    let topic = kafka.name("later-orders");
    let journal = Notebook::default();
    journal.write(&topic, GUESTS);
    let relay = Running::relay(&config, &journal);
    make_topic(&config.kafka, &config.progress_topic, 1);
    wait_until("the relay took over", || has_claimed(&config));
    make_topic(&config.kafka, &topic, 1);
    journal.wait_published();
    relay.stop().unwrap();
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
}

fn has_claimed(config: &RelayConfig) -> bool {
    let position = read_position(&config.kafka, &config.progress_topic, config.shard);
    position.is_ok_and(|position| position.is_some())
}
