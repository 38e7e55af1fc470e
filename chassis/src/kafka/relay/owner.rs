//! The loop of a relay: take over, publish what there is, begin anew after any trouble.

mod take_over;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tracing::{info, warn};

use super::gauges::Gauges;
use super::pace::Pace;
use super::progress::Progress;
use super::session::Session;
use super::settled::{Settled, look};
use super::{Journal, Outgoing, RelayConfig};
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::shutdown::Shutdown;
use crate::signal::Signal;

/// The waits between two attempts at taking over.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The longest a wait goes on without a look at the stop signal.
const SLICE: Duration = Duration::from_millis(50);

/// How long one attempt at fencing may block, and thereby a stop.
const FENCE_LIMIT: Duration = Duration::from_secs(1);

/// Why publishing ended.
enum End {
    /// The relay was asked to stop, or has nothing left to do.
    Stopped,
    /// Kafka failed or the outcome is unknown: take over again.
    Again(anyhow::Error),
    /// Going on would do harm.
    Refused(anyhow::Error),
}

/// A run of a relay.
pub(super) struct Owner<J> {
    config: RelayConfig,
    journal: J,
    wake: Signal,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    gauges: Gauges,
    /// Names this run in the progress topic, so that another live relay is recognised.
    run: String,
    /// Whether this run ever wrote to the progress topic.
    claimed: bool,
    /// The published position, as far as it was known last.
    position: Option<i64>,
    failures: u32,
}

impl<J: Journal> Owner<J> {
    pub(super) fn new(
        config: RelayConfig,
        journal: J,
        wake: Signal,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
    ) -> Self {
        let gauges = Gauges::new(&config.transactional_id);
        let run = uuid::Uuid::now_v7().to_string();
        Self {
            config,
            journal,
            wake,
            clock,
            shutdown,
            gauges,
            run,
            claimed: false,
            position: None,
            failures: 0,
        }
    }

