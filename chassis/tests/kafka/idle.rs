//! A relay that has nothing to publish sees to it that readers come to see what it published last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chassis::clock::SystemClock;
use chassis::kafka::relay::{Journal, Outgoing, RelayConfig, run_relay};
use chassis::kafka::scan::Isolation;
use chassis::kafka::settings::producer_config;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::support::{Kafka, Notebook, Running, assert_exactly_once, read, wait_until};

/// Longer than it takes a relay to notice.
const OPEN_FOR_MS: &str = "20000";

/// Counts how often a relay has committed or taken over.
struct Counting {
    whole: Notebook,
    told: Arc<AtomicUsize>,
}

impl Journal for Counting {
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        out: &mut Vec<Outgoing>,
    ) -> anyhow::Result<()> {
        self.whole.read_after(position, limit, out)
    }

    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        self.told.fetch_add(1, Ordering::SeqCst);
        Journal::published(&mut self.whole, position, at_us)
    }
}

/// Leaves a transaction open in the relay's partition, until the broker ends it.
fn leave_open(relay: &RelayConfig) -> BaseProducer {
    let id = format!("{}-stranger", relay.transactional_id);
    let mut config = producer_config(&relay.kafka, &id);
    let stranger: BaseProducer =
        config.set("transaction.timeout.ms", OPEN_FOR_MS).create().unwrap();
    stranger.init_transactions(Duration::from_secs(30)).unwrap();
    stranger.begin_transaction().unwrap();
    let record = BaseRecord::to(&relay.progress_topic).partition(0).key("0").payload("open");
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
    let told = Arc::new(AtomicUsize::new(0));
    let journal = Counting { whole: whole.clone(), told: Arc::clone(&told) };
    let (wake, relayed) = (whole.wake.clone(), config.clone());
    let relay =
        Running::spawn(move |stop| run_relay(relayed, journal, wake, Arc::new(SystemClock), stop));
    wait_until("the relay took over", || told.load(Ordering::SeqCst) == 1);
    let _stranger = leave_open(&config);
    whole.write(&topic, ["ada", "alan"]);
    wait_until("the rows are committed", || told.load(Ordering::SeqCst) == 2);
    // There is nothing to commit: what is told now was found by a take-over.
    wait_until("the relay took over again", || told.load(Ordering::SeqCst) == 3);
    whole.write(&topic, ["ada", "alan"]);
    whole.wait_published();
    relay.stop().unwrap();
    assert_exactly_once(&read(&kafka.config, &topic, Isolation::Committed), whole.len());
}
