//! A command between the queue and its answer.

use super::recent::Recent;
use crate::app::{Failure, Reply, Submission};
use crate::domain::{Command, Order};
use std::sync::Arc;

/// How often a command is decided because its order moved meanwhile.
const ATTEMPTS: usize = 6;

/// One command, and how often it was decided in vain.
pub struct Turn {
    submission: Submission,
    in_vain: usize,
}

impl From<Submission> for Turn {
    fn from(submission: Submission) -> Self {
        Self { submission, in_vain: 0 }
    }
}

impl Turn {
    /// What is asked for.
    pub fn submission(&self) -> &Submission {
        &self.submission
    }

    /// Whose turn it is.
    pub fn order_id(&self) -> &str {
        &self.submission.change.order_id
    }

    /// The idempotency key it came with.
    pub fn key(&self) -> Option<&str> {
        self.submission.change.remember.as_ref().map(|remember| remember.key.as_str())
    }

    /// Whether it has to be decided behind `earlier`.
    pub fn is_behind(&self, earlier: &Self) -> bool {
        self.order_id() == earlier.order_id()
            || self.key().is_some_and(|key| earlier.key() == Some(key))
    }

    /// The order as this process saw it last, if that is remembered; others may have moved it since.
    /// After a decision in vain that is not to be trusted any more.
    pub fn known<'a>(&'a self, recent: &'a Recent) -> Option<&'a Arc<Order>> {
        let change = &self.submission.change;
        match self.in_vain {
            0 => recent.get(&change.order_id).or(change.seen.as_ref()),
            _ => None,
        }
    }

    /// Whether it can be decided on nothing at all. A new order and its key are not looked for at first:
    /// the commit finds out whether they exist.
    pub fn is_new(&self) -> bool {
        self.in_vain == 0 && matches!(self.submission.change.command, Some(Command::Place(_)))
    }

    /// Whether its key has to be looked for.
    pub fn doubts_its_key(&self) -> bool {
        self.in_vain > 0
    }

    /// It was decided in vain: the turn that it gets, unless there were enough.
    pub fn again(self) -> Option<Self> {
        let in_vain = self.in_vain + 1;
        if in_vain == ATTEMPTS {
            self.answer(Err(Failure::Contended));
            return None;
        }
        Some(Self { in_vain, ..self })
    }

    /// Whoever asked may have gone away: the change stands all the same.
    pub fn answer(self, answer: Result<Reply, Failure>) {
        let _ = self.submission.reply.send(answer);
    }
}

/// Tells everybody that the store does not answer.
pub fn refuse(turns: impl ExactSizeIterator<Item = Turn>, cause: &anyhow::Error) {
    let (commands, error) = (turns.len(), format!("{cause:#}"));
    tracing::error!(commands, error, "a group was not committed");
    for turn in turns {
        turn.answer(Err(Failure::Unavailable(anyhow::anyhow!("{cause:#}"))));
    }
}
