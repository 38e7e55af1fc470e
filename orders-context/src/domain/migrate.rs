//! Moving an order that is under way to other terms: another flow, another policy, or both.
//!
//! A deadline moves by as much as its time differs, so that what an operator has added stays added.
//! Moving an order never ends it: a deadline that would have passed already stays where it is. So does
//! that of an answer which was given.

use super::{Order, Terms, Timestamp};

/// What moving an order would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migration {
    /// It lives by these terms already, or it is at rest and keeps those it ended under.
    Stands,
    /// The flow has no such status.
    NoPlace,
    /// Its deadline has passed: it is about to move by itself.
    TooLate {
        /// The moment that passed.
        deadline: Timestamp,
    },
    /// Its deadlines are these then.
    Moves {
        /// The end of the acceptance window.
        accept_by: Timestamp,
        /// The end of the total time.
        complete_by: Timestamp,
    },
}

/// What moving `order` to the terms `to` at `now` does.
#[must_use]
pub fn migration(order: &Order, to: &Terms, now: Timestamp) -> Migration {
    let Terms { flow, policy } = to;
    if order.status.is_at_rest() || (order.flow_version == *flow && order.policy == *policy) {
        return Migration::Stands;
    }
    if !flow.knows(order.status) {
        return Migration::NoPlace;
    }
    if let Some(deadline) = order.deadline().filter(|deadline| now >= *deadline) {
        return Migration::TooLate { deadline };
    }
    let moved = |at: Timestamp, new_ms: i64, old_ms: i64| {
        let moved = at.plus_ms(new_ms.saturating_sub(old_ms));
        if moved > now { moved } else { at }
    };
    let (new, old) = (policy, &order.policy);
    let complete_by = moved(order.complete_by, new.complete_within_ms, old.complete_within_ms);
    if !order.status.awaits_answer() {
        return Migration::Moves { accept_by: order.accept_by, complete_by };
    }
    let accept_by = moved(order.accept_by, new.accept_within_ms, old.accept_within_ms);
    // Who may still answer has something to answer for.
    Migration::Moves { accept_by, complete_by: complete_by.max(accept_by) }
}
