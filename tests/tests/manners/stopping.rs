//! A process is asked to stop while orders come in.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, ensure};
use tokio::{sync::Notify, task::JoinSet};

use super::served::Served;

/// Customers who order one thing after another.
const CUSTOMERS: usize = 24;

/// So many orders are in before it is asked to stop.
const BEFORE: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn no_answered_order_is_lost_by_an_orderly_stop() -> Result<()> {
    let mut served = Served::start(&[]).await?;
    let shared = Arc::new(served);
    let (answered, stopping) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let mut customers = JoinSet::new();
    for at in 0..CUSTOMERS {
        let (served, answered) = (Arc::clone(&shared), Arc::clone(&answered));
        let stopping = Arc::clone(&stopping);
        customers.spawn(async move {
            let mut placed = 0_usize;
            loop {
                let key = format!("\"{at}-{placed}\"");
                let answer = served.place(&format!("c-{at}"), &key).await;
                match answer.as_ref().map(|answer| answer.status) {
                    Ok(201) => placed += 1,
                    // It said that it is about to stop, or it listens no more.
                    Ok(503) | Err(_) if stopping.load(Ordering::SeqCst) => return Ok(placed),
                    _ => anyhow::bail!("{answer:?}"),
                }
                answered.notify_one();
            }
        });
    }
    for _ in 0..BEFORE {
        answered.notified().await;
    }
    stopping.store(true, Ordering::SeqCst);
    shared.ask_to_stop()?;
    let mut acknowledged = 0;
    while let Some(placed) = customers.join_next().await {
        acknowledged += placed??;
    }
    served = Arc::into_inner(shared).ok_or_else(|| anyhow::anyhow!("somebody still orders"))?;
    served.ended_well()?;
    let stored = served.stored()?;
    // What was committed and not answered any more is found again by its key; what was answered is there.
    ensure!(stored >= acknowledged, "{acknowledged} answered, {stored} stored");
    ensure!(stored <= acknowledged + CUSTOMERS, "{acknowledged} answered, {stored} stored");
    Ok(())
}
