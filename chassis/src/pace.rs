//! How long a loop pauses between two of its rounds, each of which has a price of its own however
//! little it carries: a transaction of the relay, a flushed group of commits.
//!
//! When little comes, each item is carried at once. The more comes, the longer the pause, so that one
//! round carries what came meanwhile.

use std::time::Duration;

/// How quickly the measured rate forgets, in seconds.
const MEMORY_SECONDS: f64 = 0.25;

/// From which rates on a loop pauses.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Up to so many items a second there is no pause.
    pub quiet: f64,
    /// From so many items a second on the pause is at its full length; in between it grows evenly.
    pub busy: f64,
}

/// The rate of the items as the loop saw it, and the pause that follows from it.
#[derive(Debug)]
pub struct Pace {
    rates: Rates,
    per_second: f64,
}

impl Pace {
    /// A pace that has seen nothing yet.
    #[must_use]
    pub const fn new(rates: Rates) -> Self {
        Self { rates, per_second: 0.0 }
    }

    /// Learns that `items` were carried, `elapsed` after the round before.
    pub fn carried(&mut self, items: usize, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let weight = 1.0 - (-seconds / MEMORY_SECONDS).exp();
        self.per_second += (items as f64 / seconds - self.per_second) * weight;
    }

    /// The pause before the next round, at most `full`.
    #[must_use]
    pub fn pause(&self, full: Duration) -> Duration {
        let Rates { quiet, busy } = self.rates;
        full.mul_f64(((self.per_second - quiet) / (busy - quiet)).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Duration = Duration::from_millis(20);

    fn after(items: usize, every_ms: u64, times: usize) -> Pace {
        let mut pace = Pace::new(Rates { quiet: 0.0, busy: 4_000.0 });
        for _ in 0..times {
            pace.carried(items, Duration::from_millis(every_ms));
        }
        pace
    }

    #[test]
    fn what_comes_alone_is_carried_at_once() {
        let pace = after(1, 2_000, 5);
        assert!(pace.pause(FULL) < Duration::from_micros(100));
    }

    #[test]
    fn a_busy_loop_pauses_in_full() {
        assert_eq!(after(200, 25, 100).pause(FULL), FULL);
    }

    #[test]
    fn the_pause_grows_with_the_load() {
        let half = after(20, 10, 200).pause(FULL);
        assert!(half > FULL / 3 && half < FULL * 2 / 3, "{half:?}");
    }

    #[test]
    fn one_burst_after_silence_does_not_slow_the_next_item() {
        let mut pace = after(100, 20, 100);
        pace.carried(1, Duration::from_secs(3));
        assert!(pace.pause(FULL) < Duration::from_micros(100));
    }

    #[test]
    fn up_to_the_quiet_rate_there_is_no_pause_at_all() {
        let mut pace = Pace::new(Rates { quiet: 2_000.0, busy: 4_000.0 });
        for (items, at_most) in [(19, Duration::ZERO), (30, FULL * 3 / 4), (40, FULL)] {
            for _ in 0..200 {
                pace.carried(items, Duration::from_millis(10));
            }
            assert!(pace.pause(FULL) <= at_most, "{items}");
        }
        assert!(pace.pause(FULL) > FULL * 9 / 10);
    }
}
