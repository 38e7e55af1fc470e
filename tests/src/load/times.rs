//! The middle and the tail of times.

use std::time::Duration;

/// The middle and the tail of some times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// How many times there were.
    pub count: usize,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
}

impl Percentiles {
    /// Of these times, in any order.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |permille: usize| {
            let rank = (times.len() * permille).div_ceil(1000).max(1) - 1;
            times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self { count: times.len(), p50_ms: at(500), p99_ms: at(990) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let found = Percentiles::of(times);
        assert_eq!(found, Percentiles { count: 100, p50_ms: 50.0, p99_ms: 99.0 });
        assert_eq!(Percentiles::of(vec![Duration::from_millis(7)]).p99_ms, 7.0);
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }
}
