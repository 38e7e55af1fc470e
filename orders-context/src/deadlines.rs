//! Lets orders do what is due: expire, time out, remind. A waiting order is a row with a moment.

use crate::app::App;
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The longest sleep: a moment set meanwhile is met at most this late, in microseconds.
const LOOK_EVERY_US: i64 = 1_000_000;

/// How many orders are looked at together.
const AT_ONCE: usize = 512;

/// Runs until `shutdown`.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(app: App, clock: Arc<dyn Clock>, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        let look_at_us = match wake_due(&app).await {
            Ok(next_us) => next_us,
            Err(failure) => {
                tracing::warn!(error = %failure, "due orders were not all looked at");
                clock.now_us() + LOOK_EVERY_US
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = clock.sleep_until(look_at_us) => {}
        }
    }
}

/// Looks at what is due; when to look again, in microseconds.
async fn wake_due(app: &App) -> anyhow::Result<i64> {
    let due = app.due_orders(AT_ONCE).await?;
    let full = due.len() == AT_ONCE;
    let mut waking = JoinSet::new();
    for order_id in due {
        let app = app.clone();
        waking.spawn(async move { app.wake_order(order_id).await });
    }
    while let Some(woken) = waking.join_next().await {
        woken??;
    }
    let now_us = app.now().0;
    if full {
        return Ok(now_us);
    }
    let latest = now_us + LOOK_EVERY_US;
    Ok(app.next_wake_at().await?.map_or(latest, |at| at.0.min(latest)))
}
