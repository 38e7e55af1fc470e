//! A consumer whose inbox takes what comes and can store none of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chassis::http::Health;
use chassis::kafka::consumer::{Batch, Failure, Inbox, Position};

use crate::consumer::{consume, publish};
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
    let kafka = Kafka::shared();
    let topic = kafka.topic("orders", 1);
    publish(&kafka, &topic, 1);
    let (buffer, health) = (Buffer::default(), Health::new());
    buffer.0.lock().unwrap().is_broken = true;
    let running = consume(&kafka, &topic, &buffer, &health);
    wait_until("it has failed", || format!("{health:?}").contains("the disk is full"));
    let (begun, mut slow_begins) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(4) {
        assert!(!health.is_ready(), "after {:?}", begun.elapsed());
        slow_begins = buffer.0.lock().unwrap().begun;
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(slow_begins < 10, "{slow_begins} times it began again, ever later");
    buffer.0.lock().unwrap().is_broken = false;
    wait_until("it is ready", || health.is_ready());
    assert_eq!(buffer.0.lock().unwrap().stored, 5);
    running.stop().unwrap();
}
