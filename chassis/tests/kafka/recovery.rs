//! A consumer whose inbox takes what comes and can store none of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chassis::http::Health;
use chassis::kafka::consumer::{Batch, Failure, Inbox, Position};
use chassis::metrics::install;
use rdkafka::message::OwnedHeaders;

use crate::consumer::{consume, lag, publish, publish_raw};
use crate::support::{Kafka, wait_until};

/// An inbox that stores what it has taken at its next tick only.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Buffered>>);

#[derive(Default)]
struct Buffered {
    is_broken: bool,
    has_failed: bool,
    begun: u32,
    held: usize,
    stored: usize,
}

impl Inbox for Buffer {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        let mut buffer = self.0.lock().unwrap();
        buffer.begun += 1;
        buffer.held = 0;
        Ok(Vec::new())
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        self.0.lock().unwrap().held += batch.records.len();
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Failure> {
        let mut buffer = self.0.lock().unwrap();
        buffer.has_failed = buffer.is_broken;
        if buffer.is_broken {
            return Err(Failure::Retry(anyhow::anyhow!("the disk is full")));
        }
        buffer.stored = buffer.held;
        Ok(())
    }

    fn has_recovered(&self) -> bool {
        !self.0.lock().unwrap().has_failed
    }
}

#[test]
fn an_inbox_that_can_store_nothing_is_not_ready_however_much_it_takes() {
    // Before anything is recorded.
    install();
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    publish(&kafka, &topic, 1);
    let (buffer, health) = (Buffer::default(), Health::new());
    buffer.0.lock().unwrap().is_broken = true;
    let running = consume(&kafka, &topic, &buffer, &health);
    wait_until("it has failed", || format!("{health:?}").contains("the disk is full"));
    assert!(lag(&topic).is_some_and(|lag| lag >= 5.0), "{:?}", lag(&topic));
    let (begun, mut slow_begins) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(4) {
        assert!(!health.is_ready(), "after {:?}", begun.elapsed());
        slow_begins = buffer.0.lock().unwrap().begun;
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(slow_begins < 10, "{slow_begins} times it began again, ever later");
    buffer.0.lock().unwrap().is_broken = false;
    wait_until("it has stored all and is ready", || {
        health.is_ready() && buffer.0.lock().unwrap().stored == 5
    });
    running.stop().unwrap();
}

/// An inbox that stores at once what it takes, but nothing of partition 1 while that is blocked.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<Counted>>);

#[derive(Default)]
struct Counted {
    is_blocked: bool,
    positions: BTreeMap<i32, Position>,
}

impl Counter {
    fn position(&self, partition: i32) -> i64 {
        self.0.lock().unwrap().positions.get(&partition).map_or(0, |position| position.offset)
    }
}

impl Inbox for Counter {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        Ok(self.0.lock().unwrap().positions.values().cloned().collect())
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        let mut counter = self.0.lock().unwrap();
        if counter.is_blocked && batch.spans.iter().any(|span| span.partition == 1) {
            return Err(Failure::Retry(anyhow::anyhow!("partition 1 is blocked")));
        }
        for span in batch.spans {
            let (topic, partition) = (span.topic.to_string(), span.partition);
            let position = Position { topic, partition, offset: span.to };
            counter.positions.insert(partition, position);
        }
        drop(counter);
        // Long enough to be seen.
        std::thread::sleep(Duration::from_millis(10));
        Ok(())
    }
}

#[test]
fn a_partition_that_cannot_be_stored_is_not_ready_however_much_another_is() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 2);
    let (counter, health) = (Counter::default(), Health::new());
    counter.0.lock().unwrap().is_blocked = true;
    publish_raw(&kafka, &topic, vec![(1, OwnedHeaders::new())]);
    let running = consume(&kafka, &topic, &counter, &health);
    wait_until("it has failed", || format!("{health:?}").contains("partition 1 is blocked"));
    for _ in 0..5 {
        let (before, began) = (counter.position(0), Instant::now());
        publish_raw(&kafka, &topic, vec![(0, OwnedHeaders::new()); 100]);
        while counter.position(0) == before {
            assert!(!health.is_ready() && began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(1));
        }
        let stored = Instant::now();
        while stored.elapsed() < Duration::from_millis(100) {
            assert!(!health.is_ready(), "partition 1 is as it was");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    counter.0.lock().unwrap().is_blocked = false;
    wait_until("it is ready", || health.is_ready());
    assert!(counter.position(1) > 0, "it is stored");
    running.stop().unwrap();
}
