//! `orders reshard`: another number of relays, while orders are taken and published.
//!
//! One statement in the database is the whole change; instances carry it out. So this may be killed
//! at any moment and called again, and running instances need not be restarted.

use crate::relay::shards::{ask_published, require_whole};
use crate::store::{Resharded, Store};
use anyhow::{Context, bail, ensure};
use chassis::kafka::KafkaConfig;
use chassis::kafka::relay::read_position;
use schemas::topics::ORDERS_RELAY;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is asked how far the relays are.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Divides the journal among `shards` relays and waits at most `wait` until they publish it so; a
/// sentence that says what was done.
///
/// # Errors
/// When the topic of positions has too few partitions or is another journal's, another change is under way,
/// or the relays do not come to the end of what was before in time: they go on then.
pub async fn reshard(
    store: Arc<dyn Store>,
    kafka: KafkaConfig,
    shards: i32,
    wait: Duration,
) -> anyhow::Result<String> {
    let checked = kafka.clone();
    let has_partition =
        tokio::task::spawn_blocking(move || read_position(&checked, ORDERS_RELAY.name, shards - 1));
    has_partition.await?.context("run `orders topics apply` first")?;
    // What begins with a new generation counts as written.
    let published = ask_published(&kafka, store.division().await?.active).await?;
    require_whole(&*store, &published).await?;
    let outcome = store.reshard(shards).await?;
    if let Resharded::UnderWay(other) = outcome {
        bail!("a change to {other} relays is under way: wait for its end (orders reshard {other})");
    }
    let began = Instant::now();
    loop {
        let division = store.division().await?;
        let Some(next) = division.next else {
            return Ok(match outcome {
                Resharded::Begun => format!("the journal is published by {shards} relays now"),
                _ => format!("the journal is published by {shards} relays"),
            });
        };
        let active = division.active;
        let positions = ask_published(&kafka, active).await?;
        let behind = positions.iter().filter(|position| **position < next.begins_after).count();
        ensure!(
            began.elapsed() < wait,
            "{behind} of {} relays have not come to the end of what was before; they go on by \
             themselves while `orders serve` runs (--wait SECONDS waits longer)",
            active.shards
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
