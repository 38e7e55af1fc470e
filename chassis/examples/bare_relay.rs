//! Measures the relay on the broker at `KAFKA_BOOTSTRAP`: how fast it drains a backlog, and how
//! long a row takes from the journal to a reader while rows come at a steady rate.
//!
//! ```text
//! cargo run -p chassis --example bare_relay -- drain ROWS BATCH
//! cargo run -p chassis --example bare_relay -- live ROWS_PER_SECOND SECONDS PAUSE_MS
//! ```
//!
//! It makes topics named `speed-…` and leaves them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chassis::clock::{Clock, SystemClock};
use chassis::http::Health;
use chassis::kafka::admin::{Partitioning, TopicSpec, apply_topics};
use chassis::kafka::consumer::{Batch, ConsumerConfig, Failure, Inbox, Position, run_consumer};
use chassis::kafka::relay::{Journal, Page, RelayConfig, run_relay};
use chassis::kafka::{Headers, KafkaConfig, Outgoing};
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;

const ROW_BYTES: usize = 250;

/// Rows in memory; clones share them.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<(Vec<Outgoing>, i64)>>);

impl Rows {
    fn with<T>(&self, see: impl FnOnce(&mut (Vec<Outgoing>, i64)) -> T) -> T {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, topic: &Arc<str>) {
        let now_us = SystemClock.now_us();
        let mut payload = now_us.to_be_bytes().to_vec();
        payload.resize(ROW_BYTES, b'x');
        self.with(|(rows, _)| {
            let position = rows.len() as i64 + 1;
            rows.push(Outgoing {
                position,
                topic: topic.clone(),
                key: Some(format!("order-{}", position / 5).into_bytes()),
                payload: Some(payload),
                headers: Headers::default(),
                timestamp_ms: now_us / 1_000,
            });
        });
    }
}

impl Journal for Rows {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        let from = usize::try_from(position)?;
        self.with(|(rows, _)| out.extend(rows.iter().skip(from).take(limit)));
        Ok(())
    }

    fn published(&mut self, position: i64, _at_us: i64) -> anyhow::Result<()> {
        self.with(|(_, published)| *published = position);
        Ok(())
    }
}

/// Notes how old each record is when it arrives, in microseconds.
#[derive(Clone, Default)]
struct Ages(Arc<Mutex<Vec<i64>>>);

impl Ages {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox for Ages {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        Ok(vec![])
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        let now_us = SystemClock.now_us();
        let age = |payload: &[u8]| Some(now_us - i64::from_be_bytes(*payload.first_chunk()?));
        let payloads = batch.records.iter().filter_map(|record| record.payload.as_deref());
        self.all().extend(payloads.filter_map(age));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").context("KAFKA_BOOTSTRAP is not set")?;
    let kafka = KafkaConfig::for_testing(&bootstrap);
    let run = format!("speed-{}", SystemClock.now_us());
    let (topic, progress) = (format!("{run}-rows"), format!("{run}-progress"));
    let partitioning = Partitioning::ByNumber;
    let spec = |name: &str, partitions| TopicSpec {
        name: name.to_string(),
        partitions,
        partitioning,
        config: vec![],
    };
    apply_topics(&kafka, &[spec(&topic, 6), spec(&progress, 1)]).await?;
    let config = RelayConfig::new(kafka, &run, &progress, &[]);
    let number = |index: usize| -> anyhow::Result<u64> {
        Ok(arguments.get(index).context("an argument is missing")?.parse()?)
    };
    match arguments.first().map(String::as_str) {
        Some("drain") => drain(config, &topic, number(1)?, number(2)?),
        Some("live") => live(config, &topic, number(1)?, number(2)?, number(3)?),
        _ => bail!("drain ROWS BATCH, or live ROWS_PER_SECOND SECONDS PAUSE_MS"),
    }
}

fn drain(mut config: RelayConfig, topic: &str, rows: u64, batch: u64) -> anyhow::Result<()> {
    config.batch = usize::try_from(batch)?;
    let journal = Rows::default();
    let topic: Arc<str> = topic.into();
    (0..rows).for_each(|_| journal.push(&topic));
    let shutdown = Shutdown::new();
    let begun = Instant::now();
    let relay = spawn_relay(config, &journal, Signal::new(), &shutdown);
    let mut first = None;
    while journal.with(|(_, published)| *published) < i64::try_from(rows)? {
        if journal.with(|(_, published)| *published) > 0 {
            first.get_or_insert_with(Instant::now);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = first.unwrap_or(begun).elapsed().as_secs_f64();
    println!("{rows} rows: {:.0} rows/s after the first transaction", rows as f64 / seconds);
    shutdown.cancel();
    relay.join().map_err(|_| anyhow::anyhow!("the relay panicked"))?
}

fn live(
    mut config: RelayConfig,
    topic: &str,
    rate: u64,
    seconds: u64,
    pause_ms: u64,
) -> anyhow::Result<()> {
    config.busy_pause = Duration::from_millis(pause_ms);
    let (journal, ages, wake) = (Rows::default(), Ages::default(), Signal::new());
    let shutdown = Shutdown::new();
    let consumer = ConsumerConfig {
        kafka: config.kafka.clone(),
        group: "speed".to_string(),
        topics: vec![topic.to_string()],
        max_records: 1_000,
        max_wait: Duration::ZERO,
        tick: Duration::from_secs(1),
    };
    let relay = spawn_relay(config, &journal, wake.clone(), &shutdown);
    let (inbox, check, stop) = (ages.clone(), Health::new().check("speed"), shutdown.clone());
    let reader = std::thread::spawn(move || run_consumer(consumer, inbox, check, stop));
    std::thread::sleep(Duration::from_secs(3));
    let topic: Arc<str> = topic.into();
    let begun = Instant::now();
    for row in 0..rate * seconds {
        let due = begun + Duration::from_secs_f64(row as f64 / rate as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        journal.push(&topic);
        wake.notify();
    }
    while (ages.all().len() as u64) < rate * seconds {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut ages = ages.all().split_off(usize::try_from(rate)?);
    ages.sort_unstable();
    let at = |share: f64| ages[((ages.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
    println!(
        "journal to reader: p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    shutdown.cancel();
    reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    relay.join().map_err(|_| anyhow::anyhow!("the relay panicked"))?
}

fn spawn_relay(
    config: RelayConfig,
    journal: &Rows,
    wake: Signal,
    shutdown: &Shutdown,
) -> std::thread::JoinHandle<anyhow::Result<()>> {
    let (journal, shutdown) = (journal.clone(), shutdown.clone());
    std::thread::spawn(move || run_relay(config, journal, wake, Arc::new(SystemClock), shutdown))
}
