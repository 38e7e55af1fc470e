//! `orders verify`: is the topic the journal, order by order?
//!
//! Per order the topic must hold the journal's events: the same, in the same order, each once under
//! `read_committed`. The journal itself must have no gap. And the last state of each order on the topic of states
//! must be what its journal makes of it.

mod states;

use crate::relay::{shards::published, to_event};
use crate::store::{Division, Generation, JournalRow, Kept, Store, ToPublish};
use anyhow::{Context, ensure};
use chassis::kafka::scan::{Isolation, scan, settles};
use chassis::kafka::{Incoming, KafkaConfig};
use schemas::order_events::OrderEvent;
use schemas::registry::{RecordReader, RegistryClient};
use schemas::topics::{ORDER_EVENTS, ORDER_STATES};
use schemas::{EncodeError, Encoder, Event};
use states::States;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How many orders are read at once.
const PAGE: usize = 1_000;

/// How often the relay's position is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long readers may take to see what the relays have published. What they do not see by then differs.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// How many differences are printed.
const SHOWN: usize = 20;

/// What was compared, and what differs.
#[derive(Debug, Default)]
pub struct Report {
    /// Orders in the journal.
    pub orders: usize,
    /// Rows of the journal.
    pub journal_events: usize,
    /// Events on the topic under `read_committed`.
    pub topic_events: usize,
    /// Orders whose state is on the topic of states.
    pub topic_states: usize,
    /// One line each.
    pub differences: Vec<String>,
}

/// An event as both sides show it: its sequence and a hash of everything that is published of it.
type Seen = (i64, u64);

/// Compares journal and topic, also of orders in compact history. Waits at most `wait` until the
/// relays have published what the journal holds at the beginning. Blocks.
///
/// # Errors
/// When the store or Kafka cannot be read, or a relay lags for longer than `wait`.
pub fn verify(
    kafka: &KafkaConfig,
    registry: &RegistryClient,
    store: &dyn Store,
    wait: Duration,
    runtime: &Handle,
) -> anyhow::Result<Report> {
    let published = wait_for_relays(kafka, store, wait, runtime)?;
    for topic in [ORDER_EVENTS.name, ORDER_STATES.name] {
        settles(kafka, topic, SHOWN_WITHIN)?;
    }
    let mut topic = Topic::new(registry, runtime)?;
    scan(kafka, ORDER_EVENTS.name, Isolation::Committed, |record| topic.take(&record))?;
    let Topic { mut seen, events, mut report, encoder, .. } = topic;
    report.topic_events = events;
    let mut states = States::new(registry, runtime);
    scan(kafka, ORDER_STATES.name, Isolation::Committed, |record| {
        states.take(record, &mut report)
    })?;
    report.topic_states = states.len();
    let mut reader = store.journal_reader()?;
    let mut after = String::new();
    loop {
        let order_ids = runtime.block_on(store.known_ids(after.clone(), PAGE))?;
        let Some(last) = order_ids.last() else { break };
        after.clone_from(last);
        let kept = runtime.block_on(store.kept(order_ids))?;
        // After the journals, so that whoever has no tombstone here had none there.
        let asked: Vec<&str> = kept.iter().map(|kept| &*kept.order_id).collect();
        let tombstones = reader.known_of(&asked, 0)?.tombstones;
        for kept in &kept {
            let theirs = seen.remove(&kept.order_id).unwrap_or_default();
            compare(kept, &published, &encoder, theirs, &mut report)?;
            let tombstone = tombstones.iter().find(|stone| stone.order_id == kept.order_id);
            states.compare(kept, tombstone, &published, &mut report);
        }
    }
    states.compare_rest(&mut report);
    for (order_id, rest) in seen {
        report.has_beyond(&order_id, &rest);
    }
    Ok(report)
}

/// How far each shard of the journal is published.
struct Published {
    generation: Generation,
    positions: Vec<i64>,
}

impl Published {
    fn has(&self, row: &JournalRow) -> bool {
        self.has_come_to(row.position, &row.order_id)
    }

    fn has_come_to(&self, position: i64, order_id: &str) -> bool {
        let shard = self.generation.shard_of(order_id);
        let published = usize::try_from(shard).ok().and_then(|shard| self.positions.get(shard));
        published.is_some_and(|published| position <= *published)
    }
}

