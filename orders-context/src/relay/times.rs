//! What a state needs beside its last event: when the order was placed, and its deadlines.
//!
//! Few events carry them, so a relay remembers those of the orders that it met last. It asks the database for the
//! others of a page all at once: after a start, and for orders that have slept.

use crate::domain::{Deadline, Event as E, Order, Timestamp};
use crate::store::{JournalRow, Tombstone};
use std::collections::HashMap;

/// How many orders are remembered at most, at about 120 bytes each: twice this.
pub const YOUNG: usize = 50_000;

/// The times of an order, after some event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was taken.
    pub placed_at: Timestamp,
    /// The answer is due before this moment.
    pub accept_by: Timestamp,
    /// Delivery is due before this moment.
    pub complete_by: Timestamp,
}

impl Times {
    /// After one more event; `None` only before the first.
    pub fn after(before: Option<Self>, at: Timestamp, event: &E) -> Option<Self> {
        let mut times = match (before, event) {
            (_, E::OrderPlaced { accept_by, complete_by, .. }) => {
                Self { placed_at: at, accept_by: *accept_by, complete_by: *complete_by }
            }
            (before, _) => before?,
        };
        match event {
            E::OrderRedriven { accept_by, complete_by, .. } => {
                (times.accept_by, times.complete_by) = (*accept_by, *complete_by);
            }
            E::FlowMigrated(migrated) => {
                (times.accept_by, times.complete_by) = (migrated.accept_by, migrated.complete_by);
            }
            E::DeadlineExtended { deadline: Deadline::AcceptBy, to, .. } => times.accept_by = *to,
            E::DeadlineExtended { deadline: Deadline::CompleteBy, to, .. } => {
                times.complete_by = *to;
            }
            E::OrderPlaced { .. }
            | E::RestaurantNotified { .. }
            | E::RestaurantReminded { .. }
            | E::OrderAccepted { .. }
            | E::OrderRejected { .. }
            | E::OrderExpired { .. }
            | E::UserNotified { .. }
            | E::OrderCompleted { .. }
            | E::OrderCancelled { .. }
            | E::OrderTimedOut { .. }
            | E::NotificationFailed { .. }
            | E::TaskRedriven { .. } => {}
        }
        Some(times)
    }
}

impl From<&Order> for Times {
    fn from(order: &Order) -> Self {
        let (accept_by, complete_by) = (order.accept_by, order.complete_by);
        Self { placed_at: order.placed_at, accept_by, complete_by }
    }
}

/// What is remembered of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Its times after the last event that was read.
    At(Times),
    /// It has a tombstone: nothing is said of it any more.
    Buried,
}

impl Met {
    /// After one more row of the order; `None` if its beginning was not read.
    #[must_use]
    pub fn after(before: Option<Self>, row: &JournalRow) -> Option<Self> {
        let before = match before {
            Some(Self::Buried) => return before,
            Some(Self::At(times)) => Some(times),
            None => None,
        };
        Times::after(before, row.occurred_at, &row.event).map(Self::At)
    }
}

/// The orders that were met last. What is young is as much as fits; what was young before that is old.
#[derive(Default)]
pub struct Memory {
    young: HashMap<String, Met>,
    old: HashMap<String, Met>,
}

impl Memory {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// What is known of an order.
    pub fn get(&self, order_id: &str) -> Option<Met> {
        self.young.get(order_id).or_else(|| self.old.get(order_id)).copied()
    }

    /// Takes one more row of an order in, unless its beginning was not read.
    pub fn take(&mut self, row: &JournalRow) {
        if let Some(met) = Met::after(self.get(&row.order_id), row) {
            self.put(&row.order_id, met);
        }
    }

    /// From now on nothing is said of the order.
    pub fn bury(&mut self, tombstone: &Tombstone) {
        self.put(&tombstone.order_id, Met::Buried);
    }

    /// Remembers what is known of an order.
    pub fn put(&mut self, order_id: &str, met: Met) {
        if let Some(known) = self.young.get_mut(order_id) {
            *known = met;
            return;
        }
        if self.young.len() >= YOUNG {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(order_id.to_owned(), met);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evolve;
    use crate::domain::tests::mother::{
        EVENING, after, flow_migrated, order_accepted, order_expired, order_placed, order_redriven,
        restaurant_notified,
    };

    #[test]
    fn the_times_are_those_of_the_fold() {
        let story = [
            order_placed(),
            restaurant_notified(),
            flow_migrated(),
            order_expired(),
            order_redriven(),
            E::DeadlineExtended {
                extended_by: crate::domain::Role::Operator,
                deadline: Deadline::AcceptBy,
                from: after(1),
                to: after(9_000),
                intervention: None,
            },
            order_accepted(),
            E::DeadlineExtended {
                extended_by: crate::domain::Role::Operator,
                deadline: Deadline::CompleteBy,
                from: after(1),
                to: after(90_000),
                intervention: None,
            },
        ];
        let (mut order, mut times) = (None, None);
        for (step, event) in (0..).zip(&story) {
            order = evolve(order, "order-1", after(step), event);
            times = Times::after(times, after(step), event);
            assert_eq!(times, order.as_ref().map(Times::from), "after {event:?}");
        }
        assert_eq!(Times::after(None, EVENING, &order_accepted()), None);
    }

    #[test]
    fn who_was_met_of_late_is_remembered_and_who_was_not_is_forgotten() {
        let met = Met::At(Times { placed_at: EVENING, accept_by: EVENING, complete_by: EVENING });
        let mut memory = Memory::default();
        for number in 0..3 * YOUNG {
            memory.put(&number.to_string(), met);
            memory.put("often", met);
        }
        assert!(memory.young.len() + memory.old.len() <= 2 * YOUNG);
        assert_eq!(memory.get("often"), Some(met));
        assert_eq!(memory.get("0"), None);
        assert_eq!(memory.get(&(3 * YOUNG - 1).to_string()), Some(met));
        memory.clear();
        assert_eq!(memory.get("often"), None);
    }
}
