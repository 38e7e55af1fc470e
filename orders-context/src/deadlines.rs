//! Lets orders do what is due: expire, time out, remind. A waiting order is a row with a moment.
//!
//! However much is due at once, few orders are on their way at a time ([`Limits::for_deadlines`]), so
//! that the commands of people find room, and the next ones are there before these are durable.
//!
//! [`Limits::for_deadlines`]: crate::app::group::Limits::for_deadlines

use crate::app::{App, Due, Failure};
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The longest sleep: a moment set meanwhile is met at most this late, in microseconds.
const LOOK_EVERY_US: i64 = 1_000_000;

/// How many due orders are read at once.
const PAGE: usize = 1_024;

/// From the moment an order wanted to be looked at to the moment that what it did was durable.
const LATENESS: &str = "orders_deadline_lateness_seconds";

/// Runs until `shutdown`, with at most `share` orders on their way at a time.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(
    app: App,
    clock: Arc<dyn Clock>,
    share: usize,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    loop {
        let look_at_us = match wake_due(&app, share, &shutdown).await {
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

/// Looks once at each order that is due, the most overdue first; when to look again, in
/// microseconds. One that fails stays due, and is met again by the next look.
async fn wake_due(app: &App, share: usize, shutdown: &Shutdown) -> Result<i64, Failure> {
    let mut waking = Waking::new(app, share);
    let mut after = None;
    loop {
        let page = app.due_orders(after, PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(Due::place);
        for due in page {
            if shutdown.is_cancelled() {
                break;
            }
            waking.start(due).await;
        }
        if is_last || shutdown.is_cancelled() {
            break;
        }
    }
    waking.finish().await?;
    let latest = app.now().0 + LOOK_EVERY_US;
    Ok(app.next_wake_at().await?.map_or(latest, |at| at.0.min(latest)))
}

/// The orders that are on their way.
struct Waking<'a> {
    app: &'a App,
    share: usize,
    started: JoinSet<Result<(), Failure>>,
    failed: Option<Failure>,
}

impl<'a> Waking<'a> {
    fn new(app: &'a App, share: usize) -> Self {
        Self { app, share, started: JoinSet::new(), failed: None }
    }

    /// Waits until there is room.
    async fn start(&mut self, due: Due) {
        while self.started.len() >= self.share {
            self.note_one().await;
        }
        let app = self.app.clone();
        self.started.spawn(async move {
            let wake_at = due.wake_at;
            app.wake_due(due).await?;
            let late_us = app.now().0.saturating_sub(wake_at.0);
            metrics::histogram!(LATENESS).record(late_us as f64 / 1e6);
            Ok(())
        });
    }

    async fn note_one(&mut self) {
        match self.started.join_next().await {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(failure))) => self.failed = Some(failure),
            Some(Err(ended)) => self.failed = Some(Failure::Unavailable(ended.into())),
        }
    }

    /// Waits for all. The last failure, if there was one.
    async fn finish(mut self) -> Result<(), Failure> {
        while !self.started.is_empty() {
            self.note_one().await;
        }
        self.failed.map_or(Ok(()), Err)
    }
}
