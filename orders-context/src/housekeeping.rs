//! Takes out what has had its time, in small portions that nobody has to wait for.

use crate::app::{App, Failure};
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::sync::Arc;

/// How often it looks, in microseconds.
const LOOK_EVERY_US: i64 = 60_000_000;

/// How soon it goes on when there was more, in microseconds.
const GO_ON_AFTER_US: i64 = 100_000;

/// How much one transaction takes out.
const PORTION: usize = 1_000;

/// Runs until `shutdown`.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(app: App, clock: Arc<dyn Clock>, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        let wait_us = match forget(&app).await {
            Ok(true) => GO_ON_AFTER_US,
            Ok(false) => LOOK_EVERY_US,
            Err(failure) => {
                tracing::warn!(error = %failure, "what has had its time was not forgotten");
                LOOK_EVERY_US
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = clock.sleep_until(clock.now_us() + wait_us) => {}
        }
    }
}

/// Forgets a portion of each; whether there may be more.
async fn forget(app: &App) -> Result<bool, Failure> {
    let (keys, tickets) = (app.forget_keys(PORTION).await?, app.forget_tickets(PORTION).await?);
    let presences = app.forget_presences(PORTION).await?;
    let deliveries = app.forget_deliveries(PORTION).await?;
    Ok(keys.max(tickets).max(presences).max(deliveries) == PORTION)
}
