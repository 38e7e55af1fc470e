//! More is asked for than can be done: new orders that cannot be done are refused at once, and those
//! which were taken are never refused anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use system_tests::eventually::eventually;
use tokio::task::JoinSet;

use super::served::Served;

/// Waiting commands that it takes, a quarter of them new orders.
const QUEUE: &str = "1024";

/// Customers who ask at the same time: more than may wait to place, and, as each of them asks for one thing at
/// a time, so few that with 128 tasks and the deadlines' eighth they find room for everything else.
const FLOOD: usize = 512;

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
    // However slow these customers are and however quick the disk is: at first it is a flood.
    let hung = served.hang()?;
    for at in 0..FLOOD {
        let (served, placed) = (Arc::clone(&served), Arc::clone(&placed));
        let refused = Arc::clone(&refused);
        flood.spawn(async move {
            let mut number = 0;
            while placed.load(Ordering::SeqCst) < WANTED {
                ensure!(started.elapsed() < LIMIT, "orders do not come through");
                number += 1;
                match order(&served, &format!("c-{at}"), &format!("\"{at}-{number}\"")).await? {
                    Ok(id) => {
                        placed.fetch_add(1, Ordering::SeqCst);
                        bring_to_its_end(&served, &id).await?;
                    }
                    Err(code) if code == "overloaded" => _ = refused.fetch_add(1, Ordering::SeqCst),
                    Err(_) => {}
                }
            }
            Ok(())
        });
    }
    eventually("somebody is refused", LIMIT, async || {
        Ok((refused.load(Ordering::SeqCst) > 0).then_some(()))
    })
    .await?;
    drop(hung);
    while let Some(ended) = flood.join_next().await {
        ended??;
    }
    ensure!(served.peak_bytes()? < MOST_BYTES, "it grew to {} bytes", served.peak_bytes()?);
    // Once the flood is over, everything is as before.
    ensure!(order(&served, "c-after", "\"after\"").await?.is_ok(), "it does not recover");
    Ok(())
}

/// Nothing of it is refused, however many new orders are.
async fn bring_to_its_end(served: &Served, id: &str) -> Result<()> {
    for decision in ["accept", "complete"] {
        let answer = served.api.decide(id, decision, &json!({})).await?;
        ensure!(answer.status == 200, "{decision}: {answer:?}");
    }
    Ok(())
}

/// The order's id, if it was placed, or why not; a refusal must say when to come back.
async fn order(served: &Served, customer: &str, key: &str) -> Result<Result<String, String>> {
    let answer = served.place(customer, key).await?;
    match answer.status {
        201 => Ok(Ok(answer.body["id"].as_str().context("an order without an id")?.to_owned())),
        status @ (429 | 503) => {
            answer.retry_after.context("no Retry-After that is a number")?;
            ensure!(answer.body["status"] == status, "{answer:?}");
            Ok(Err(answer.code().to_owned()))
        }
        _ => anyhow::bail!("{answer:?}"),
    }
}
