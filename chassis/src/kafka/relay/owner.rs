//! The loop of a relay: take over, publish what there is, begin anew after any trouble.

mod course;
mod drain;
mod take_over;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tracing::{info, warn};

use super::gauges::Gauges;
use super::progress::Progress;
use super::session::Session;
use super::{Journal, Page, RelayConfig, settled};
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::kafka::questions::Askers;
use crate::shutdown::Shutdown;
use crate::signal::Signal;
use course::Course;

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

/// A run of a relay, with the journal that it publishes.
pub(super) struct Owner<J> {
    journal: J,
    wake: Signal,
    relay: Relay,
}

/// A run of a relay as it stands.
struct Relay {
    config: RelayConfig,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    gauges: Arc<Gauges>,
    /// Names this run in the progress topic, so that another live relay is recognised.
    run: String,
    /// Whether this run ever wrote to the progress topic.
    claimed: bool,
    /// The published position, as far as it was known last.
    position: Option<i64>,
    /// The one before the last commit. Two producers take turns, so of what lies after this one both may have
    /// transactions that a broker has yet to end.
    before: Option<i64>,
    failures: u32,
}

impl<J: Journal> Owner<J> {
    pub(super) fn new(
        config: RelayConfig,
        journal: J,
        wake: Signal,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        gauges: Arc<Gauges>,
    ) -> Self {
        let run = uuid::Uuid::now_v7().to_string();
        let (claimed, failures) = (false, 0);
        let (position, before) = (None, None);
        let relay =
            Relay { config, clock, shutdown, gauges, run, claimed, position, before, failures };
        Self { journal, wake, relay }
    }

