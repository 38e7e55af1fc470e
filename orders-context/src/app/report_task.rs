//! How an attempt at a task went comes back as a command.

use super::{App, Cause, Change, Failure};
use crate::domain::{Command, Receiver, Timestamp};
use crate::store::{Contact, Lease, Task, TaskChange, TaskState};

/// The outcome of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskReport {
    /// It reached its receiver over this channel.
    Delivered {
        /// `webhook`, `endpoint`, `mail`, `push`.
        channel: &'static str,
    },
    /// It reached its receiver over this channel, and is to reach it over another too: try again then.
    DeliveredInPart {
        /// As with [`TaskReport::Delivered`].
        channel: &'static str,
        /// When.
        at: Timestamp,
        /// A stable code of why it has not reached it over the other.
        error: String,
    },
    /// It failed; try again then.
    TryAgain {
        /// When.
        at: Timestamp,
        /// A stable code.
        error: String,
    },
    /// It has reached its receiver over one channel, and over another it will not be tried again.
    Over {
        /// A stable code, of the other.
        error: String,
        /// As with [`TaskReport::GaveUp`].
        too_late: Option<Timestamp>,
    },
    /// Its receiver does not want it: nothing has failed.
    Unwanted,
    /// It failed and will not be tried again.
    GaveUp {
        /// A stable code.
        error: String,
        /// When it would be tried again, had the task its point by then.
        too_late: Option<Timestamp>,
    },
}

impl App {
    /// Records how an attempt went, with the fact it leads to, in one commit. `attempts` counts this
    /// one. Safe to repeat. Nothing is recorded once another has taken the lease that the attempt was
    /// made under.
    ///
    /// # Errors
    /// [`Failure`]; the task stays open and will be attempted again.
    pub async fn report_task(
        &self,
        task: &Task,
        attempts: u32,
        report: TaskReport,
        lease: &Lease,
    ) -> Result<(), Failure> {
        let (now, kind, sequence) = (self.now(), task.kind, task.sequence);
        let close = |state, last_error| TaskChange::Close { sequence, attempts, state, last_error };
        let again = |next_attempt_at, last_error| TaskChange::TryAgain {
            sequence,
            attempts,
            next_attempt_at,
            last_error,
        };
        let delivered = |channel: &str| {
            let channel = channel.to_owned();
            Some(Command::TaskDelivered { task: kind, asked_by: sequence, channel, attempts, now })
        };
        // Somebody may have given the restaurant more time while the attempt was under way.
        let if_prolonged = match &report {
            TaskReport::Over { error, too_late: Some(at) }
            | TaskReport::GaveUp { error, too_late: Some(at) }
                if kind.receiver() == Receiver::Restaurant =>
            {
                Some((task.give_up_at, again(*at, error.clone())))
            }
            _ => None,
        };
        let (command, change) = match report {
            TaskReport::Delivered { channel } => (delivered(channel), close(TaskState::Done, None)),
            TaskReport::DeliveredInPart { channel, at, error } => {
                (delivered(channel), again(at, error))
            }
            TaskReport::TryAgain { at, error } => (None, again(at, error)),
            TaskReport::Unwanted => (None, close(TaskState::Withdrawn, None)),
            TaskReport::Over { error, .. } => (None, close(TaskState::Done, Some(error))),
            TaskReport::GaveUp { error, .. } => {
                let cause = error.clone();
                let asked_by = sequence;
                let command = Command::TaskGaveUp { task: kind, asked_by, attempts, cause, now };
                (Some(command), close(TaskState::GivenUp, Some(error)))
            }
        };
        let cause = Cause {
            traceparent: task.traceparent.clone(),
            causation_id: Some(task.event_id.clone()),
        };
        let order_id = task.order_id.clone();
        let (task, fence) = (Some(change), Some(lease.clone()));
        let change =
            Change { order_id, command, cause, task, if_prolonged, fence, ..Change::default() };
        self.submit(change).await.map(drop)
    }

    /// Open tasks that tell `to` and are due, with the restaurant of their order: those due from `from` on, or
    /// all, the most overdue first, at most `limit`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn open_tasks(
        &self,
        to: Receiver,
        from: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<(String, Task)>, Failure> {
        let from = from.unwrap_or(Timestamp(i64::MIN));
        Ok(self.store.open_tasks(to, from..=self.now(), limit).await?)
    }

    /// How to reach the customer of an order; `None` after the person was erased.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn contact(&self, order_id: &str) -> Result<Option<Contact>, Failure> {
        Ok(self.store.contact(order_id.to_owned()).await?)
    }
}
