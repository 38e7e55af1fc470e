//! A clock that never jumps: the wall clock as it was at the start, carried on by the time that
//! passes.
//!
//! What passes is counted by `CLOCK_BOOTTIME`, which nobody sets and which goes on while the machine
//! sleeps. So a wall clock that is set forward or back lets nothing happen early and lets nothing be
//! forgotten, and a machine that slept finds out at once what is due.
//!
//! A wall clock that was wrong when the process started, and set right since, is followed slowly:
//! by at most [`SLEW_US_PER_S`], which is what the kernel allows itself (`adjtimex(2)`). A moment ten
//! minutes away is thereby met at most 0.3 s earlier or later than ten minutes of passed time, one
//! two hours away at most 3.6 s; an hour's difference is gone after 83 days, or with the next start.
//! What is shown never goes back.

use super::{Clock, sleep_until, wall_us};
use rustix::time::{ClockId, clock_gettime};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

/// How fast the wall clock is followed: 500 millionths of the time that passes.
pub const SLEW_US_PER_S: i64 = 500;

/// How often the wall clock is looked at, at most.
const LOOK_EVERY_US: i64 = 1_000_000;

/// A difference from the wall clock that somebody should know of.
const TOLD_FROM_US: i64 = 1_000_000;

/// How many microseconds the clock shows more than the wall clock; below 0: fewer.
const AHEAD: &str = "clock_ahead_of_wall_seconds";

/// Where a [`SteadyClock`] reads both of its clocks.
pub trait Source: Send + Sync + 'static {
    /// The wall clock: microseconds since the Unix epoch, UTC. May jump.
    fn wall_us(&self) -> i64;

    /// Microseconds since some moment in the past, time asleep included. Never jumps.
    fn passed_us(&self) -> i64;
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Source for Machine {
    fn wall_us(&self) -> i64 {
        wall_us()
    }

    fn passed_us(&self) -> i64 {
        let passed = clock_gettime(ClockId::Boottime);
        passed.tv_sec.saturating_mul(1_000_000).saturating_add(passed.tv_nsec / 1_000)
    }
}

/// See the module. Cheap to ask; shared by all that decide by time in a process.
#[derive(Debug)]
pub struct SteadyClock<S = Machine> {
    source: S,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What is added to the time that passed.
    offset_us: i64,
    /// When the wall clock was looked at last, in passed time.
    looked_at_us: i64,
    /// What was shown last.
    shown_us: i64,
    /// Whether the difference is known to whoever reads the log.
    is_told: bool,
}

impl SteadyClock {
    /// Shows what the wall clock of this machine shows now.
    #[must_use]
    pub fn start() -> Self {
        Self::over(Machine)
    }
}

impl<S: Source> SteadyClock<S> {
    /// The same over other clocks.
    pub fn over(source: S) -> Self {
        let (wall_us, passed_us) = (source.wall_us(), source.passed_us());
        let state = State {
            offset_us: wall_us.saturating_sub(passed_us),
            looked_at_us: passed_us,
            shown_us: wall_us,
            is_told: false,
        };
        Self { source, state: Mutex::new(state) }
    }
}

impl State {
    fn show(&mut self, passed_us: i64) -> i64 {
        self.shown_us = self.shown_us.max(passed_us.saturating_add(self.offset_us));
        self.shown_us
    }

    /// One step towards the wall clock. Time in which nobody looked does not make it longer.
    fn follow(&mut self, wall_us: i64, passed_us: i64) {
        let ahead_us = passed_us.saturating_add(self.offset_us).saturating_sub(wall_us);
        self.offset_us -= ahead_us.clamp(-SLEW_US_PER_S, SLEW_US_PER_S);
        self.looked_at_us = passed_us;
        metrics::gauge!(AHEAD).set(ahead_us as f64 / 1e6);
        let is_apart = ahead_us.saturating_abs() >= TOLD_FROM_US;
        if is_apart && !self.is_told {
            tracing::warn!(
                ahead_ms = ahead_us / 1_000,
                "the wall clock was set: time goes on as it passes, and follows slowly"
            );
        }
        self.is_told = is_apart;
    }
}

impl<S: Source> Clock for SteadyClock<S> {
    fn now_us(&self) -> i64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed_us = self.source.passed_us();
        if passed_us.saturating_sub(state.looked_at_us) >= LOOK_EVERY_US {
            state.follow(self.source.wall_us(), passed_us);
        }
        state.show(passed_us)
    }

    /// Looks at the clock at least once a second: at most a second late after the machine slept,
    /// while timers stand still.
    fn sleep_until(&self, at_us: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(sleep_until(self, at_us))
    }
}

#[cfg(test)]
pub(super) mod tests;
