//! A relay that has nothing to publish sees to it that readers come to see what it published last.

use std::time::Duration;

use chassis::kafka::relay::RelayConfig;
use chassis::kafka::settings::producer_config;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::support::{Kafka, Notebook, Running, assert_exactly_once, read_committed, wait_until};

/// Longer than it takes a relay to notice.
const OPEN_FOR_MS: &str = "30000";

/// Leaves a transaction open in the relay's partition, until the broker ends it.
fn leave_open(relay: &RelayConfig) -> BaseProducer {
    let id = format!("{}-stranger", relay.transactional_id);
    let mut config = producer_config(&relay.kafka, &id);
    let stranger: BaseProducer =
        config.set("transaction.timeout.ms", OPEN_FOR_MS).create().unwrap();
    stranger.init_transactions(Duration::from_secs(30)).unwrap();
    stranger.begin_transaction().unwrap();
    let record = BaseRecord::to(&relay.progress_topic).partition(0).key("stranger").payload("open");
    stranger.send(record).unwrap();
    stranger.flush(Duration::from_secs(30)).unwrap();
    stranger
}

/// Nobody but the relay writes to its partition of the progress topic: what stays open there after its
/// last commit, it takes for that commit's.
#[test]
fn what_lies_open_behind_its_commit_makes_an_idle_relay_take_over_again() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    let config = kafka.relay_config();
    let whole = Notebook::default();
    let relay = Running::relay(&config, &whole);
    wait_until("the relay took over", || whole.told() >= 1);
    let _stranger = leave_open(&config);
    whole.write(&topic, ["ada", "alan"]);
    wait_until("the rows are committed", || whole.told() >= 2);
    // There is nothing to commit: what is told now was found by a take-over.
    wait_until("the relay took over again", || whole.told() >= 3);
    whole.write(&topic, ["ada", "alan"]);
    whole.wait_published();
    relay.stop().unwrap();
    assert_exactly_once(&read_committed(&kafka.config, &topic), whole.len());
}
