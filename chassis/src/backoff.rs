//! How long to wait before trying again.

use std::time::Duration;

/// Doubling delays up to a bound, with jitter over the upper half, so that those who failed
/// together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Delays of about `first`, then twice that and so on, never more than `max`.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The delay after the failure number `attempt`, counted from 0.
    pub fn delay(&self, attempt: u32) -> Duration {
        self.delay_with(attempt, rand::random())
    }

    /// The same for a given random number from 0 to 1: half of the full delay, plus that part of
    /// the other half.
    pub fn delay_with(&self, attempt: u32, random: f64) -> Duration {
        let factor = 2_u32.saturating_pow(attempt);
        let half = self.first.saturating_mul(factor).min(self.max) / 2;
        half + half.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

    #[test]
    fn delays_double_up_to_the_bound() {
        let full: Vec<u128> = [0, 1, 2, 3, 4, 5, 63, u32::MAX]
            .map(|attempt| BACKOFF.delay_with(attempt, 1.0).as_millis())
            .to_vec();
        assert_eq!(full, [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
    }

    #[test]
    fn jitter_stays_in_the_upper_half() {
        assert_eq!(BACKOFF.delay_with(1, 0.0), Duration::from_millis(100));
        assert_eq!(BACKOFF.delay_with(1, 0.5), Duration::from_millis(150));
        for attempt in 0..100 {
            let delay = BACKOFF.delay(attempt);
            assert!(delay >= BACKOFF.delay_with(attempt, 0.0), "{attempt}: {delay:?}");
            assert!(delay <= BACKOFF.delay_with(attempt, 1.0), "{attempt}: {delay:?}");
        }
    }
}
