//! A durable call to the outside as a row, and what can happen to it.

use super::Entry;
use crate::domain::{Effect, TaskKind, Timestamp};

/// Whether a row of `tasks` tells a customer, in SQL: as the index of open tasks has it.
pub const TELLS_CUSTOMER: &str = r#"(substr(kind, 1, 14) = '{"notify_user"')"#;

/// Why an open task waits of which nothing has failed: a delivery to an endpoint is on its way. In SQL
/// it is written out.
pub const ENDPOINT_NOT_YET: &str = "endpoint_not_yet";

/// A durable call to the outside, as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Whose.
    pub order_id: String,
    /// Sequence of the event that asked for it; with the order id it names the task.
    pub sequence: i64,
    /// What is to be done.
    pub kind: TaskKind,
    /// How it stands.
    pub state: TaskState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next attempt is due, while it is open.
    pub next_attempt_at: Timestamp,
    /// After this moment it is pointless.
    pub give_up_at: Timestamp,
    /// A stable code of why the last attempt failed.
    pub last_error: Option<String>,
    /// The event that asked for it.
    pub event_id: String,
    /// W3C trace context of that event.
    pub traceparent: Option<String>,
}

crate::domain::words! {
    /// How a task stands.
    TaskState {
        /// To be done.
        Open = "open",
        /// Reached its receiver.
        Done = "done",
        /// Will not be tried again.
        GivenUp = "given_up",
        /// Became pointless before it was done, or is done anew by another.
        Withdrawn = "withdrawn",
    }
}

/// A change of an order's tasks.
#[derive(Clone, Debug)]
pub enum TaskChange {
    /// A new one.
    Open(Task),
    /// An attempt failed; if it is still open, try again then.
    TryAgain {
        /// Which.
        sequence: i64,
        /// Attempts so far.
        attempts: u32,
        /// When.
        next_attempt_at: Timestamp,
        /// Why the last one failed.
        last_error: String,
    },
    /// It has come to its end. An open or withdrawn one only.
    Close {
        /// Which.
        sequence: i64,
        /// Attempts in all.
        attempts: u32,
        /// How it ended.
        state: TaskState,
        /// Why the last attempt failed, if it did.
        last_error: Option<String>,
    },
    /// All open ones have become pointless.
    WithdrawOpen,
    /// Those that were given up are done anew by others.
    WithdrawGivenUp {
        /// Those of this kind; all if there is none.
        kind: Option<TaskKind>,
    },
    /// All open ones are due then, if not sooner.
    HurryOpen {
        /// When.
        due_at: Timestamp,
    },
    /// All open ones keep their point until then, if not longer.
    ProlongOpen {
        /// Until when.
        give_up_at: Timestamp,
    },
}

impl Task {
    /// The change of rows that `effect` asks for.
    #[must_use]
    pub fn from_effect(order_id: &str, entry: &Entry, effect: &Effect) -> TaskChange {
        match effect {
            Effect::WithdrawOpenTasks => TaskChange::WithdrawOpen,
            Effect::WithdrawGivenUpTasks { task } => TaskChange::WithdrawGivenUp { kind: *task },
            Effect::HurryOpenTasks => TaskChange::HurryOpen { due_at: entry.occurred_at },
            Effect::ProlongOpenTasks { give_up_at } => {
                TaskChange::ProlongOpen { give_up_at: *give_up_at }
            }
            Effect::Start { task, give_up_at } => TaskChange::Open(Self {
                order_id: order_id.to_owned(),
                sequence: entry.sequence,
                kind: *task,
                state: TaskState::Open,
                attempts: 0,
                next_attempt_at: entry.occurred_at,
                give_up_at: *give_up_at,
                last_error: None,
                event_id: entry.event_id.clone(),
                traceparent: entry.traceparent.clone(),
            }),
        }
    }
}
