//! What operators do to orders, one or a thousand at a time. A closed list: whoever adds an action says
//! here which command it is.

use super::{
    Command, Deadline, Decision, Intervention, Operation, Role, TaskKind, Terms, Timestamp, Until,
};
use serde::{Deserialize, Serialize};

/// What is to be done to an order. Also a stored form: a bulk action keeps it while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Set one going again that expired or timed out.
    Redrive,
    /// Have the task that was given up tried again.
    RedriveTask,
    /// Have what waits for its next attempt tried at once.
    RetryNow,
    /// Give it more time.
    Extend {
        /// Which of its deadlines moves.
        deadline: Deadline,
        /// Up to when.
        until: Until,
    },
    /// Call it off.
    Cancel {
        /// A code, never a person's words.
        reason: String,
    },
    /// Move it to another flow, another policy, or both.
    Migrate {
        /// What it lives by from then on.
        to: Terms,
    },
}

/// An open task as it was found: what [`Action::RetryNow`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What is to be done.
    pub task: TaskKind,
    /// When its next attempt is due.
    pub due_at: Timestamp,
}

impl Action {
    /// The word used in the API, in tables and on the command line.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::RedriveTask => "redrive_task",
            Self::RetryNow => "retry_now",
            Self::Extend { .. } => "extend",
            Self::Cancel { .. } => "cancel",
            Self::Migrate { .. } => "migrate",
        }
    }

    /// Whether it can only be decided with the order's open task at hand.
    #[must_use]
    pub const fn is_about_an_open_task(&self) -> bool {
        matches!(self, Self::RetryNow)
    }

    /// The command that does it. `None`: it is about an open task, and the order has none.
    #[must_use]
    pub fn command(
        &self,
        waiting: Option<Waiting>,
        intervention: Intervention,
        now: Timestamp,
    ) -> Option<Command> {
        let (by, intervention) = (Role::Operator, Some(intervention));
        let decide = |decision, intervention| Command::Decide { decision, by, intervention, now };
        let operate =
            |operation, intervention| Command::Operate { operation, by, intervention, now };
        Some(match self {
            Self::Redrive => decide(Decision::Redrive, intervention),
            Self::Cancel { reason } => {
                decide(Decision::Cancel { reason: reason.clone() }, intervention)
            }
            Self::RedriveTask => operate(Operation::RedriveTask, intervention),
            Self::Extend { deadline, until } => {
                operate(Operation::Extend { deadline: *deadline, until: *until }, intervention)
            }
            Self::Migrate { to } => operate(Operation::Migrate { to: to.clone() }, intervention),
            Self::RetryNow => {
                let Waiting { task, due_at } = waiting?;
                operate(Operation::RetryNow { task, due_at }, intervention)
            }
        })
    }
}
