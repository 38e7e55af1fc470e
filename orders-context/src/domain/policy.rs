//! What was promised about time when the order was placed.

use super::{Timestamp, upcast};
use serde::{Deserialize, Serialize};

/// How often a restaurant is reminded of an order at most: each order carries the moments.
const MOST_REMINDERS: usize = 20;

/// The times an order lives by. Stored with the order, so that a changed policy never moves a
/// promise already made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Names these times: another number for other times.
    #[serde(default = "upcast::policy_version")]
    pub version: u32,
    /// How long the restaurant may take to answer, in milliseconds from placing, or from a redrive.
    pub accept_within_ms: i64,
    /// How long the whole order may take, in milliseconds from placing, or from a redrive.
    pub complete_within_ms: i64,
    /// When the restaurant is reminded, in milliseconds from the same moment, ascending.
    pub remind_after_ms: Vec<i64>,
    /// How long telling the customer is worth trying, in milliseconds from the fact to be told.
    pub tell_user_within_ms: i64,
}

impl Policy {
    /// Ten minutes to answer (the field uses 8 to 11.5), two hours in all, reminders at 90 seconds,
    /// 3 and 8 minutes; the customer is told within a day or not at all.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            version: 1,
            accept_within_ms: 10 * 60_000,
            complete_within_ms: 120 * 60_000,
            remind_after_ms: vec![90_000, 180_000, 480_000],
            tell_user_within_ms: 24 * 3_600_000,
        }
    }

    /// What no order can live by, one sentence each; nothing for a policy that orders can be placed
    /// under.
    #[must_use]
    pub fn problems(&self) -> Vec<&'static str> {
        let reminders = &self.remind_after_ms;
        let rising = reminders.is_sorted_by(|one, next| one < next);
        let faults = [
            (self.version == 0, "version must be above 0"),
            (self.accept_within_ms <= 0, "accept_within_ms must be above 0"),
            (
                self.complete_within_ms < self.accept_within_ms,
                "complete_within_ms must not be shorter than accept_within_ms",
            ),
            (
                !rising || reminders.first().is_some_and(|first| *first <= 0),
                "remind_after_ms must be above 0 and rise",
            ),
            (
                reminders.len() > MOST_REMINDERS,
                "remind_after_ms must not have more than 20 moments",
            ),
            (self.tell_user_within_ms <= 0, "tell_user_within_ms must be above 0"),
        ];
        faults.into_iter().filter_map(|(wrong, what)| wrong.then_some(what)).collect()
    }

    /// How many reminders were due by `now` for an acceptance window that began at `opened_at`.
    #[must_use]
    pub fn reminders_due(&self, opened_at: Timestamp, now: Timestamp) -> usize {
        self.remind_after_ms.iter().filter(|&&ms| opened_at.plus_ms(ms) <= now).count()
    }

    /// The next reminder strictly after `now`, if one is left.
    #[must_use]
    pub fn next_reminder(&self, opened_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.remind_after_ms.iter().map(|&ms| opened_at.plus_ms(ms)).find(|&at| at > now)
    }
}
