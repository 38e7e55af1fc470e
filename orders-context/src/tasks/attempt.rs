//! One attempt at one task, and its report.

use super::schedule::next_attempt;
use super::{Channels, Customers, mail, push, restaurant};
use crate::app::{App, Contact, Failure, Task, TaskReport};
use crate::domain::{Order, Receiver, TaskKind, Timestamp};
use crate::leases::Held;
use chassis::backoff::Backoff;
use chassis::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts to report what was done.
const REPORT_AGAIN: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// Another attempt may help. The code is stable and says nothing of the receiver.
    ForNow(String),
    /// No attempt will help.
    ForGood(String),
}

impl Failed {
    /// Why.
    pub fn code(self) -> String {
        let (Self::ForNow(code) | Self::ForGood(code)) = self;
        code
    }
}

/// What an attempt that did not fail came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// It reached its receiver over this channel.
    Taken(&'static str),
    /// It reached its receiver over this channel, and another, which failed with this code, is tried again.
    InPart {
        /// Which took it.
        channel: &'static str,
        /// Of the other.
        error: String,
    },
    /// Its receiver does not want it.
    Unwanted,
    /// The lease was lost on the way, and nothing was done: the work may be another instance's by now.
    Nothing,
}

/// What an attempt need not read, because it was handed over with the task.
#[derive(Default)]
pub struct Known {
    /// The order as it was when the task was stored.
    pub order: Option<Arc<Order>>,
    /// How to reach the customer.
    pub contact: Option<Contact>,
}

/// Attempts, and reports until the report is durable or `shutdown`: then the attempt is repeated
/// after the restart.
pub async fn run(
    app: &App,
    channels: &Channels,
    task: &Task,
    known: Known,
    held: &Held,
    shutdown: &Shutdown,
) {
    let Known { order, contact } = known;
    let order = match known_or_read(app, task, order).await {
        Ok(order) => order,
        Err(failure) => {
            tracing::warn!(order.id = %task.order_id, error = %failure, "an order cannot be read");
            return;
        }
    };
    if app.now() >= task.give_up_at {
        let error = task.last_error.clone().unwrap_or_else(|| "too_late".to_owned());
        let too_late = Some(app.now());
        let report = match restaurant::is_told(task, &order) {
            true => TaskReport::Over { error, too_late },
            false => TaskReport::GaveUp { error, too_late },
        };
        let report = restaurant::unless_heard(app, task, &order, report).await;
        let Some(report) = report else { return };
        return report_until(app, task, task.attempts, report, held, shutdown).await;
    }
    let outcome = deliver(app, channels, task, &order, contact, held).await;
    let attempts = task.attempts + 1;
    let kind = task.kind.as_str();
    let word = match &outcome {
        Ok(Came::Nothing) => return,
        Ok(Came::Taken(_)) => "delivered",
        Ok(Came::InPart { .. }) => "in_part",
        Ok(Came::Unwanted) => "unwanted",
        Err(failed) if restaurant::is_waiting(failed) => "waiting",
        Err(Failed::ForNow(_)) => "failed",
        Err(Failed::ForGood(_)) => "hopeless",
    };
    metrics::counter!("orders_task_attempts_total", "kind" => kind, "outcome" => word).increment(1);
    if let Some(report) = to_report(task, &order, attempts, app.now(), outcome)
        && let Some(report) = restaurant::unless_heard(app, task, &order, report).await
    {
        report_until(app, task, attempts, report, held, shutdown).await;
    }
}

fn to_report(
    task: &Task,
    order: &Order,
    attempts: u32,
    now: Timestamp,
    outcome: Result<Came, Failed>,
) -> Option<TaskReport> {
    let again = next_attempt(task, attempts, now, rand::random());
    Some(match outcome {
        Ok(Came::Nothing) => return None,
        Ok(Came::Unwanted) => TaskReport::Unwanted,
        Ok(Came::Taken(channel)) => TaskReport::Delivered { channel },
        Ok(Came::InPart { channel, error }) => match again {
            Ok(at) => TaskReport::DeliveredInPart { channel, at, error },
            Err(_) => TaskReport::Delivered { channel },
        },
        Err(Failed::ForGood(error)) => TaskReport::GaveUp { error, too_late: None },
        Err(Failed::ForNow(error)) => {
            let is_told = restaurant::is_told(task, order);
            let error = restaurant::still_left(task).unwrap_or(error);
            match again {
                Ok(at) => TaskReport::TryAgain { at, error },
                Err(at) if is_told => TaskReport::Over { error, too_late: Some(at) },
                Err(at) => TaskReport::GaveUp { error, too_late: Some(at) },
            }
        }
    })
}