/// Waits until each shard has come to where the journal ended at the beginning.
fn wait_for_relays(
    kafka: &KafkaConfig,
    store: &dyn Store,
    wait: Duration,
    runtime: &Handle,
) -> anyhow::Result<Published> {
    let began = Instant::now();
    let newest = store.journal_reader()?.newest()?;
    loop {
        let Division { active, next } = runtime.block_on(store.division())?;
        let positions = published(kafka, active)?;
        if next.is_none() && have_come_to(newest, store, active, &positions)? {
            return Ok(Published { generation: active, positions });
        }
        ensure!(
            began.elapsed() < wait,
            "the relays have published up to {positions:?}, the journal ends at {newest}: is `orders \
             serve` running? (--wait SECONDS waits longer)"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Whether nothing up to `newest` is left to publish in any shard.
fn have_come_to(
    newest: i64,
    store: &dyn Store,
    generation: Generation,
    positions: &[i64],
) -> anyhow::Result<bool> {
    for (shard, position) in (0..).zip(positions) {
        let mut next = ToPublish::default();
        if *position < newest {
            store.shard_reader(generation, shard)?.read_to_publish(*position, 1, &mut next)?;
        }
        let rows = next.rows.iter().map(|row| row.position);
        let mut positions = rows.chain(next.tombstones.iter().map(|stone| stone.position));
        if positions.any(|position| position <= newest) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The topic's events per order, the next one first.
struct Topic {
    reader: RecordReader<OrderEvent>,
    runtime: Handle,
    encoder: Encoder<OrderEvent>,
    seen: HashMap<String, VecDeque<Seen>>,
    events: usize,
    report: Report,
}

impl Topic {
    fn new(registry: &RegistryClient, runtime: &Handle) -> anyhow::Result<Self> {
        Ok(Self {
            reader: RecordReader::new(registry),
            runtime: runtime.clone(),
            encoder: Encoder::new(0)?,
            seen: HashMap::new(),
            events: 0,
            report: Report::default(),
        })
    }

    fn take(&mut self, record: &Incoming) -> anyhow::Result<()> {
        let at = format!("partition {} offset {}", record.partition, record.offset);
        let payload = record.payload.as_deref().unwrap_or_default();
        let event = match read(&mut self.reader, &self.runtime, payload)? {
            Ok(event) => event,
            Err(cause) => {
                self.report.differs(format!("{at}: not an order event: {cause}"));
                return Ok(());
            }
        };
        self.events += 1;
        if record.key.as_deref() != Some(event.order_id.as_bytes()) {
            self.report.differs(format!("{at}: keyed otherwise than by order {}", event.order_id));
        }
        match fingerprint(&self.encoder, &event) {
            Ok(seen) => self.seen.entry(event.order_id).or_default().push_back(seen),
            Err(cause) => self.report.differs(format!("{at}: not an event of ours: {cause}")),
        }
        Ok(())
    }
}

/// The record, or why it is none. Fails when the registry cannot be asked.
fn read<E: Event>(
    reader: &mut RecordReader<E>,
    runtime: &Handle,
    payload: &[u8],
) -> anyhow::Result<Result<E, String>> {
    let read = runtime.block_on(reader.read(payload));
    read.context("the schema of a record cannot be looked up")
}

fn fingerprint(encoder: &Encoder<OrderEvent>, event: &OrderEvent) -> Result<Seen, EncodeError> {
    let mut bytes = Vec::with_capacity(256);
    encoder.encode(event, &mut bytes)?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Ok((event.sequence, hasher.finish()))
}

fn compare(
    kept: &Kept,
    published: &Published,
    encoder: &Encoder<OrderEvent>,
    mut theirs: VecDeque<Seen>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let order_id = &kept.order_id;
    for cause in &kept.unreadable {
        report.differs(format!("{order_id}: cannot be read: {cause}"));
    }
    let mut before = 0;
    for row in &kept.journal {
        let sequence = row.sequence;
        if sequence != before + 1 {
            report.differs(format!("{order_id}: the journal goes from {before} to {sequence}"));
        }
        before = sequence;
        let ours = fingerprint(encoder, &to_event(row.clone()))?;
        match theirs.pop_front() {
            Some(theirs) if theirs == ours => {}
            Some((theirs, _)) => report.differs(format!(
                "{order_id}: the journal has event {sequence} where the topic has {theirs}"
            )),
            None if published.has(row) => {
                report.differs(format!("{order_id}: event {sequence} is missing from the topic"));
            }
            None => {}
        }
    }
    report.orders += usize::from(!kept.journal.is_empty());
    report.journal_events += kept.journal.len();
    report.has_beyond(order_id, &theirs);
    Ok(())
}

impl Report {
    fn has_beyond(&mut self, order_id: &str, rest: &VecDeque<Seen>) {
        if !rest.is_empty() {
            let sequences: Vec<i64> = rest.iter().map(|(sequence, _)| *sequence).collect();
            self.differs(format!("{order_id}: on the topic beyond the journal: {sequences:?}"));
        }
    }

    fn differs(&mut self, what: String) {
        self.differences.push(what);
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { orders, journal_events, topic_events, topic_states, differences } = self;
        writeln!(
            f,
            "orders {orders}, journal {journal_events} events, topic {topic_events} events, \
             {topic_states} states"
        )?;
        for difference in differences.iter().take(SHOWN) {
            writeln!(f, "  {difference}")?;
        }
        match differences.len() {
            0 => write!(f, "clean: the topics equal the journal"),
            n if n > SHOWN => write!(f, "{n} differences, the first {SHOWN} shown"),
            n => write!(f, "{n} differences"),
        }
    }
}

#[cfg(test)]
mod tests;
