//! Waiting for a condition, never for a time.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Asks `probe` until it answers, at most for `limit`; a probe that fails is asked again. The
/// failure names what was waited for and what came last.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let started = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let last = match probe().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if started.elapsed() > limit {
            let cause = last.map(|error| format!(" (last: {error:#})")).unwrap_or_default();
            bail!("waited {} s in vain for this: {what}{cause}", limit.as_secs());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}
