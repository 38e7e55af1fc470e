//! Takes out what has had its time, in small portions that nobody has to wait for.

use crate::app::App;
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
        let wait_us = match app.forget_keys(PORTION).await {
            Ok(PORTION) => GO_ON_AFTER_US,
            Ok(_) => LOOK_EVERY_US,
            Err(failure) => {
                tracing::warn!(error = %failure, "old idempotency keys were not forgotten");
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
