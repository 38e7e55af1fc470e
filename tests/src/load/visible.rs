//! How long it takes from an acknowledged answer until any reader of the topic can see the event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Result;
use chassis::{
    http::Health,
    kafka::{
        Incoming, KafkaConfig,
        consumer::{Batch, ConsumerConfig, Failure, Inbox, Position, run_consumer},
        scan::{Range, ranges},
    },
    shutdown::Shutdown,
};
use tokio::task;

/// What a customer waits for: the answer to one of their three calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The order was placed.
    Placed,
    /// It was accepted.
    Accepted,
    /// It was completed.
    Completed,
}

/// When each event was seen.
pub type Seen = HashMap<(uuid::Uuid, Step), Instant>;

/// Where the topic of order events ended once, partition by partition.
#[derive(Clone)]
pub struct Ends(Vec<Position>);

impl Ends {
    /// Where it ends now.
    ///
    /// # Errors
    /// When Kafka does not answer, or the topic is missing.
    pub async fn now(kafka: &str) -> Result<Self> {
        let kafka = KafkaConfig::named(kafka, "load");
        let topic = schemas::topics::ORDER_EVENTS.name;
        let end = |range: Range| Position {
            topic: topic.to_owned(),
            partition: range.partition,
            offset: range.high,
        };
        let asked = task::spawn_blocking(move || ranges(&kafka, topic)).await??;
        Ok(Self(asked.into_iter().map(end).collect()))
    }
}

/// A reader of the order events, under `read_committed`, with the moment each event came.
pub struct Watcher {
    seen: Arc<Mutex<Seen>>,
    shutdown: Shutdown,
    thread: JoinHandle<Result<()>>,
}

impl Watcher {
    /// Begins to read on a thread of its own, what was published since.
    pub fn start(kafka: &str, since: Ends) -> Self {
        let seen = Arc::new(Mutex::new(HashMap::new()));
        let shutdown = Shutdown::new();
        let config = ConsumerConfig {
            kafka: KafkaConfig::named(kafka, "load"),
            group: "load".to_owned(),
            topics: vec![schemas::topics::ORDER_EVENTS.name.to_owned()],
            max_records: 1_000,
            max_wait: Duration::from_millis(1),
            tick: Duration::from_secs(1),
        };
        let (notes, stop) = (Notes { seen: seen.clone(), since }, shutdown.clone());
        let check = Health::new().check("kafka");
        let thread = thread::spawn(move || run_consumer(config, notes, check, stop));
        Self { seen, shutdown, thread }
    }

    /// Whether that event has been seen.
    pub fn has_seen(&self, order: uuid::Uuid, step: Step) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(order, step))
    }

    /// Ends reading and says when each event was seen.
    pub fn finish(self) -> Result<Seen> {
        self.shutdown.cancel();
        self.thread.join().map_err(|_| anyhow::anyhow!("the reader of the topic panicked"))??;
        Ok(std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

struct Notes {
    seen: Arc<Mutex<Seen>>,
    /// Where reading begins.
    since: Ends,
}

impl Inbox for Notes {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        Ok(self.since.0.clone())
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for record in &batch.records {
            if let Some(event) = event_of(record) {
                seen.entry(event).or_insert(now);
            }
        }
        Ok(())
    }
}

fn event_of(record: &Incoming) -> Option<(uuid::Uuid, Step)> {
    let order = std::str::from_utf8(record.key.as_deref()?).ok()?.parse().ok()?;
    let (_, event) = record.headers.iter().find(|(name, _)| name == "ce_type")?;
    let step = match event.as_slice() {
        b"takeaway.orders.order_placed.v1" => Step::Placed,
        b"takeaway.orders.order_accepted.v1" => Step::Accepted,
        b"takeaway.orders.order_completed.v1" => Step::Completed,
        _ => return None,
    };
    Some((order, step))
}
