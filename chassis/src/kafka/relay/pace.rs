//! How long the relay pauses between two transactions.
//!
//! A transaction costs the broker about 3 ms of CPU however few rows it carries. So a quiet
//! journal is published at once, and under load the rows of tens of milliseconds share one
//! transaction. In between the pause grows with the rate: at 1,000 rows a second it is
//! 2.5 ms, a fraction of what a transaction takes. It is never longer than transactions usually take, for
//! where they are quick, rows need not wait so long; and whenever one was held up, by the broker's
//! collector or for want of a core, the next begins the sooner, so that it seldom adds to a full wait.

use std::time::Duration;

/// From this many rows a second on the pause is at its full length.
const BUSY_ROWS_PER_SECOND: f64 = 8_000.0;

/// How quickly the measured rate forgets, in seconds.
const MEMORY_SECONDS: f64 = 0.25;

/// What one transaction counts for in how long they usually take; one that was held up, as if it had taken
/// twice as long.
const ONE_OF: f64 = 1.0 / 16.0;

/// What is left of a pause after a transaction that was held up, however long.
const LEAST: f64 = 0.25;

/// The rate of the journal as the relay saw it, how long transactions take, and the pause that follows.
#[derive(Debug, Default)]
pub struct Pace {
    rows_per_second: f64,
    took: Duration,
    usually_takes: Option<Duration>,
}

impl Pace {
    /// Learns that `rows` were published `elapsed` after the previous transaction, and `took` so long.
    pub fn committed(&mut self, rows: usize, elapsed: Duration, took: Duration) {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let weight = 1.0 - (-seconds / MEMORY_SECONDS).exp();
        self.rows_per_second += (rows as f64 / seconds - self.rows_per_second) * weight;
        let before = self.usually_takes.unwrap_or(took);
        let counts_as = took.min(before * 2);
        self.usually_takes = Some(before.mul_f64(1.0 - ONE_OF) + counts_as.mul_f64(ONE_OF));
        self.took = took;
    }

    /// The pause before the next transaction, at most `full`. None while a backlog is drained:
    /// full batches are cheap per row.
    pub fn pause(&self, rows: usize, batch: usize, full: Duration) -> Duration {
        let Some(usually_takes) = self.usually_takes.filter(|_| rows < batch) else {
            return Duration::ZERO;
        };
        let share = (self.rows_per_second / BUSY_ROWS_PER_SECOND).clamp(0.0, 1.0);
        let pause = full.mul_f64(share).min(usually_takes);
        let held_up = self.took.saturating_sub(usually_takes);
        pause.saturating_sub(held_up).max(pause.mul_f64(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_millis(30);

    /// Of a journal that gets so many rows, published as often as this; transactions take `LONG`.
    fn after(rows: usize, every_ms: u64, times: usize) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..times {
            pace.committed(rows, Duration::from_millis(every_ms), LONG);
        }
        pace
    }

    /// Of a busy journal whose transactions take so long.
    fn taking(took: Duration) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..200 {
            pace.committed(400, Duration::from_millis(25), took);
        }
        pace
    }

    #[test]
    fn a_quiet_journal_is_published_at_once() {
        let pace = after(1, 2_000, 5);
        assert!(pace.pause(1, 500, FULL) < Duration::from_micros(100));
        assert_eq!(Pace::default().pause(1, 500, FULL), Duration::ZERO);
    }

    #[test]
    fn a_busy_journal_pauses_in_full() {
        let pace = after(400, 25, 100);
        assert_eq!(pace.pause(400, 500, FULL), FULL);
    }

    #[test]
    fn the_pause_grows_with_the_load() {
        let half = after(40, 10, 200).pause(40, 500, FULL);
        assert!(half > FULL / 3 && half < FULL * 2 / 3, "{half:?}");
    }

    #[test]
    fn it_is_no_longer_than_transactions_usually_take() {
        let quick = Duration::from_millis(8);
        assert_eq!(taking(quick).pause(400, 500, FULL), quick);
    }

    #[test]
    fn one_that_was_held_up_is_followed_the_sooner_and_soon_forgotten() {
        let quick = Duration::from_millis(12);
        let mut pace = taking(quick);
        let mut next = |took| {
            pace.committed(400, Duration::from_millis(25), took);
            pace.pause(400, 500, FULL)
        };
        let bit_late = next(quick * 3 / 2);
        assert!(bit_late > quick / 2 && bit_late < quick * 2 / 3, "{bit_late:?}");
        let late = next(quick * 10);
        assert!(late > quick / 5 && late < quick / 2, "{late:?}");
        let then = next(quick);
        assert!(then >= quick && then < quick * 5 / 4, "{then:?}");
    }

    #[test]
    fn one_burst_after_silence_does_not_slow_the_next_row() {
        let mut pace = after(200, 20, 100);
        pace.committed(1, Duration::from_secs(3), LONG);
        assert!(pace.pause(1, 500, FULL) < Duration::from_micros(100));
    }

    #[test]
    fn a_backlog_is_drained_without_pauses() {
        let pace = after(500, 5, 100);
        assert_eq!(pace.pause(500, 500, FULL), Duration::ZERO);
        assert_eq!(pace.pause(499, 500, FULL), FULL);
    }
}
