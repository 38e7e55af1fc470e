//! Erases persons, soon after it was asked for.

use crate::app::App;
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::sync::Arc;

/// How often it looks, in microseconds.
const LOOK_EVERY_US: i64 = 1_000_000;

/// Runs until `shutdown`. Of several instances each may run it: what one has erased another does not
/// find.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(app: App, clock: Arc<dyn Clock>, shutdown: Shutdown) -> anyhow::Result<()> {
    loop {
        match app.erase_open().await {
            Ok(0) => {}
            Ok(erasures) => tracing::info!(erasures, "persons were erased"),
            Err(failure) => tracing::warn!(error = %failure, "a person was not erased yet"),
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = clock.sleep_until(clock.now_us() + LOOK_EVERY_US) => {}
        }
    }
}
