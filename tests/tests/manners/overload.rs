//! More is asked for than can be done: what cannot be done is refused at once, the rest is done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use super::served::Served;

/// Waiting commands that it takes; the flood is far more.
const QUEUE: &str = "8";

/// Requests that are under way at the same time.
const FLOOD: usize = 256;

/// Orders that must come through all the same.
const WANTED: usize = 400;

/// A process that takes less than this is not growing with its flood.
const MOST_BYTES: u64 = 512 * 1_024 * 1_024;

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_and_orders_come_through() -> Result<()> {
    let served = Arc::new(Served::start(&[("ORDERS_QUEUE", QUEUE), ("ORDERS_GROUP", "4")]).await?);
    let (placed, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let mut flood = JoinSet::new();
    for at in 0..FLOOD {
        let (served, placed) = (Arc::clone(&served), Arc::clone(&placed));
        let refused = Arc::clone(&refused);
        flood.spawn(async move {
            let mut number = 0;
            while placed.load(Ordering::SeqCst) < WANTED {
                ensure!(started.elapsed() < LIMIT, "orders do not come through");
                number += 1;
                match order(&served, &format!("c-{at}"), &format!("\"{at}-{number}\"")).await? {
                    true => placed.fetch_add(1, Ordering::SeqCst),
                    false => refused.fetch_add(1, Ordering::SeqCst),
                };
            }
            Ok(())
        });
    }
    while let Some(ended) = flood.join_next().await {
        ended??;
    }
    ensure!(refused.load(Ordering::SeqCst) > 0, "the flood was none: nothing was refused");
    ensure!(served.peak_bytes()? < MOST_BYTES, "it grew to {} bytes", served.peak_bytes()?);
    // Once the flood is over, everything is as before.
    ensure!(order(&served, "c-after", "\"after\"").await?, "it does not recover");
    Ok(())
}

/// Whether the order was placed; a refusal must say when to come back.
async fn order(served: &Served, customer: &str, key: &str) -> Result<bool> {
    let answer = served.place(customer, key).await?;
    match answer.status {
        201 => Ok(true),
        status @ (429 | 503) => {
            answer.retry_after.context("no Retry-After that is a number")?;
            ensure!(answer.body["status"] == status, "{answer:?}");
            Ok(false)
        }
        _ => anyhow::bail!("{answer:?}"),
    }
}