    /// Publishes until a stop or a failure that repeating does not cure.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        loop {
            match self.own() {
                End::Stopped => return Ok(()),
                End::Refused(error) => return Err(error),
                End::Again(_) if self.relay.shutdown.is_cancelled() => return Ok(()),
                End::Again(error) => {
                    self.relay.report(&error);
                    let until = Instant::now() + BACKOFF.delay(self.relay.failures);
                    self.relay.failures += 1;
                    while Instant::now() < until && !self.relay.shutdown.is_cancelled() {
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
        let session = match Session::open(&self.relay.config, &self.relay.shutdown) {
            Ok(session) => session,
            Err(error) => return End::Again(error),
        };
        match self.begin(&session) {
            Ok(()) => self.publish_from(&session),
            Err(end) => end,
        }
    }

    /// Takes over, with clients to ask with that connect while the session does.
    fn begin(&mut self, session: &Session) -> Result<(), End> {
        let askers = Askers::open(&self.relay.config.kafka).map_err(End::Again)?;
        let taken = self.take_over(session, &askers);
        match taken {
            Ok(()) => askers.leave(),
            // Who tries again and again makes no more of them than end.
            Err(_) => askers.retire(),
        }
        taken
    }

    /// Publishes on until something happens.
    fn publish_from(&mut self, session: &Session) -> End {
        let (mut rows, mut course) = (Page::default(), Course::begin(Instant::now()));
        loop {
            if self.relay.shutdown.is_cancelled() {
                return End::Stopped;
            }
            let (position, batch) = (self.relay.published(), self.relay.config.batch);
            if let Err(error) = self.journal.read_after(position, batch, &mut rows) {
                return End::Refused(error.context("the journal failed"));
            }
            if rows.is_empty() {
                self.relay.gauges.nothing_waits();
                if let Some(end) = self.journal.end() {
                    return self.finish(session, position, end);
                }
                if course.is_lost(&self.relay) {
                    return End::Again(anyhow!("Kafka has not ended the last transaction"));
                }
                self.await_rows(session);
                continue;
            }
            if let Err(end) = self.publish(session, &mut course, &mut rows) {
                return end;
            }
            if !course.pause.is_zero() {
                std::thread::sleep(course.pause);
            }
        }
    }

    /// Publishes `rows` and leaves them empty. A full page is part of a backlog, which is drained.
    fn publish(
        &mut self,
        session: &Session,
        course: &mut Course,
        rows: &mut Page,
    ) -> Result<(), End> {
        let Self { journal, relay, .. } = self;
        if rows.rows() < relay.config.batch {
            let newest = journal.newest().ok().flatten();
            relay.publish(session, course, rows, newest)?;
            rows.clear();
        } else {
            drain::drain(relay, session, course, journal, rows)?;
        }
        self.tell()
    }

    /// Tells the journal how far it is published.
    fn tell(&mut self) -> Result<(), End> {
        let (position, now_us) = (self.relay.published(), self.relay.clock.now_us());
        let told = self.journal.published(position, now_us);
        told.context("the journal failed").map_err(End::Refused)
    }

    /// Publishes that the journal has come to its end at `end`.
    fn finish(&mut self, session: &Session, position: i64, end: i64) -> End {
        // Nobody would come back to what lies open here.
        match settled::is_left_open(&self.relay.config) {
            Ok(false) => {}
            Ok(true) => return End::Again(anyhow!("Kafka has not ended the last transaction")),
            Err(error) => return End::Again(error),
        }
        if position < end {
            if let Err(error) = session.publish(&Page::default(), &self.relay.progress_to(end)) {
                return End::Again(error);
            }
            self.relay.note_commit(0, end);
            if let Err(refused) = self.tell() {
                return refused;
            }
        }
        let relay = &self.relay.config.transactional_id;
        info!(relay, end, "All of this journal is published");
        End::Stopped
    }

    /// Waits until there may be rows, or a stop.
    fn await_rows(&self, session: &Session) {
        let begun = Instant::now();
        let every = self.relay.config.look_every;
        while !self.wake.wait(SLICE.min(every)) && begun.elapsed() < every {
            session.idle();
            if self.relay.shutdown.is_cancelled() {
                return;
            }
        }
    }

    /// Shows the backlog while nothing can be published.
    fn show_backlog(&mut self) -> anyhow::Result<()> {
        let Some(position) = self.relay.position else { return Ok(()) };
        let mut rows = Page::default();
        self.journal.read_after(position, 1, &mut rows).context("the journal failed")?;
        self.relay.show(&rows, self.journal.newest().ok().flatten());
        Ok(())
    }
}

impl Relay {
    /// Publishes `rows`, which come after all that is published, of a journal that ends at `newest`.
    fn publish(
        &mut self,
        session: &Session,
        course: &mut Course,
        rows: &Page,
        newest: Option<i64>,
    ) -> Result<(), End> {
        self.show(rows, newest);
        let Some(last) = rows.last_position() else { return Ok(()) };
        session.publish(rows, &self.progress_to(last)).map_err(End::Again)?;
        self.note_commit(rows.len(), last);
        course.committed(rows.rows(), &self.config);
        Ok(())
    }

    /// What a transaction says that publishes up to `position`.
    fn progress_to(&self, position: i64) -> Progress {
        Progress::new(self.before.unwrap_or(0), position, &self.run)
    }

    /// Everything up to this position is published.
    fn published(&self) -> i64 {
        self.position.unwrap_or(0)
    }

    fn note_commit(&mut self, records: usize, position: i64) {
        self.before = self.position.replace(position);
        self.gauges.committed(records, position);
        if self.failures > 0 {
            info!(relay = self.config.transactional_id, position, "The relay publishes again");
            self.failures = 0;
        }
    }

    /// Shows how far behind `newest` it is before it publishes `rows`.
    fn show(&self, rows: &Page, newest: Option<i64>) {
        let Some(oldest) = rows.iter().next() else { return self.gauges.nothing_waits() };
        let last = newest.or(rows.last_position()).unwrap_or(oldest.position);
        let oldest_us = oldest.timestamp_ms * 1_000;
        self.gauges.waits(last - self.published(), oldest_us, self.clock.now_us());
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