async fn known_or_read(
    app: &App,
    task: &Task,
    order: Option<Arc<Order>>,
) -> Result<Arc<Order>, Failure> {
    match order {
        Some(order) => Ok(order),
        None => Ok(Arc::new(app.order(&task.order_id).await?.order)),
    }
}

async fn deliver(
    app: &App,
    channels: &Channels,
    task: &Task,
    order: &Order,
    contact: Option<Contact>,
    held: &Held,
) -> Result<Came, Failed> {
    match task.kind {
        TaskKind::NotifyRestaurant | TaskKind::RemindRestaurant(_) => {
            restaurant::tell(app, channels, task, order, contact, held).await
        }
        TaskKind::NotifyUser(notification) => match &channels.customers {
            Customers::Mail(mailer) => {
                let contact = contact_of(app, task, contact).await?;
                let contact = contact.ok_or_else(|| Failed::ForGood("erased".to_owned()))?;
                let letter = mail::Letter { task, order, notification, contact: &contact };
                let turn = mailer.turn(Receiver::Customer).await?;
                if !held.is_valid() {
                    return Ok(Came::Nothing);
                }
                turn.send(letter.addressed()?).await?;
                Ok(Came::Taken("mail"))
            }
            Customers::Push(gateway) => {
                let body = push::body(order, notification, app.now());
                if !held.is_valid() {
                    return Ok(Came::Nothing);
                }
                channels.poster.post(gateway, task, body).await?;
                Ok(Came::Taken("push"))
            }
        },
    }
}

/// How to reach the customer; `None` after the person was erased.
pub async fn contact_of(
    app: &App,
    task: &Task,
    known: Option<Contact>,
) -> Result<Option<Contact>, Failed> {
    if known.is_some() {
        return Ok(known);
    }
    app.contact(&task.order_id).await.map_err(|failure| {
        tracing::warn!(order.id = %task.order_id, error = %failure, "a contact cannot be read");
        Failed::ForNow("database".to_owned())
    })
}

/// Reports until that is durable, or `shutdown`.
async fn report_until(
    app: &App,
    task: &Task,
    attempts: u32,
    report: TaskReport,
    held: &Held,
    shutdown: &Shutdown,
) {
    for attempt in 0.. {
        match app.report_task(task, attempts, report.clone(), held.lease()).await {
            Ok(()) => return,
            Err(Failure::Fenced) => {
                tracing::warn!(order.id = %task.order_id, "a report comes after another took over");
                return;
            }
            Err(failure @ (Failure::Rejected(_) | Failure::Unreadable(_))) => {
                tracing::error!(order.id = %task.order_id, error = %failure, "a report was refused");
                return;
            }
            Err(failure) if attempt == 0 => {
                tracing::warn!(order.id = %task.order_id, error = %failure, "a report waits");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(REPORT_AGAIN.delay(attempt)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::TaskState;
    use crate::domain::Status;
    use crate::domain::tests::mother::{ACCEPT_BY, EVENING, MINUTE, after, order};

    fn reminder(last_error: Option<&str>) -> Task {
        Task {
            order_id: "order-1".to_owned(),
            sequence: 2,
            kind: TaskKind::RemindRestaurant(1),
            state: TaskState::Open,
            attempts: 1,
            next_attempt_at: EVENING,
            give_up_at: ACCEPT_BY,
            last_error: last_error.map(str::to_owned),
            event_id: "event-2".to_owned(),
            traceparent: None,
        }
    }

    /// An attempt that did not come to its beginning, with so much time left.
    fn unread(last_error: Option<&str>, now: Timestamp) -> Option<TaskReport> {
        let outcome = Err(Failed::ForNow("database".to_owned()));
        to_report(&reminder(last_error), &order(Status::Notified), 2, now, outcome)
    }

    #[test]
    fn what_one_channel_has_taken_is_remembered_when_nothing_could_be_read() {
        let Some(TaskReport::TryAgain { error, .. }) = unread(Some("mail:smtp_later"), EVENING)
        else {
            panic!("there is time")
        };
        assert_eq!(error, "mail:smtp_later");
        let over = unread(Some("mail:smtp_later"), ACCEPT_BY);
        assert!(matches!(over, Some(TaskReport::Over { error: left, .. }) if left == error));
        let late = after(10 * MINUTE - 1);
        let Some(TaskReport::GaveUp { error, too_late: Some(at) }) = unread(Some("connect"), late)
        else {
            panic!("nobody was told")
        };
        assert!(error == "database" && at > ACCEPT_BY);
    }
}
