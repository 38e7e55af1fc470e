//! The broker is killed and comes back: nothing is lost, doubled or stuck. It has a broker to
//! itself, because nobody else would like to share this one.

use std::time::Duration;

use chassis::http::Health;
use chassis::kafka::relay::RelayConfig;
use chassis::metrics::install;

use crate::consumer::{Desk, consume, lag};
use crate::support::{
    Broker, Kafka, Notebook, Running, assert_exactly_once, read_committed, wait_until,
};

const GUESTS: [&str; 5] = ["ada", "alan", "edsger", "grace", "barbara"];

#[test]
fn relay_and_consumer_outlive_the_broker_and_stop_without_it() {
    // Before anything is recorded.
    install();
    let kafka = Kafka::of(Broker::start("kafka-outage-var", 4500));
    let topic = kafka.topic("orders", 3);
    let mut config = kafka.relay_config();
    config.batch = 20;
    config.busy_pause = Duration::from_millis(1);
    let (journal, desk, health) = (Notebook::default(), Desk::default(), Health::new());
    let consumer = consume(&kafka, &topic, &desk, &health);
    let relay = Running::relay(&config, &journal);
    journal.write(&topic, GUESTS);
    journal.wait_published();
    for _ in 0..2 {
        write(&journal, &topic);
        kafka.kill();
        write(&journal, &topic);
        wait_until("the consumer misses it", || !health.is_ready());
        wait_until("it is shown that its lag is unknown", || lag(&topic).is_none_or(f64::is_nan));
        let before = desk.asked_by();
        kafka.revive();
        journal.wait_published();
        desk.wait_for(journal.len() as usize);
        wait_until("its lag is known", || lag(&topic).is_some_and(f64::is_finite));
        // It might have been another Kafka.
        let last = before.last().copied().unwrap_or_default();
        let after = desk.asked_by().split_off(before.len());
        assert!(after.iter().all(|asked| *asked > last), "{last}: {after:?}");
    }
    while_kafka_says_nothing(&kafka, &journal, &topic, &config);
    kafka.kill();
    write(&journal, &topic);
    relay.stop().unwrap();
    assert!(shown("behind_positions", &config).is_nan(), "it is nobody's any more");
    consumer.stop().unwrap();
    kafka.revive();
    let relay = Running::relay(&config, &journal);
    let consumer = consume(&kafka, &topic, &desk, &health);
    desk.wait_for(journal.len() as usize);
    relay.stop().unwrap();
    consumer.stop().unwrap();
    assert_exactly_once(&desk.records(), journal.len());
    assert_exactly_once(&read_committed(&kafka.config, &topic), journal.len());
}

/// A transaction waits for Kafka, which the relay shows before it fails: its records do after ten seconds.
fn while_kafka_says_nothing(kafka: &Kafka, journal: &Notebook, topic: &str, relay: &RelayConfig) {
    let failures = shown("failures_total", relay);
    kafka.freeze();
    write(journal, topic);
    wait_until("it shows that Kafka is away", || shown("connected", relay) == 0.0);
    assert_eq!(shown("failures_total", relay), failures, "it was to be shown before that");
    let age = shown("oldest_unpublished_seconds", relay);
    wait_until("what waits grows older", || shown("oldest_unpublished_seconds", relay) > age);
    kafka.thaw();
    journal.wait_published();
    wait_until("it is connected again", || shown("connected", relay) == 1.0);
}

/// What the relay shows of itself.
fn shown(name: &str, relay: &RelayConfig) -> f64 {
    let begin = format!("relay_{name}{{relay=\"{}\"}} ", relay.transactional_id);
    let text = install().render();
    let value = text.lines().find_map(|line| line.strip_prefix(&begin)).unwrap();
    value.parse().unwrap()
}

/// More rows than a few transactions hold, so that the kill finds one open.
fn write(journal: &Notebook, topic: &str) {
    for _ in 0..400 {
        journal.write(topic, GUESTS);
    }
}
