//! Orders that came to rest some time ago move to compact history, a portion at a time, and leave the
//! journal with them: what is read and written every second stays small.
//!
//! Only what is certainly on the topic moves: everything up to the position that Kafka itself holds as
//! published, and of which there are deliveries to endpoints. While Kafka is away nothing moves. Whoever asks Kafka and panics is replaced, later each time.

use crate::domain::Timestamp;
use crate::relay::shards::published;
use crate::store::{Archived, Error, JournalReader, Portion, Store};
use anyhow::{Context, ensure};
use chassis::backoff::Backoff;
use chassis::clock::Clock;
use chassis::kafka::KafkaConfig;
use chassis::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How often it looks for more, in microseconds.
const LOOK_EVERY_US: i64 = 10_000_000;

/// How often it begins anew with the oldest row, in microseconds: an order is met at its last event,
/// and once more then if a task of it was still open.
const BEGIN_ANEW_EVERY_US: i64 = 3_600_000_000;

/// How many rows of the journal a portion takes: a few milliseconds of the writer's time.
const PORTION: usize = 512;

/// The pause after a portion, as a multiple of the time that it took: at most a tenth of the writer's
/// time goes into this, however many come to rest. What is left moves when it is quieter.
const PAUSE_FACTOR: i64 = 9;

/// Looks in vain come further and further apart, whatever stands in the way.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(300));

/// Counts looks in vain, by cause: whoever asks Kafka is gone, or somebody does not answer.
const FAILURES: &str = "orders_archive_failures_total";
const NOBODY_ASKS: &str = "nobody_asks";
const NO_ANSWER: &str = "no_answer";

/// Says up to which position the journal is published. Blocks.
pub trait Published: Send + 'static {
    /// The last position of which that is certain.
    ///
    /// # Errors
    /// When it cannot be known now.
    fn position(&mut self) -> anyhow::Result<i64>;
}

/// What Kafka holds: the relay writes its position in the transaction of the events.
pub struct OnTopic {
    kafka: KafkaConfig,
    store: Arc<dyn Store>,
    journal: Box<dyn JournalReader>,
    runtime: Handle,
}

impl OnTopic {
    /// For the journal of `store`.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn new(kafka: KafkaConfig, store: Arc<dyn Store>, runtime: Handle) -> Result<Self, Error> {
        let journal = store.journal_reader()?;
        Ok(Self { kafka, store, journal, runtime })
    }
}

impl Published for OnTopic {
    fn position(&mut self) -> anyhow::Result<i64> {
        let active = self.runtime.block_on(self.store.division())?.active;
        let published = published(&self.kafka, active)?.into_iter().min().unwrap_or(0);
        let now = self.runtime.block_on(self.store.division())?.active;
        ensure!(now == active, "another generation was opened meanwhile");
        let newest = self.journal.newest()?;
        ensure!(
            published <= newest,
            "published up to {published}, but the journal ends at {newest}: it is another one"
        );
        // What endpoints have not been told of stays where their reader finds it.
        let told = self.runtime.block_on(self.store.deliveries_position())?;
        Ok(published.min(told))
    }
}

/// Moves orders that came to rest `after_ms` ago, until `shutdown`. `ask_anew` makes whoever knows what is
/// published: at the start, and again when they have panicked.
///
/// # Errors
/// None so far: a store or a Kafka that does not answer is asked again.
pub async fn run<P: Published>(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ask_anew: impl Fn() -> anyhow::Result<P>,
    after_ms: i64,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut archivist = Archivist { store, clock, after_ms, reached: 0, begun_at_us: 0 };
    let mut published = None;
    let mut failures = 0;
    for cause in [NOBODY_ASKS, NO_ANSWER] {
        metrics::counter!(FAILURES, "cause" => cause).increment(0);
    }
    loop {
        let pause_us = match archivist.look(&mut published, &ask_anew, &shutdown).await {
            Ok(()) => {
                failures = 0;
                LOOK_EVERY_US
            }
            Err(error) => {
                let cause = if published.is_none() { NOBODY_ASKS } else { NO_ANSWER };
                metrics::counter!(FAILURES, "cause" => cause).increment(1);
                if failures == 0 {
                    tracing::warn!(error = %format!("{error:#}"), "no order moves to compact history");
                }
                failures += 1;
                i64::try_from(BACKOFF.delay(failures - 1).as_micros()).unwrap_or(LOOK_EVERY_US)
            }
        };
        let clock = &archivist.clock;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = clock.sleep_until(clock.now_us() + pause_us) => {}
        }
    }
}

/// On a thread of its own: a Kafka that does not answer holds up no stop.
fn ask<P: Published>(
    mut published: P,
) -> anyhow::Result<oneshot::Receiver<(P, anyhow::Result<i64>)>> {
    let (reply, answer) = oneshot::channel();
    std::thread::Builder::new().name("published".to_owned()).spawn(move || {
        let position = published.position();
        // Nobody waits any more after a stop.
        let _ = reply.send((published, position));
    })?;
    Ok(answer)
}

struct Archivist {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    after_ms: i64,
    reached: i64,
    begun_at_us: i64,
}

impl Archivist {
    /// Moves what may move now.
    async fn look<P: Published>(
        &mut self,
        published: &mut Option<P>,
        ask_anew: impl Fn() -> anyhow::Result<P>,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        let asked = match published.take() {
            Some(asked) => asked,
            None => ask_anew()?,
        };
        let (asked, position) = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            answer = ask(asked)? => answer.context("whoever asks what is published has panicked")?,
        };
        *published = Some(asked);
        let position = position.context("how much is published is not known")?;
        if self.clock.now_us() - self.begun_at_us >= BEGIN_ANEW_EVERY_US {
            (self.reached, self.begun_at_us) = (0, self.clock.now_us());
        }
        while !shutdown.is_cancelled() {
            let began_us = self.clock.now_us();
            if !self.take_portion(position).await? {
                break;
            }
            let now_us = self.clock.now_us();
            let until_us = now_us + (now_us - began_us) * PAUSE_FACTOR;
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.clock.sleep_until(until_us) => {}
            }
        }
        Ok(())
    }

    /// Whether there is more.
    async fn take_portion(&mut self, published: i64) -> Result<bool, Error> {
        let now = Timestamp(self.clock.now_us());
        let before = now.plus_ms(-self.after_ms);
        let portion = Portion { after: self.reached, published, before, now, limit: PORTION };
        let Archived { reached, has_more, orders, bytes, .. } = self.store.archive(portion).await?;
        self.reached = reached;
        metrics::counter!("orders_archived_total").increment(orders as u64);
        metrics::counter!("orders_archived_bytes_total").increment(bytes as u64);
        metrics::gauge!("orders_archive_position").set(reached as f64);
        Ok(has_more)
    }
}

#[cfg(test)]
mod tests;
