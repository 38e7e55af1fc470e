//! One shard of the journal, generation after generation.
//!
//! A shard's relay publishes its part of the generation that is open. When a later one has begun, it
//! publishes to the end and says so in Kafka; once all shards have, the next generation is opened, and
//! its relays begin where that one ended. Whoever dies on the way is succeeded by the next holder of
//! the lease, who finds all of this in the database and in Kafka.

use super::OrderJournal;
use super::records::SchemaIds;
use crate::leases::Held;
use crate::store::{Division, Generation, Store};
use anyhow::ensure;
use chassis::backoff::Backoff;
use chassis::clock::Clock;
use chassis::kafka::KafkaConfig;
use chassis::kafka::relay::{RelayConfig, read_position, run_relay};
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use schemas::registry::RegistryClient;
use schemas::topics::{ORDER_EVENTS, ORDER_STATES, ORDERS_RELAY};
use std::sync::Arc;
use std::time::Duration;

/// Between two questions to a registry, a database or a broker that does not answer.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// How often it is asked whether the other shards have come to the end of a generation.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What all shards of a process share.
pub struct Shards {
    /// Holds journal and division.
    pub store: Arc<dyn Store>,
    /// Where to publish.
    pub kafka: KafkaConfig,
    /// Knows our schema.
    pub registry: RegistryClient,
    /// For the age of what is not published.
    pub clock: Arc<dyn Clock>,
    /// How often one idle relay looks at the journal without having been woken; several look as
    /// often together.
    pub look_every: Duration,
}

impl Shards {
    /// Publishes one shard until `stop`, or until its lease is no longer `held`. Kafka, registry and
    /// database may be away: the journal grows meanwhile.
    ///
    /// # Errors
    /// When what is published, or the journal, is not what it was.
    pub async fn publish(
        self: Arc<Self>,
        shard: i32,
        wake: Signal,
        held: Held,
        stop: Shutdown,
    ) -> anyhow::Result<()> {
        let Some(schema_ids) = self.schema_ids(&stop).await else { return Ok(()) };
        let mut failures = 0;
        while !stop.is_cancelled() {
            let division = match self.store.division().await {
                Ok(division) if held.is_valid() => division,
                // It is about to be told to stop, unless the lease turns out to be held.
                Ok(_) => {
                    pause(LOOK_EVERY, &stop).await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(shard, %error, "a relay waits for its database");
                    failures += 1;
                    pause(AGAIN.delay(failures), &stop).await;
                    continue;
                }
            };
            failures = 0;
            match self.next_step(division, shard).await? {
                Step::Publish => {
                    let (active, wake, held) = (division.active, wake.clone(), held.clone());
                    let run = Run { active, shard, schema_ids, wake, held };
                    let (shards, stop) = (Arc::clone(&self), stop.clone());
                    tokio::task::spawn_blocking(move || shards.publish_generation(run, stop))
                        .await??;
                }
                Step::Look => {}
                Step::Wait => pause(LOOK_EVERY, &stop).await,
            }
        }
        Ok(())
    }

    /// Blocks. Kafka fences whoever published before, so that nothing is published twice even if
    /// they have not noticed that their lease is lost.
    fn publish_generation(&self, run: Run, stop: Shutdown) -> anyhow::Result<()> {
        let Run { active, shard, schema_ids, wake, held } = run;
        let reader = self.store.shard_reader(active, shard)?;
        let journal = OrderJournal::new(reader, active, schema_ids, held)?;
        let look_every = self.look_every * active.shards.unsigned_abs();
        let relay = RelayConfig { look_every, ..relay_config(&self.kafka, shard) };
        run_relay(relay, journal, wake, Arc::clone(&self.clock), stop)
    }

    /// What is to be done for a shard. Opens the next generation once everything before it is
    /// published.
    async fn next_step(&self, division: Division, shard: i32) -> anyhow::Result<Step> {
        let Division { active, next } = division;
        let is_ours = shard < active.shards;
        let Some(next) = next else {
            return Ok(if is_ours { Step::Publish } else { Step::Wait });
        };
        let (kafka, end) = (self.kafka.clone(), next.begins_after);
        let positions = match tokio::task::spawn_blocking(move || published(&kafka, active)).await?
        {
            Ok(positions) => positions,
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "published positions cannot be read");
                return Ok(Step::Wait);
            }
        };
        let has_ended = |shard| positions.get(shard).is_none_or(|position| *position >= end);
        if is_ours && !usize::try_from(shard).is_ok_and(has_ended) {
            return Ok(Step::Publish);
        }
        if let Some(shard) = positions.iter().position(|position| *position > end) {
            // Another may have opened it meanwhile, and its relays are beyond its beginning.
            let now = self.store.division().await;
            let is_open = !matches!(now, Ok(now) if now.active == active);
            ensure!(is_open, "shard {shard} was published beyond the end of its generation");
            return Ok(Step::Look);
        }
        if !(0..positions.len()).all(has_ended) {
            return Ok(Step::Wait);
        }
        match self.store.open_generation(next.number).await {
            Ok(()) => {
                let Generation { number, shards, .. } = next;
                tracing::info!(generation = number, shards, "a generation is open");
                Ok(Step::Look)
            }
            Err(error) => {
                tracing::warn!(%error, "a generation is not open yet");
                Ok(Step::Wait)
            }
        }
    }

    /// The ids of our schemas, asked until the registry answers; `None` when stopped meanwhile.
    async fn schema_ids(&self, stop: &Shutdown) -> Option<SchemaIds> {
        let mut attempt = 0;
        while !stop.is_cancelled() {
            match SchemaIds::of(&self.registry).await {
                Ok(ids) => return Some(ids),
                Err(error) => tracing::warn!(error = %error, "events wait for the schema registry"),
            }
            pause(AGAIN.delay(attempt), stop).await;
            attempt += 1;
        }
        None
    }
}

