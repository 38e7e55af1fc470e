//! What the clock shows while the wall clock is set and the machine sleeps.

use super::*;
use crate::clock::tests::is_done;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const EVENING: i64 = 1_790_000_000 * SECOND;

/// Both clocks, moved by hand.
#[derive(Clone, Default)]
pub struct Fake(Arc<[AtomicI64; 2]>);

impl Fake {
    fn started() -> (Self, SteadyClock<Self>) {
        let fake = Self::default();
        fake.set_wall(EVENING);
        fake.0[1].store(77 * HOUR, Ordering::Relaxed);
        (fake.clone(), SteadyClock::over(fake))
    }

    /// Time passes, awake or asleep: both clocks see it.
    pub fn pass(&self, us: i64) {
        self.set_wall(us);
        self.0[1].fetch_add(us, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&self, by_us: i64) {
        self.0[0].fetch_add(by_us, Ordering::Relaxed);
    }
}

impl Source for Fake {
    fn wall_us(&self) -> i64 {
        self.0[0].load(Ordering::Relaxed)
    }

    fn passed_us(&self) -> i64 {
        self.0[1].load(Ordering::Relaxed)
    }
}

#[test]
fn it_shows_the_wall_clock_while_nobody_touches_it() {
    let (fake, clock) = Fake::started();
    assert_eq!(clock.now_us(), EVENING);
    for step in [1, SECOND - 1, SECOND, 90 * SECOND, HOUR] {
        fake.pass(step);
        assert_eq!(clock.now_us(), fake.wall_us());
    }
}

#[test]
fn a_wall_clock_that_jumps_moves_nothing() {
    for jump in [HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 2 * SECOND] {
        let (fake, clock) = Fake::started();
        fake.set_wall(jump);
        assert_eq!(clock.now_us(), EVENING, "{jump}");
        // Ten minutes pass, looked at a hundred times a second.
        for _ in 0..60_000 {
            fake.pass(SECOND / 100);
            clock.now_us();
        }
        let off = clock.now_us() - (EVENING + 600 * SECOND);
        assert!(off.signum() == jump.signum() && off.abs() <= 600 * SLEW_US_PER_S, "{jump}: {off}");
    }
}

#[test]
fn a_machine_that_slept_knows_what_time_it_is() {
    let (fake, clock) = Fake::started();
    clock.now_us();
    fake.pass(HOUR);
    assert_eq!(clock.now_us(), EVENING + HOUR);
    // And also one whose wall clock did not know that it slept.
    fake.pass(HOUR);
    fake.set_wall(-HOUR);
    let off = clock.now_us() - (EVENING + 2 * HOUR);
    assert!(off.abs() <= SLEW_US_PER_S, "{off}: an hour asleep is one step, not a thousand");
}

#[test]
fn a_wall_clock_that_is_set_right_is_reached_in_the_end() {
    for wrong in [SECOND, -SECOND] {
        let (fake, clock) = Fake::started();
        fake.set_wall(wrong);
        for _ in 0..SECOND / SLEW_US_PER_S {
            fake.pass(SECOND);
            clock.now_us();
        }
        assert_eq!(clock.now_us(), fake.wall_us());
    }
}

#[tokio::test]
async fn sleepers_wake_after_an_hour_that_passed_whatever_the_wall_clock_says() {
    let jumps = [0, -HOUR, HOUR].map(async |jump| {
        let (fake, clock) = Fake::started();
        let mut sleep = clock.sleep_until(EVENING + HOUR);
        fake.set_wall(jump);
        assert!(!is_done(&mut sleep).await, "early: {jump}");
        // The timers do not see the hour; within a second the clock is looked at.
        fake.pass(HOUR + SECOND);
        sleep.await;
    });
    let [one, two, three] = jumps;
    tokio::join!(one, two, three);
}

#[test]
fn the_machine_has_both_clocks() {
    let clock = SteadyClock::start();
    let (first, wall) = (clock.now_us(), wall_us());
    assert!((wall - first).abs() < HOUR, "{first} and {wall}");
    assert!(Machine.passed_us() > 0);
    assert!(clock.now_us() >= first);
}

proptest! {
    #[test]
    fn it_never_goes_back_and_is_never_off_by_more_than_its_bound(
        steps in prop::collection::vec((0..5 * SECOND, -HOUR..HOUR, any::<bool>()), 1..200),
    ) {
        let (fake, clock) = Fake::started();
        let (mut last, mut passed) = (EVENING, 0);
        for (step, jump, is_set) in steps {
            fake.pass(step);
            passed += step;
            if is_set {
                fake.set_wall(jump);
            }
            let now = clock.now_us();
            prop_assert!(now >= last);
            let allowed = passed / SECOND * SLEW_US_PER_S;
            prop_assert!((now - EVENING - passed).abs() <= allowed, "{} after {passed}", now);
            last = now;
        }
    }
}
