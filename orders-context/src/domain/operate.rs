//! What an operator can do about an order that no arrow of the flow leads to: give it more time, have
//! a task tried again, move it to other terms. It stands where it stood, whatever the version of its flow. None of this is ever
//! too old to be done; what can be too late is the order's deadline.

use super::migrate::{Migration, migration};
use super::{
    Deadline, Event, Intervention, Migrated, Notification, Operation, Order, Receiver, Rejection,
    Role, Status, TaskKind, TaskWas, Terms, Timestamp, Until,
};

/// How long an order may take at most, in milliseconds from its placing or its last redrive, however
/// often it is given more time: a day.
pub const LONGEST_MS: i64 = 24 * 3_600_000;

/// The operator who acts.
struct By<'a> {
    role: Role,
    intervention: Option<&'a Intervention>,
}

/// What the operation makes true. Nothing when that is how it stands already.
///
/// # Errors
/// A [`Rejection`] when it would not help the order where it stands, or is not for this role.
pub(super) fn operate(
    order: &Order,
    operation: &Operation,
    role: Role,
    intervention: Option<&Intervention>,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    if role != Role::Operator {
        return Err(Rejection::NotForRole { status: order.status, role });
    }
    let by = By { role, intervention };
    match operation {
        Operation::Extend { deadline, until } => extend(order, *deadline, *until, &by, now),
        Operation::RedriveTask => redrive_task(order, &by, now),
        Operation::RetryNow { task, due_at } => retry_now(order, *task, *due_at, &by, now),
        Operation::Migrate { to } => migrate(order, to, &by, now),
    }
}

/// Only while the order waits for that deadline, and only to a later moment.
fn extend(
    order: &Order,
    which: Deadline,
    until: Until,
    by: &By<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let status = order.status;
    let from = match which {
        Deadline::AcceptBy if status.awaits_answer() => order.accept_by,
        Deadline::CompleteBy if !status.is_at_rest() => order.complete_by,
        _ => return Err(order.decided_otherwise()),
    };
    order.is_in_time(now)?;
    let to = match until {
        Until::Moment(to) => to,
        Until::Later { by_ms } => from.plus_ms(by_ms),
    };
    let limit = order.latest(which);
    match to {
        _ if to == from => Ok(Vec::new()),
        _ if to < from => Err(Rejection::NotLater { status, deadline: from }),
        _ if to > limit => Err(Rejection::TooFar { status, which, limit }),
        _ => Ok(vec![Event::DeadlineExtended {
            extended_by: by.role,
            deadline: which,
            from,
            to,
            intervention: by.intervention.cloned(),
        }]),
    }
}

fn redrive_task(order: &Order, by: &By<'_>, now: Timestamp) -> Result<Vec<Event>, Rejection> {
    let status = order.status;
    let task = order.helpful_task().ok_or(Rejection::TaskNotGivenUp { status })?;
    if order.redriven.contains(&task) || order.is_told(task) {
        return Ok(Vec::new());
    }
    if !order.given_up.contains(&task) {
        return Err(Rejection::TaskNotGivenUp { status });
    }
    if task.receiver() == Receiver::Restaurant {
        order.is_in_time(now)?;
    }
    Ok(vec![task_redriven(task, TaskWas::GivenUp, by)])
}

fn retry_now(
    order: &Order,
    task: TaskKind,
    due_at: Timestamp,
    by: &By<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let is_pointless = task.receiver() == Receiver::Restaurant && !order.status.awaits_answer();
    if is_pointless || order.given_up.contains(&task) {
        return Err(Rejection::NoOpenTask { status: order.status });
    }
    if due_at <= now || order.hurried == Some(due_at) {
        return Ok(Vec::new());
    }
    if task.receiver() == Receiver::Restaurant {
        order.is_in_time(now)?;
    }
    Ok(vec![task_redriven(task, TaskWas::Waiting { due_at }, by)])
}

/// An order at rest keeps the terms it ended under.
fn migrate(
    order: &Order,
    to: &Terms,
    by: &By<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let (status, flow) = (order.status, to.flow);
    match migration(order, to, now) {
        Migration::Stands => Ok(Vec::new()),
        Migration::NoPlace => Err(Rejection::NoPlace { status, flow }),
        Migration::TooLate { deadline } => Err(Rejection::TooLate { status, deadline }),
        Migration::Moves { accept_by, complete_by } => Ok(vec![Event::FlowMigrated(Migrated {
            migrated_by: by.role,
            from_flow: order.flow_version,
            from_policy: order.policy.version,
            flow_version: flow,
            policy: to.policy.clone(),
            accept_by,
            complete_by,
            intervention: by.intervention.cloned(),
        })]),
    }
}

fn task_redriven(task: TaskKind, was: TaskWas, by: &By<'_>) -> Event {
    let intervention = by.intervention.cloned();
    Event::TaskRedriven { task, was, redriven_by: by.role, intervention }
}

impl Order {
    /// The last moment to which a deadline may be moved.
    #[must_use]
    pub fn latest(&self, which: Deadline) -> Timestamp {
        match which {
            // There must be an end to the whole before there is one to the answer.
            Deadline::AcceptBy => self.complete_by,
            Deadline::CompleteBy => self.window_opened_at.plus_ms(LONGEST_MS).max(self.complete_by),
        }
    }

    /// The one task that helps the order where it stands, if one does.
    #[must_use]
    pub fn helpful_task(&self) -> Option<TaskKind> {
        match self.status {
            Status::Placed => self.announce.is_by_task().then_some(TaskKind::NotifyRestaurant),
            Status::Notified => {
                (self.reminders > 0).then_some(TaskKind::RemindRestaurant(self.reminders))
            }
            Status::Accepted => Some(Notification::Accepted.task()),
            Status::Confirmed | Status::Completed => None,
            Status::Rejected => Some(Notification::Rejected.task()),
            Status::Expired => Some(Notification::Expired.task()),
            Status::Cancelled => Some(Notification::Cancelled.task()),
            Status::TimedOut => Some(Notification::TimedOut.task()),
        }
    }

    fn is_told(&self, task: TaskKind) -> bool {
        match task {
            TaskKind::NotifyRestaurant => self.restaurant_told,
            TaskKind::RemindRestaurant(_) => false,
            TaskKind::NotifyUser(notification) => self.user_told.contains(&notification),
        }
    }

    /// Refuses what comes after the deadline of the present status.
    fn is_in_time(&self, now: Timestamp) -> Result<(), Rejection> {
        match self.deadline() {
            Some(deadline) if now >= deadline => {
                Err(Rejection::TooLate { status: self.status, deadline })
            }
            _ => Ok(()),
        }
    }
}