    /// Publishes until a stop or a failure that repeating does not cure.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        loop {
            match self.own() {
                End::Stopped => return Ok(()),
                End::Refused(error) => return Err(error),
                End::Again(_) if self.shutdown.is_cancelled() => return Ok(()),
                End::Again(error) => {
                    self.report(&error);
                    let until = Instant::now() + BACKOFF.delay(self.failures);
                    self.failures += 1;
                    while Instant::now() < until && !self.shutdown.is_cancelled() {
                        std::thread::sleep(SLICE);
                    }
                    self.show_backlog()?;
                }
            }
        }
    }

    /// One session, from its making to its end.
    fn own(&mut self) -> End {
        if !self.journal.is_ours() {
            return End::Stopped;
        }
        let session = match Session::open(&self.config, &self.shutdown) {
            Ok(session) => session,
            Err(error) => return End::Again(error),
        };
        match self.take_over(&session) {
            Ok(position) => self.publish_from(&session, position),
            Err(end) => end,
        }
    }

    /// Publishes after `position` until something happens.
    fn publish_from(&mut self, session: &Session, mut position: i64) -> End {
        let (mut rows, mut next) = (Vec::new(), Vec::new());
        let mut pace = Pace::default();
        let mut last_commit = Instant::now();
        let mut settled = Settled::after_commit(last_commit);
        loop {
            if self.shutdown.is_cancelled() {
                return End::Stopped;
            }
            if rows.is_empty()
                && let Err(error) = self.journal.read_after(position, self.config.batch, &mut rows)
            {
                return End::Refused(error.context("the journal failed"));
            }
            let Some(last) = rows.last().map(|row| row.position) else {
                self.gauges.behind(0, 0);
                if let Some(end) = self.journal.end() {
                    return self.finish(session, position, end);
                }
                if self.is_lost(&mut settled) {
                    return End::Again(anyhow!("Kafka has not ended the last transaction"));
                }
                self.await_rows(session);
                continue;
            };
            self.show_rows(&rows);
            if let Err(end) = self.publish_and_read_on(session, &rows, last, &mut next) {
                return end;
            }
            position = last;
            if let Err(error) = self.note_commit(&rows, position) {
                return End::Refused(error);
            }
            let read = rows_of_journal(&rows);
            pace.committed(read, last_commit.elapsed());
            last_commit = Instant::now();
            settled.committed(last_commit);
            let pause = pace.pause(read, self.config.batch, self.config.busy_pause);
            rows.clear();
            std::mem::swap(&mut rows, &mut next);
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
    }

    /// Publishes `rows`, of which `last` is the last position. A full batch is part of a backlog:
    /// what comes after it is read into `next` meanwhile.
    fn publish_and_read_on(
        &mut self,
        session: &Session,
        rows: &[Outgoing],
        last: i64,
        next: &mut Vec<Outgoing>,
    ) -> Result<(), End> {
        let after = self.position.unwrap_or(0);
        let progress = Progress::new(after, last, &self.run);
        let batch = self.config.batch;
        if rows_of_journal(rows) < batch {
            return session.publish(rows, &progress).map_err(End::Again);
        }
        let journal = &mut self.journal;
        let (published, read) = std::thread::scope(|scope| {
            let reading = scope.spawn(|| journal.read_after(last, batch, next));
            let published = session.publish(rows, &progress);
            (published, reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        read.map_err(|error| End::Refused(error.context("the journal failed")))?;
        published.map_err(End::Again)
    }

    /// Publishes that the journal has come to its end at `end`.
    fn finish(&mut self, session: &Session, position: i64, end: i64) -> End {
        if position < end {
            if let Err(error) = session.publish(&[], &Progress::new(position, end, &self.run)) {
                return End::Again(error);
            }
            if let Err(error) = self.note_commit(&[], end) {
                return End::Refused(error);
            }
        }
        info!(relay = self.config.transactional_id, end, "All of this journal is published");
        End::Stopped
    }

    fn note_commit(&mut self, rows: &[Outgoing], position: i64) -> anyhow::Result<()> {
        self.position = Some(position);
        self.gauges.committed(rows.len(), position);
        if self.failures > 0 {
            info!(relay = self.config.transactional_id, position, "The relay publishes again");
            self.failures = 0;
        }
        self.journal.published(position, self.clock.now_us()).context("the journal failed")
    }

    /// Whether readers will not come to see what was committed last, unless it is published again.
    fn is_lost(&self, settled: &mut Settled) -> bool {
        let is_lost = settled.is_lost(Instant::now(), || look(&self.config));
        if is_lost {
            self.gauges.lost();
        }
        is_lost
    }

    /// Waits until there may be rows, or a stop.
    fn await_rows(&self, session: &Session) {
        let begun = Instant::now();
        let every = self.config.look_every;
        while !self.wake.wait(SLICE.min(every)) && begun.elapsed() < every {
            session.idle();
            if self.shutdown.is_cancelled() {
                return;
            }
        }
    }

    /// Shows the backlog while nothing can be published.
    fn show_backlog(&mut self) -> anyhow::Result<()> {
        let Some(position) = self.position else { return Ok(()) };
        let mut rows = Vec::with_capacity(1);
        self.journal.read_after(position, 1, &mut rows).context("the journal failed")?;
        self.show_rows(&rows);
        Ok(())
    }

    fn show_rows(&mut self, rows: &[Outgoing]) {
        let Some(oldest) = rows.first() else { return self.gauges.behind(0, 0) };
        let newest = self.journal.newest().ok().flatten();
        let last = newest.or(rows.last().map(|row| row.position)).unwrap_or(oldest.position);
        let age_us = self.clock.now_us() - oldest.timestamp_ms * 1_000;
        self.gauges.behind(last - self.position.unwrap_or(0), age_us);
    }

    /// The first failure of a row is a warning; those that follow it are the same outage.
    fn report(&self, error: &anyhow::Error) {
        self.gauges.failed();
        let relay = &self.config.transactional_id;
        if self.failures == 0 {
            warn!(relay, error = format!("{error:#}"), "The relay takes over again");
        } else {
            tracing::debug!(relay, error = format!("{error:#}"), "The relay still cannot publish");
        }
    }
}

/// How many rows of the journal became these records: those of one position are of one row.
fn rows_of_journal(rows: &[Outgoing]) -> usize {
    rows.chunk_by(|one, other| one.position == other.position).count()
}
