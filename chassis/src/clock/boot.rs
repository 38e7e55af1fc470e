//! Moments to measure spans by that count the time a machine sleeps.

use super::{Machine, Source};
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of the time that passes on one machine. Nobody sets it, and unlike [`std::time::Instant`],
/// which stands still while the machine sleeps, it goes on: what has run out elsewhere meanwhile has run
/// out here too. Means nothing to another machine, or after a restart of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootInstant(i64);

impl BootInstant {
    /// The present moment of this machine.
    #[must_use]
    pub fn now() -> Self {
        Self::of(&Machine)
    }

    /// The present moment by that source.
    #[must_use]
    pub fn of(source: &impl Source) -> Self {
        Self(source.passed_us())
    }

    /// How much time has passed since then on this machine.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }
}

impl Add<Duration> for BootInstant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// Nothing when the other is later.
impl Sub for BootInstant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::steady::tests::Fake;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn time_asleep_counts_and_setting_the_clock_does_not() {
        let fake = Fake::default();
        let began = BootInstant::of(&fake);
        fake.set_wall(7_200_000_000);
        assert_eq!(BootInstant::of(&fake), began);
        // Asleep or awake.
        fake.pass(3_600_000_000);
        assert_eq!(BootInstant::of(&fake) - began, HOUR);
        assert!(BootInstant::of(&fake) == began + HOUR && began < began + HOUR);
        assert_eq!(began - BootInstant::of(&fake), Duration::ZERO);
    }

    #[test]
    fn the_time_of_this_machine_passes() {
        let began = BootInstant::now();
        assert!(BootInstant::now() >= began && began.elapsed() < HOUR);
        assert_eq!((began + Duration::MAX).elapsed(), Duration::ZERO);
    }
}
