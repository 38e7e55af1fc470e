//! How a bulk action goes on: pure, one step at a time. Whoever keeps a step compares the round, so
//! each of these happens to what is kept or not at all.

use crate::domain::{Intervention, Timestamp};
use crate::store::bulk::{Ahead, Bulk, BulkState, Interruption, Portion, Tally};
use std::collections::HashMap;

/// How many orders of each cause are named.
const NAMED: usize = 10;

/// How many interruptions are remembered: the newest.
const REMEMBERED: usize = 100;

/// The cause by which orders are counted that cannot be understood.
pub(super) const UNREADABLE: &str = "unreadable";

/// The cause by which orders are counted that were taken, and matched no more when their turn came.
pub(super) const NO_LONGER_MATCHES: &str = "no_longer_matches";

/// What became of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The action changed it.
    Acted,
    /// It stood so already.
    Unchanged,
    /// The action was refused, with this code.
    Refused(&'static str),
    /// Its turn had not come when the bulk action was cancelled.
    Left,
}

/// What somebody asks of a bulk action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// To take no more orders until it is resumed.
    Pause,
    /// To go on.
    Resume,
    /// To take no more orders.
    Cancel,
}

impl Bulk {
    /// Takes the next orders, which are those up to what is `ahead` from now on.
    #[must_use]
    pub fn take(mut self, order_ids: Vec<String>, ahead: Ahead, now: Timestamp) -> Self {
        self.round += 1;
        self.portion = Portion { number: self.portion.number + 1, taken_at: now, order_ids };
        self.ahead = ahead;
        self.end_if_done(now);
        self
    }

    /// Writes down what became of orders of the portion with this number. What is not said of an
    /// order leaves it in the portion. `None`: nothing of it is left to be written down.
    #[must_use]
    pub fn settle(
        mut self,
        portion: i64,
        outcomes: &HashMap<String, Outcome>,
        now: Timestamp,
    ) -> Option<Self> {
        if portion != self.portion.number {
            return None;
        }
        let before = std::mem::take(&mut self.portion.order_ids);
        let taken = before.len();
        for order_id in before {
            match outcomes.get(&order_id) {
                Some(outcome) => self.tally.count(order_id, *outcome),
                None => self.portion.order_ids.push(order_id),
            }
        }
        if self.portion.order_ids.len() == taken {
            return None;
        }
        self.round += 1;
        self.end_if_done(now);
        Some(self)
    }

    /// What the interruption makes of it; `None`: it stands so already.
    ///
    /// # Errors
    /// How it stands, where that cannot be interrupted any more.
    pub fn interrupt(
        mut self,
        interrupt: Interrupt,
        intervention: Intervention,
        now: Timestamp,
    ) -> Result<Option<Self>, BulkState> {
        use BulkState as S;
        let to = match (self.state, interrupt) {
            (S::Running, Interrupt::Pause) => S::Paused,
            (S::Paused, Interrupt::Resume) => S::Running,
            (S::Running | S::Paused, Interrupt::Cancel) => S::Cancelled,
            (S::Running, Interrupt::Resume)
            | (S::Paused, Interrupt::Pause)
            | (S::Cancelled, Interrupt::Cancel) => return Ok(None),
            (ended, _) => return Err(ended),
        };
        self.round += 1;
        self.state = to;
        if to == S::Cancelled {
            self.ended_at = Some(now);
        }
        if self.interruptions.len() == REMEMBERED {
            self.interruptions.remove(0);
        }
        self.interruptions.push(Interruption { at: now, to, intervention });
        // It may have come to its end while it was paused.
        self.end_if_done(now);
        Ok(Some(self))
    }

    /// How many orders it has dealt with.
    #[must_use]
    pub fn taken(&self) -> u64 {
        let refused: u64 = self.tally.refused.values().map(|refused| refused.count).sum();
        self.tally.acted + self.tally.unchanged + refused
    }

    fn end_if_done(&mut self, now: Timestamp) {
        let is_done = self.ahead == Ahead::Nothing && self.portion.order_ids.is_empty();
        if is_done && self.state == BulkState::Running {
            self.state = BulkState::Done;
            self.ended_at = Some(now);
        }
    }
}

impl Tally {
    /// Counts one more order.
    pub(super) fn count(&mut self, order_id: String, outcome: Outcome) {
        match outcome {
            Outcome::Acted => self.acted += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Refused(code) => {
                let refused = self.refused.entry(code.to_owned()).or_default();
                refused.count += 1;
                if refused.order_ids.len() < NAMED {
                    refused.order_ids.push(order_id);
                }
            }
            Outcome::Left => {}
        }
    }
}
