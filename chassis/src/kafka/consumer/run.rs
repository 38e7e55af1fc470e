//! The loop around sessions: begins, hands over, waits and begins again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use metrics::counter;
use tracing::{debug, info, warn};

use super::lags::Lags;
use super::session::{Refusal, Session};
use super::{ConsumerConfig, Failure, Inbox, Span};
use crate::backoff::Backoff;
use crate::http::Check;
use crate::shutdown::Shutdown;

/// The waits between two sessions.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// The longest a wait goes on without a look at the stop signal.
const SLICE: Duration = Duration::from_millis(50);

/// How often the group's offsets are told to Kafka.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// How often positions that do not fit are looked at again before they are believed: a broker that
/// has just come back may for a moment show less than it holds.
const MISFITS: u32 = 5;

/// Hands every record of `config.topics` to `inbox` until `shutdown`; blocks, so it needs an OS
/// thread of its own.
///
/// `health` is ready while the partitions are assigned and the inbox has recovered from its failures, each partition
/// beyond where it failed, and says what is missing otherwise.
///
/// # Errors
///
/// When the inbox answers [`Failure::Fatal`], and when a stored position is no longer, or never
/// was, within its partition: going on would lose records silently. Never because Kafka is away or
/// a topic does not exist yet.
pub fn run_consumer(
    config: ConsumerConfig,
    mut inbox: impl Inbox,
    health: Check,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut attempts = Attempts::of(&config.group);
    loop {
        if shutdown.is_cancelled() {
            return Ok(());
        }
        let outcome = begin(&config, &mut inbox, &mut attempts).and_then(|session| {
            consume(&config, session, &mut inbox, &health, &shutdown, &mut attempts)
        });
        match outcome {
            Ok(()) => return Ok(()),
            Err(Failure::Fatal(error)) => {
                health.not_ready(format!("{error:#}"));
                return Err(error.context(format!("consumer {} cannot go on", config.group)));
            }
            Err(Failure::Retry(error)) => {
                let reason = format!("{error:#}");
                health.not_ready(reason.as_str());
                attempts.report(&config.group, &reason);
                attempts.wait(&shutdown);
            }
        }
    }
}

fn begin(
    config: &ConsumerConfig,
    inbox: &mut impl Inbox,
    attempts: &mut Attempts,
) -> Result<Session, Failure> {
    // Whoever keeps them may have asked Kafka which one it is.
    let stored = inbox.positions().inspect_err(|_| attempts.lags.unknown())?;
    match Session::begin(config, &stored, &attempts.lags) {
        Ok(session) => {
            attempts.misfits = 0;
            // What failed may have been stored all the same.
            attempts.left.retain(|span| !session.is_beyond(span));
            Ok(session)
        }
        Err(Refusal::NotYet(error)) => {
            attempts.lags.unknown();
            Err(Failure::Retry(error))
        }
        Err(Refusal::Misfit(reason)) => {
            attempts.misfits += 1;
            if attempts.misfits > MISFITS {
                return Err(Failure::Fatal(anyhow!(reason)));
            }
            Err(Failure::Retry(anyhow!(reason)))
        }
    }
}

fn consume(
    config: &ConsumerConfig,
    mut session: Session,
    inbox: &mut impl Inbox,
    health: &Check,
    shutdown: &Shutdown,
    attempts: &mut Attempts,
) -> Result<(), Failure> {
    attempts.show(health);
    info!(group = config.group, "The consumer has begun");
    let outcome = hand_over(config, &mut session, inbox, health, shutdown, attempts);
    session.end();
    outcome
}