/// What is to be done for a shard.
enum Step {
    /// Its part of the generation that is open.
    Publish,
    /// Nothing; things have changed.
    Look,
    /// Nothing, until others have done theirs.
    Wait,
}

struct Run {
    active: Generation,
    shard: i32,
    schema_ids: SchemaIds,
    wake: Signal,
    held: Held,
}

async fn pause(time: Duration, stop: &Shutdown) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stop.cancelled() => {}
    }
}

/// The relay of a shard, as Kafka knows it.
#[must_use]
pub fn relay_config(kafka: &KafkaConfig, shard: i32) -> RelayConfig {
    let (name, topics) = (format!("orders-relay-{shard}"), [ORDER_EVENTS.name, ORDER_STATES.name]);
    RelayConfig { shard, ..RelayConfig::new(kafka.clone(), &name, ORDERS_RELAY.name, &topics) }
}

/// Up to where each shard of `generation` is published: a position of the journal. Blocks.
///
/// # Errors
/// When Kafka does not answer, or the topic of positions has too few partitions.
pub fn published(kafka: &KafkaConfig, generation: Generation) -> anyhow::Result<Vec<i64>> {
    let of = |shard| {
        let position = read_position(kafka, ORDERS_RELAY.name, shard)?.unwrap_or(0);
        // What an earlier generation left there is behind the beginning of this one.
        Ok(position.max(generation.begins_after))
    };
    (0..generation.shards).map(of).collect()
}

/// The same for who may not block.
///
/// # Errors
/// As [`published`].
pub async fn ask_published(kafka: &KafkaConfig, active: Generation) -> anyhow::Result<Vec<i64>> {
    let kafka = kafka.clone();
    tokio::task::spawn_blocking(move || published(&kafka, active)).await?
}

/// Before anything is written to a journal: that it is the one that was `published`, and that a new one is divided
/// as `wanted`. Neither, where Kafka does not say what was: a relay asks again when it takes over.
///
/// # Errors
/// It is another journal, or the database does not answer.
pub async fn begin(
    store: &dyn Store,
    published: anyhow::Result<Vec<i64>>,
    wanted: Option<i32>,
) -> anyhow::Result<()> {
    match published {
        Ok(published) => {
            require_whole(store, &published).await?;
            divide(store, wanted).await
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(
                error,
                "Kafka does not say what is published: the journal is not compared, nor divided"
            );
            Ok(())
        }
    }
}

async fn divide(store: &dyn Store, wanted: Option<i32>) -> anyhow::Result<()> {
    let division = store.division().await?;
    let latest = division.next.unwrap_or(division.active).shards;
    let Some(wanted) = wanted.filter(|wanted| *wanted != latest) else { return Ok(()) };
    if newest(store).await? > 0 {
        tracing::warn!(
            wanted,
            shards = latest,
            "ORDERS_RELAY_SHARDS is for a new journal: `orders reshard` changes this one"
        );
        return Ok(());
    }
    store.reshard(wanted).await?;
    Ok(())
}

async fn newest(store: &dyn Store) -> anyhow::Result<i64> {
    let mut journal = store.journal_reader()?;
    Ok(tokio::task::spawn_blocking(move || journal.newest()).await??)
}

/// Refuses a journal that ends before what was `published`: it is another one, or an earlier state of its own.
/// To be asked before anything is written to it, which may move its end beyond that.
///
/// # Errors
/// It is so, or the database does not answer.
pub async fn require_whole(store: &dyn Store, published: &[i64]) -> anyhow::Result<()> {
    let (newest, furthest) = (newest(store).await?, published.iter().copied().max().unwrap_or(0));
    ensure!(
        furthest <= newest,
        "orders were published up to {furthest}, but this journal ends at {newest}: it is another one, or \
         was copied to where orders went on, or restored from before"
    );
    Ok(())
}
