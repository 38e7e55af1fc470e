//! How long the relay pauses between two transactions.
//!
//! A transaction costs the broker about 3 ms of CPU however few rows it carries. So a quiet
//! journal is published at once, and under load the rows of tens of milliseconds share one
//! transaction. In between the pause grows with the rate: at 1,000 rows a second it is
//! 2.5 ms, a fraction of what a transaction takes.

use std::time::Duration;

/// From this many rows a second on the pause is at its full length.
const BUSY_ROWS_PER_SECOND: f64 = 8_000.0;

/// How quickly the measured rate forgets, in seconds.
const MEMORY_SECONDS: f64 = 0.25;

/// The rate of the journal as the relay saw it, and the pause that follows from it.
#[derive(Debug, Default)]
pub struct Pace {
    rows_per_second: f64,
}

impl Pace {
    /// Learns that `rows` were published `elapsed` after the previous transaction.
    pub fn committed(&mut self, rows: usize, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let weight = 1.0 - (-seconds / MEMORY_SECONDS).exp();
        self.rows_per_second += (rows as f64 / seconds - self.rows_per_second) * weight;
    }

    /// The pause before the next transaction, at most `full`. None while a backlog is drained:
    /// full batches are cheap per row.
    pub fn pause(&self, rows: usize, batch: usize, full: Duration) -> Duration {
        if rows >= batch {
            return Duration::ZERO;
        }
        full.mul_f64((self.rows_per_second / BUSY_ROWS_PER_SECOND).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Duration = Duration::from_millis(20);

    fn after(rows: usize, every_ms: u64, times: usize) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..times {
            pace.committed(rows, Duration::from_millis(every_ms));
        }
        pace
    }

    #[test]
    fn a_quiet_journal_is_published_at_once() {
        let pace = after(1, 2_000, 5);
        assert!(pace.pause(1, 500, FULL) < Duration::from_micros(100));
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
    fn one_burst_after_silence_does_not_slow_the_next_row() {
        let mut pace = after(200, 20, 100);
        pace.committed(1, Duration::from_secs(3));
        assert!(pace.pause(1, 500, FULL) < Duration::from_micros(100));
    }

    #[test]
    fn a_backlog_is_drained_without_pauses() {
        let pace = after(500, 5, 100);
        assert_eq!(pace.pause(500, 500, FULL), Duration::ZERO);
        assert_eq!(pace.pause(499, 500, FULL), FULL);
    }
}
