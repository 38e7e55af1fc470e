//! Time as an argument: the system's clock, one that never jumps, and one that tests move by hand.
//!
//! Moments are microseconds since the Unix epoch, UTC, as `i64`.

mod boot;
mod steady;

pub use boot::BootInstant;
pub use steady::{Machine, SLEW_US_PER_S, Source, SteadyClock};

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::sync::watch;

/// How long a sleeper sleeps before it looks at the clock again.
const LONGEST_NAP_US: i64 = 1_000_000;

/// Where the current moment comes from.
pub trait Clock: Send + Sync + 'static {
    /// The current moment.
    fn now_us(&self) -> i64;

    /// Completes once [`Clock::now_us`] has reached `at_us`, at once if it already has.
    fn sleep_until(&self, at_us: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The wall clock of this machine, which jumps when it is set: [`SteadyClock`] is the one to decide by.
///
/// Its sleepers look at the clock at least once a second, so that they are at most a second late
/// after the clock was set or the machine was asleep.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        wall_us()
    }

    fn sleep_until(&self, at_us: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(sleep_until(self, at_us))
    }
}

fn wall_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
    }
}

/// In naps: timers count by `CLOCK_MONOTONIC`, which stands still while the machine sleeps, and know
/// nothing of a clock that was set.
async fn sleep_until(clock: &impl Clock, at_us: i64) {
    loop {
        let left_us = at_us.saturating_sub(clock.now_us());
        if left_us <= 0 {
            return;
        }
        let nap_us = left_us.min(LONGEST_NAP_US).unsigned_abs();
        tokio::time::sleep(Duration::from_micros(nap_us)).await;
    }
}

/// A clock that stands still until a test moves it. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock(watch::Sender<i64>);

impl ManualClock {
    /// A clock that shows `now_us`.
    pub fn at(now_us: i64) -> Self {
        Self(watch::Sender::new(now_us))
    }

    /// Moves the clock forward; whoever sleeps until a moment that is now reached wakes.
    pub fn advance_us(&self, by_us: i64) {
        self.0.send_modify(|now_us| *now_us = now_us.saturating_add(by_us));
    }

    /// How many sleep by it, or are about to wake: who moves it for a loop moves nothing under its hands
    /// while there is one.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.0.receiver_count()
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        *self.0.borrow()
    }

    fn sleep_until(&self, at_us: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut moments = self.0.subscribe();
        Box::pin(async move {
            // It fails only when the clock is dropped, and `self` is borrowed until then.
            let _ = moments.wait_for(|now_us| *now_us >= at_us).await;
        })
    }
}

/// The moment as RFC 3339 in UTC with six decimals: texts of this form sort as their moments do.
///
/// Moments outside the years -9999 to 9999 are shown as the nearest one within.
pub fn rfc3339(us: i64) -> String {
    let nearest = if us < 0 { Timestamp::MIN } else { Timestamp::MAX };
    format!("{:.6}", Timestamp::from_microsecond(us).unwrap_or(nearest))
}

/// The moment an RFC 3339 text names, or `None` if it is none. Finer parts than a microsecond are
/// cut off; the offset is required.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn moments_travel_as_rfc3339_text() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(1_790_000_000_123_456), "2026-09-21T14:13:20.123456Z");
        assert_eq!(parse_rfc3339("2026-09-21T16:13:20.123456+02:00"), Some(1_790_000_000_123_456));
        assert_eq!(parse_rfc3339("2026-09-21T16:13:20"), None, "without an offset");
        assert_eq!(rfc3339(i64::MAX).len(), 27);
    }

    #[tokio::test]
    async fn sleepers_wake_when_the_clock_passes_them_and_not_before() {
        let clock = Arc::new(ManualClock::at(1_000));
        let sleeper = clock.clone();
        let mut sleep = sleeper.sleep_until(2_000);
        clock.advance_us(999);
        assert!(!is_done(&mut sleep).await);
        assert_eq!(clock.sleepers(), 1);
        clock.advance_us(1);
        sleep.await;
        assert_eq!((clock.now_us(), clock.sleepers()), (2_000, 0));
        clock.sleep_until(2_000).await;
    }

    #[tokio::test]
    async fn the_system_clock_does_not_sleep_until_the_past_and_ends_in_the_future() {
        let start_us = SystemClock.now_us();
        SystemClock.sleep_until(start_us).await;
        SystemClock.sleep_until(start_us + 2_000).await;
        assert!(SystemClock.now_us() >= start_us + 2_000);
    }

    pub(super) async fn is_done(sleep: &mut Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(sleep.as_mut().poll(context).is_ready())
        })
        .await
    }
}
