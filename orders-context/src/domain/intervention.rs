//! Who of the operators acted on an order, and why they say they did.

use super::Timestamp;
use super::words::words;
use serde::{Deserialize, Serialize};

/// What an operator answers for. It stands in the journal for the history, and on no topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervention {
    /// An opaque id of the operator.
    pub actor: String,
    /// In the operator's words, which name nobody.
    pub reason: String,
}

words! {
    /// A promise about time that an operator may prolong.
    Deadline {
        /// Until when the restaurant may answer.
        AcceptBy = "accept_by",
        /// Until when the order may be completed.
        CompleteBy = "complete_by",
    }
}

/// How a task stood that an operator had tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskWas {
    /// It would not have been tried any more.
    GivenUp,
    /// It waited for its next attempt.
    Waiting {
        /// When that would have been due.
        due_at: Timestamp,
    },
}

impl TaskWas {
    /// The word used in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GivenUp => "given_up",
            Self::Waiting { .. } => "waiting",
        }
    }
}
