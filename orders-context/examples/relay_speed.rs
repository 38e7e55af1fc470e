//! Measures the way from the orders' journal to readers of the topic, on the broker at
//! `KAFKA_BOOTSTRAP`, whose topics must have been applied: how fast a backlog is drained, and how long
//! an acknowledged event takes until a `read_committed` reader sees it. No HTTP, no calls to the outside.
//!
//! ```text
//! cargo run --release -p orders-context --example relay_speed -- drain EVENTS
//! cargo run --release -p orders-context --example relay_speed -- live EVENTS_PER_SECOND SECONDS
//! ```
//!
//! It makes a topic of positions named `speed-…` and leaves it, and events of orders that nobody has.

#[path = "support/one_order.rs"]
mod one_order;

use anyhow::{Context, bail};
use chassis::clock::{BootInstant, Clock, SystemClock};
use chassis::http::Health;
use chassis::ids::UuidV7Ids;
use chassis::kafka::admin::{Partitioning, TopicSpec, apply_topics};
use chassis::kafka::consumer::{Batch, ConsumerConfig, Failure, Inbox, Position, run_consumer};
use chassis::kafka::relay::{Journal, Page, RelayConfig, run_relay};
use chassis::kafka::{Incoming, KafkaConfig};
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use one_order::{take, trattoria};
use orders_context::app::App;
use orders_context::app::group::Limits;
use orders_context::domain::Policy;
use orders_context::leases::Held;
use orders_context::relay::OrderJournal;
use orders_context::relay::records::SchemaIds;
use orders_context::store::sqlite::Sqlite;
use orders_context::store::{Generation, Lease, Store};
use schemas::topics::{ORDER_EVENTS, ORDER_STATES};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// As in `orders`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// `order_placed`, `restaurant_notified`, `order_accepted`, `user_notified`, `order_completed`.
const EVENTS_OF_AN_ORDER: u64 = 5;

/// Orders under way at once while a backlog is made.
const AT_ONCE: usize = 256;

/// How long the first event may take until it is seen.
const UNTIL_SEEN: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| -> anyhow::Result<u64> {
        Ok(arguments.get(index).context("an argument is missing")?.parse()?)
    };
    let bench = Bench::open().await?;
    let outcome = match arguments.first().map(String::as_str) {
        Some("drain") => bench.drain(number(1)?).await,
        Some("live") => bench.live(number(1)?, number(2)?).await,
        _ => bail!("drain EVENTS, or live EVENTS_PER_SECOND SECONDS"),
    };
    std::fs::remove_dir_all(&bench.folder)?;
    outcome
}

/// An orders context without its outside.
struct Bench {
    folder: PathBuf,
    store: Arc<dyn Store>,
    app: App,
    wake: Signal,
    relay: RelayConfig,
    stop: Shutdown,
}