fn hand_over(
    config: &ConsumerConfig,
    session: &mut Session,
    inbox: &mut impl Inbox,
    health: &Check,
    shutdown: &Shutdown,
    attempts: &mut Attempts,
) -> Result<(), Failure> {
    let records_total = counter!("consumer_records_total", "group" => config.group.clone());
    let batches_total = counter!("consumer_batches_total", "group" => config.group.clone());
    let (mut ticked, mut shown, mut counted) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        if shutdown.is_cancelled() {
            return inbox.stop();
        }
        let patience = config.tick.saturating_sub(ticked.elapsed()).min(SLICE);
        let records = session.gather(patience).map_err(Failure::Retry)?;
        let is_due = ticked.elapsed() >= config.tick;
        // Positions that moved past markers alone can wait for the tick.
        if !records.is_empty() || is_due {
            let count = records.len() as u64;
            let batch = session.batch(records).map_err(Failure::Retry)?;
            if !batch.spans.is_empty() {
                let spans = batch.spans.clone();
                inbox.take(batch).inspect_err(|_| attempts.leave(spans))?;
                attempts.left.retain(|span| !session.is_beyond(span));
                records_total.increment(count);
                batches_total.increment(1);
                if inbox.has_recovered() {
                    attempts.recover();
                }
            }
        }
        if is_due {
            inbox.tick().inspect_err(|_| attempts.inbox_failed = true)?;
            if attempts.inbox_failed && inbox.has_recovered() {
                attempts.recover();
            }
            ticked = Instant::now();
        }
        if session.is_away() {
            health.not_ready("Kafka is away");
            attempts.lags.unknown();
            continue;
        }
        session.not_back().map_err(Failure::Retry)?;
        attempts.show(health);
        if counted.elapsed() >= inbox.count_every() {
            session.count_partitions().map_err(Failure::Retry)?;
            counted = Instant::now();
        }
        if shown.elapsed() >= SHOW_EVERY {
            if let Err(error) = session.show_offsets() {
                debug!(group = config.group, %error, "The group's offsets were not shown");
            }
            shown = Instant::now();
        }
    }
}

/// How often it failed without having taken a batch in between.
struct Attempts {
    lags: Arc<Lags>,
    failures: u32,
    misfits: u32,
    /// Whether the inbox failed and has not recovered yet.
    inbox_failed: bool,
    /// Whether the log has told of this trouble.
    is_told: bool,
    /// Where it could not take a batch, each until it has taken that partition beyond where the batch began.
    left: Vec<Span>,
}

impl Attempts {
    fn of(group: &str) -> Self {
        Self {
            lags: Arc::new(Lags::of(group)),
            failures: 0,
            misfits: 0,
            inbox_failed: false,
            is_told: false,
            left: Vec::new(),
        }
    }

    /// The inbox could not take a batch that moves these partitions.
    fn leave(&mut self, spans: Vec<Span>) {
        self.inbox_failed = true;
        let is_same =
            |one: &Span, other: &Span| one.topic == other.topic && one.partition == other.partition;
        self.left.retain(|left| !spans.iter().any(|span| is_same(left, span)));
        self.left.extend(spans);
    }

    /// The inbox has left nothing undone of what it has taken.
    fn recover(&mut self) {
        self.failures = 0;
        self.inbox_failed = !self.left.is_empty();
        self.is_told &= self.inbox_failed;
    }

    /// Says that the consumer is ready, if it is more than a moment until the inbox fails again.
    fn show(&self, health: &Check) {
        if !self.inbox_failed {
            health.ready();
        }
    }

    /// The first failure is a warning; those that follow it are the same trouble.
    fn report(&mut self, group: &str, reason: &str) {
        counter!("consumer_failures_total", "group" => group.to_string()).increment(1);
        if !std::mem::replace(&mut self.is_told, true) {
            warn!(group, reason, "The consumer begins again");
        } else {
            debug!(group, reason, "The consumer still cannot go on");
        }
    }

    fn wait(&mut self, shutdown: &Shutdown) {
        let until = Instant::now() + BACKOFF.delay(self.failures);
        self.failures += 1;
        while Instant::now() < until && !shutdown.is_cancelled() {
            std::thread::sleep(SLICE);
        }
    }
}
