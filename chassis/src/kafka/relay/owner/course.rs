//! What one session of a relay learns while it publishes.

use super::super::RelayConfig;
use super::super::pace::Pace;
use super::super::settled::{Settled, look};
use super::Relay;
use std::time::{Duration, Instant};

/// What one session has learnt while it publishes.
pub(super) struct Course {
    pace: Pace,
    last_commit: Instant,
    settled: Settled,
    /// Before the next transaction.
    pub(super) pause: Duration,
}

impl Course {
    /// After the claim, which is a commit too.
    pub(super) fn begin(now: Instant) -> Self {
        let settled = Settled::after_commit(now);
        Self { pace: Pace::default(), last_commit: now, settled, pause: Duration::ZERO }
    }

    /// A transaction of so many rows of the journal is committed.
    pub(super) fn committed(&mut self, rows: usize, config: &RelayConfig) {
        self.pace.committed(rows, self.last_commit.elapsed());
        self.last_commit = Instant::now();
        self.settled.committed(self.last_commit);
        self.pause = self.pace.pause(rows, config.batch, config.busy_pause);
    }

    /// Whether readers will not come to see what was committed last, unless it is published again.
    pub(super) fn is_lost(&mut self, relay: &Relay) -> bool {
        let is_lost = self.settled.is_lost(Instant::now(), || look(&relay.config));
        if is_lost {
            relay.gauges.lost();
        }
        is_lost
    }
}
