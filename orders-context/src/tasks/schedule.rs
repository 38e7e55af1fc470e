//! When a failed attempt is repeated.

use crate::app::Task;
use crate::domain::{Profile, TaskKind, Timestamp};

/// For restaurants, in seconds after the first, second … attempt; the last repeats. An order that is
/// announced late does harm, so this ends with the acceptance window.
const URGENT_S: &[i64] = &[1, 2, 4, 8, 16, 32, 60];

/// For customers: a mail server that is away comes back in minutes or hours.
const PATIENT_S: &[i64] = &[5, 30, 120, 600, 1_800, 3_600];

/// How long before a task is pointless it is looked for the last time whether an endpoint has heard: long enough to
/// say so in time.
const LAST_LOOK_MS: i64 = 1_000;

/// The moment of the attempt after number `attempts` (from 1), with `jitter` from 0 to 1 taking up to
/// a tenth off; an error, with that moment, when the task would be pointless by then.
pub fn next_attempt(
    task: &Task,
    attempts: u32,
    now: Timestamp,
    jitter: f64,
) -> Result<Timestamp, Timestamp> {
    let profile = match task.kind {
        TaskKind::NotifyRestaurant | TaskKind::RemindRestaurant(_) => Profile::Urgent,
        TaskKind::NotifyUser(_) => Profile::Patient,
    };
    let next = after(profile, attempts, now, jitter);
    if next < task.give_up_at { Ok(next) } else { Err(next) }
}

/// When it is looked for the last time whether an endpoint has heard, unless that has come.
pub fn last_look(task: &Task, now: Timestamp) -> Option<Timestamp> {
    let at = task.give_up_at.plus_ms(-LAST_LOOK_MS);
    (now < at).then_some(at)
}

/// The moment of the attempt after number `attempts` (from 1), however late that is.
pub fn after(profile: Profile, attempts: u32, now: Timestamp, jitter: f64) -> Timestamp {
    let delays_s = match profile {
        Profile::Urgent => URGENT_S,
        Profile::Patient => PATIENT_S,
    };
    let at = (attempts.max(1) as usize - 1).min(delays_s.len() - 1);
    let delay_ms = delays_s[at] * 1_000;
    let early_ms = (delay_ms as f64 * jitter.clamp(0.0, 1.0) / 10.0) as i64;
    now.plus_ms(delay_ms - early_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::TaskState;
    use crate::domain::Notification;

    fn task(kind: TaskKind) -> Task {
        Task {
            order_id: "o-1".into(),
            sequence: 1,
            kind,
            state: TaskState::Open,
            attempts: 0,
            next_attempt_at: Timestamp(0),
            give_up_at: Timestamp(600_000_000),
            last_error: None,
            event_id: "e-1".into(),
            traceparent: None,
        }
    }

    #[test]
    fn restaurants_are_tried_quickly_and_then_each_minute() {
        let task = task(TaskKind::NotifyRestaurant);
        let after = |attempts| next_attempt(&task, attempts, Timestamp(0), 0.0);
        assert_eq!(after(1), Ok(Timestamp(1_000_000)));
        assert_eq!(after(3), Ok(Timestamp(4_000_000)));
        assert_eq!(after(7), Ok(Timestamp(60_000_000)));
        assert_eq!(after(100), Ok(Timestamp(60_000_000)));
    }

    #[test]
    fn customers_are_tried_patiently() {
        let task = task(Notification::Accepted.task());
        assert_eq!(next_attempt(&task, 1, Timestamp(0), 0.0), Ok(Timestamp(5_000_000)));
        assert_eq!(next_attempt(&task, 3, Timestamp(0), 0.0), Ok(Timestamp(120_000_000)));
    }

    #[test]
    fn jitter_only_takes_off() {
        let task = task(TaskKind::NotifyRestaurant);
        assert_eq!(next_attempt(&task, 7, Timestamp(0), 1.0), Ok(Timestamp(54_000_000)));
    }

    #[test]
    fn an_attempt_at_or_after_the_end_is_pointless() {
        let task = task(TaskKind::NotifyRestaurant);
        let now = |us| next_attempt(&task, 1, Timestamp(us), 0.0);
        assert_eq!(now(598_999_999), Ok(Timestamp(599_999_999)));
        assert_eq!(now(599_000_000), Err(Timestamp(600_000_000)));
        assert_eq!(now(599_000_001), Err(Timestamp(600_000_001)));
    }

    #[test]
    fn the_last_look_comes_once_and_just_before_the_end() {
        let task = task(TaskKind::NotifyRestaurant);
        let last = Timestamp(599_000_000);
        let before = Timestamp(last.0 - 1);
        for (now, expected) in [(Timestamp(0), Some(last)), (before, Some(last)), (last, None)] {
            assert_eq!(last_look(&task, now), expected, "{now:?}");
        }
    }
}