impl Bench {
    async fn open() -> anyhow::Result<Self> {
        let bootstrap = std::env::var("KAFKA_BOOTSTRAP").context("KAFKA_BOOTSTRAP is not set")?;
        let kafka = KafkaConfig::for_testing(&bootstrap);
        let run = format!("speed-{}", SystemClock.now_us());
        let positions = TopicSpec {
            name: run.clone(),
            partitions: 1,
            partitioning: Partitioning::ByNumber,
            config: vec![],
        };
        apply_topics(&kafka, &[positions]).await?;
        let folder = std::env::temp_dir().join(&run);
        std::fs::create_dir_all(&folder)?;
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.join("orders.db"))?);
        let limits = Limits { queue: 4_096, group: 512 };
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Ids));
        let (app, mut group) = App::new(Arc::clone(&store), clock, ids, Policy::standard(), limits);
        let (wake, stop) = (Signal::new(), Shutdown::new());
        group.wake_on_journal(wake.clone());
        tokio::spawn(group.run(stop.clone()));
        app.register_restaurant(trattoria()).await?;
        let relay = RelayConfig::new(kafka, &run, &run, &[ORDER_EVENTS.name, ORDER_STATES.name]);
        Ok(Self { folder, store, app, wake, relay, stop })
    }

    /// The relay, and what it commits.
    fn start_relay(&self) -> anyhow::Result<(JoinHandle<anyhow::Result<()>>, Commits)> {
        let lease = Lease { name: "relay-0".into(), token: 1 };
        let held = Held::until(lease, BootInstant::now() + Duration::from_secs(86_400));
        let journal = OrderJournal::new(
            self.store.journal_reader()?,
            Generation::ONLY,
            SchemaIds { events: 1, states: 2 },
            held,
        )?;
        let (committed, commits) = unbounded_channel();
        let journal = Watched { journal, committed };
        let (config, wake, stop) = (self.relay.clone(), self.wake.clone(), self.stop.clone());
        let run = move || run_relay(config, journal, wake, Arc::new(SystemClock), stop);
        Ok((std::thread::spawn(run), commits))
    }

    async fn drain(&self, events: u64) -> anyhow::Result<()> {
        let mut orders = JoinSet::new();
        for number in 0..events / EVENTS_OF_AN_ORDER {
            if orders.len() >= AT_ONCE {
                orders.join_next().await.context("an order is missing")???;
            }
            let app = self.app.clone();
            orders.spawn(async move { take(&app, number, |_, _| {}).await });
        }
        while let Some(order) = orders.join_next().await {
            order??;
        }
        let newest = self.store.journal_reader()?.newest()?;
        let (relay, mut commits) = self.start_relay()?;
        // What it takes to take over, and to begin, is no part of draining.
        let mut first = None;
        while let Some((position, at_us)) = commits.recv().await {
            if position == 0 {
                continue;
            }
            let (before, since_us) = *first.get_or_insert((position, at_us));
            if position >= newest {
                let seconds = (at_us - since_us) as f64 / 1e6;
                println!("{:.0} events/s", (newest - before) as f64 / seconds);
                break;
            }
        }
        self.stop.cancel();
        relay.join().map_err(|_| anyhow::anyhow!("the relay panicked"))?
    }

    async fn live(&self, rate: u64, seconds: u64) -> anyhow::Result<()> {
        let (relay, _commits) = self.start_relay()?;
        let seen = Seen::default();
        let reader = seen.clone().start(&self.relay.kafka, self.stop.clone());
        // A first order shows that relay and reader are at work.
        let first = take(&self.app, 0, |_, _| {}).await?;
        until(|| seen.at(&first, EVENTS_OF_AN_ORDER as i64).is_some()).await?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut orders = JoinSet::new();
        let began = Instant::now();
        let pause = EVENTS_OF_AN_ORDER as f64 / rate as f64;
        for number in 1..=rate * seconds / EVENTS_OF_AN_ORDER {
            let due = began + Duration::from_secs_f64(number as f64 * pause);
            tokio::time::sleep_until(due.into()).await;
            let (app, told) = (self.app.clone(), Arc::clone(&told));
            orders.spawn(async move {
                let note = |order: &str, sequence| {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.push((order.to_owned(), sequence, Instant::now()));
                };
                take(&app, number, note).await
            });
        }
        while let Some(order) = orders.join_next().await {
            order??;
        }
        let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
        let last = told.last().context("there was no order")?.clone();
        until(|| seen.at(&last.0, last.1).is_some()).await?;
        let mut waits: Vec<Duration> = Vec::with_capacity(told.len());
        for (order, sequence, at) in &told {
            let seen = seen.at(order, *sequence).context("an event was not seen")?;
            waits.push(seen.saturating_duration_since(*at));
        }
        waits.sort_unstable();
        let at =
            |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        let seconds = began.elapsed().as_secs_f64();
        let events = told.len() as f64 / seconds;
        println!("{events:.0} events/s, visible p50 {:.1} ms, p99 {:.1} ms", at(0.5), at(0.99));
        self.stop.cancel();
        reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        relay.join().map_err(|_| anyhow::anyhow!("the relay panicked"))?
    }
}

/// Positions up to which all is committed, each with the moment it was known, microseconds since the Unix epoch.
type Commits = UnboundedReceiver<(i64, i64)>;

/// A journal that tells what of it is committed.
struct Watched {
    journal: OrderJournal,
    committed: UnboundedSender<(i64, i64)>,
}

impl Journal for Watched {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        self.journal.read_after(position, limit, out)
    }

    fn newest(&mut self) -> anyhow::Result<Option<i64>> {
        self.journal.newest()
    }

    fn earlier(&mut self, position: i64, rows: usize) -> anyhow::Result<i64> {
        self.journal.earlier(position, rows)
    }

    fn published(&mut self, position: i64, at_us: i64) -> anyhow::Result<()> {
        // Nobody waits for the last one.
        let _ = self.committed.send((position, at_us));
        Ok(())
    }
}

/// Names an event: its order, and its sequence.
type Name = (Vec<u8>, i64);

/// When each event was read from the topic.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<HashMap<Name, Instant>>>);

impl Seen {
    fn at(&self, order: &str, sequence: i64) -> Option<Instant> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&(order.as_bytes().to_vec(), sequence)).copied()
    }

    fn start(self, kafka: &KafkaConfig, stop: Shutdown) -> JoinHandle<anyhow::Result<()>> {
        let config = ConsumerConfig {
            kafka: kafka.clone(),
            group: "speed".to_owned(),
            topics: vec![ORDER_EVENTS.name.to_owned()],
            max_records: 1_000,
            max_wait: Duration::ZERO,
            tick: Duration::from_secs(1),
        };
        let check = Health::new().check("speed");
        std::thread::spawn(move || run_consumer(config, self, check, stop))
    }
}

impl Inbox for Seen {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        Ok(Vec::new())
    }

    fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(batch.records.into_iter().filter_map(|record| Some((name(record)?, now))));
        Ok(())
    }
}

fn name(record: Incoming) -> Option<Name> {
    let (_, sequence) = record.headers.iter().find(|(name, _)| name == "ce_sequence")?;
    Some((record.key?, std::str::from_utf8(sequence).ok()?.parse().ok()?))
}

async fn until(mut happened: impl FnMut() -> bool) -> anyhow::Result<()> {
    let began = Instant::now();
    while !happened() {
        anyhow::ensure!(began.elapsed() < UNTIL_SEEN, "an event was not seen on the topic");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
