//! One event on its way to one endpoint: attempts until it is taken or pointless. Pure; a change gives
//! the next round of the delivery.

use super::words::words;
use super::{Endpoint, Profile, Timestamp};
use serde::{Deserialize, Serialize};

/// How many attempts are remembered.
const REMEMBERED: usize = 10;

const HOUR_MS: i64 = 3_600_000;

/// One event for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// To which endpoint.
    pub endpoint_id: String,
    /// Names the delivery to that endpoint, and what is delivered wherever it goes.
    pub event_id: String,
    /// The event's name.
    pub event_type: String,
    /// Of which order.
    pub order_id: String,
    /// The event's place in the order.
    pub sequence: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
    /// What is sent: JSON without anything personal.
    pub body: String,
    /// Rises with each change; the first is 1.
    pub round: i64,
    /// How it stands.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: u32,
    /// The last of them, the newest last.
    pub recent: Vec<Attempt>,
    /// When the next one is due.
    pub next_attempt_at: Timestamp,
    /// From this moment on it is pointless.
    pub give_up_at: Timestamp,
}

words! {
    /// How a delivery stands.
    DeliveryState {
        /// It has not been taken yet.
        Pending = "pending",
        /// It was taken.
        Done = "done",
        /// It is not tried any more.
        GivenUp = "given_up",
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The status it was taken with, or a stable code of why it was not.
    pub outcome: Result<u16, String>,
    /// How long it took.
    pub duration_ms: i64,
}

impl Delivery {
    /// By which a receiver knows it again, at each attempt: `webhook-id`.
    #[must_use]
    pub fn webhook_id(&self) -> String {
        format!("msg_{}", self.event_id)
    }

    /// The next round, after an attempt. What was not taken is due again at `again_at`, if that is
    /// before it is pointless.
    #[must_use]
    pub fn attempted(&self, attempt: Attempt, again_at: Option<Timestamp>) -> Self {
        let again_at = again_at.filter(|at| *at < self.give_up_at);
        let state = match (&attempt.outcome, again_at) {
            (Ok(_), _) => DeliveryState::Done,
            (Err(_), Some(_)) => DeliveryState::Pending,
            (Err(_), None) => DeliveryState::GivenUp,
        };
        let mut recent = self.recent.clone();
        recent.push(attempt);
        let forgotten = recent.len().saturating_sub(REMEMBERED);
        recent.drain(..forgotten);
        Self {
            state,
            attempts: self.attempts + 1,
            recent,
            next_attempt_at: again_at.unwrap_or(self.next_attempt_at),
            ..self.next()
        }
    }

    /// The next round, in which it is tried no more.
    #[must_use]
    pub fn given_up(&self) -> Self {
        Self { state: DeliveryState::GivenUp, ..self.next() }
    }

    /// The next round, due at once however it stands, and worth trying until `give_up_at`.
    #[must_use]
    pub fn replayed(&self, now: Timestamp, give_up_at: Timestamp) -> Self {
        let state = DeliveryState::Pending;
        Self { state, next_attempt_at: now, give_up_at, ..self.next() }
    }

    /// The next round, worth trying until then at least: told again from `at` on if it was given up. None
    /// where that changes nothing.
    #[must_use]
    pub fn prolonged(&self, at: Timestamp, give_up_at: Timestamp) -> Option<Self> {
        match self.state {
            _ if give_up_at <= self.give_up_at => None,
            DeliveryState::Done => None,
            DeliveryState::Pending => Some(Self { give_up_at, ..self.next() }),
            DeliveryState::GivenUp => Some(self.replayed(at, give_up_at)),
        }
    }

    /// The next round, worth trying no longer than until then. None where that changes nothing.
    #[must_use]
    pub fn shortened(&self, give_up_at: Timestamp) -> Option<Self> {
        let is_shorter = self.state == DeliveryState::Pending && give_up_at < self.give_up_at;
        is_shorter.then(|| Self { give_up_at, ..self.next() })
    }

    fn next(&self) -> Self {
        Self { round: self.round + 1, ..self.clone() }
    }
}

impl Endpoint {
    /// Until when it is worth telling this endpoint of an event that asks for an answer by `answer_by`, or
    /// for none. Where somebody cooks, an order that comes late does harm.
    #[must_use]
    pub fn worth_until(&self, occurred_at: Timestamp, answer_by: Option<Timestamp>) -> Timestamp {
        match (self.profile, answer_by) {
            (Profile::Urgent, Some(answer_by)) => answer_by,
            _ => self.worth_trying_until(occurred_at),
        }
    }

    /// Until when it is worth telling this endpoint of anything that is asked for at `at`.
    #[must_use]
    pub fn worth_trying_until(&self, at: Timestamp) -> Timestamp {
        at.plus_ms(match self.profile {
            Profile::Urgent => HOUR_MS,
            Profile::Patient => 72 * HOUR_MS,
        })
    }

    /// The next round, if an attempt at `now` that was taken, or not, changes how it stands: when every
    /// attempt has failed for `pause_after_ms`, it is paused.
    #[must_use]
    pub fn attempted(&self, taken: bool, now: Timestamp, pause_after_ms: i64) -> Option<Self> {
        match (taken, self.failing_since) {
            (true, None) => None,
            (true, Some(_)) => Some(Self { failing_since: None, ..self.next() }),
            (false, None) => Some(Self { failing_since: Some(now), ..self.next() }),
            (false, Some(since)) if now >= since.plus_ms(pause_after_ms) => {
                let paused = self.paused(super::PausedBy::Failing, now);
                (paused != *self).then_some(paused)
            }
            (false, Some(_)) => None,
        }
    }
}
