//! One attempt at one task, and its report.

use super::schedule::next_attempt;
use super::{Channels, Customers, mail, push, webhook};
use crate::app::{App, Contact, Failure, Task, TaskReport};
use crate::domain::{Order, TaskKind};
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
    if app.now() >= task.give_up_at {
        let error = task.last_error.clone().unwrap_or_else(|| "too_late".to_owned());
        let report = TaskReport::GaveUp { error };
        return report_until(app, task, task.attempts, report, held, shutdown).await;
    }
    let Known { order, contact } = known;
    let outcome = match known_or_read(app, task, order).await {
        Ok(order) => deliver(app, channels, task, &order, contact, held).await,
        Err(failure) => {
            tracing::warn!(order.id = %task.order_id, error = %failure, "an order cannot be read");
            return;
        }
    };
    let outcome = match outcome {
        Ok(Some(channel)) => Ok(channel),
        // The work may be another instance's by now.
        Ok(None) => return,
        Err(failed) => Err(failed),
    };
    let attempts = task.attempts + 1;
    let kind = task.kind.as_str();
    let word = match &outcome {
        Ok(_) => "delivered",
        Err(Failed::ForNow(_)) => "failed",
        Err(Failed::ForGood(_)) => "hopeless",
    };
    metrics::counter!("orders_task_attempts_total", "kind" => kind, "outcome" => word).increment(1);
    let report = to_report(app, task, attempts, outcome);
    report_until(app, task, attempts, report, held, shutdown).await;
}

fn to_report(
    app: &App,
    task: &Task,
    attempts: u32,
    outcome: Result<&'static str, Failed>,
) -> TaskReport {
    match outcome {
        Ok(channel) => TaskReport::Delivered { channel },
        Err(Failed::ForGood(error)) => TaskReport::GaveUp { error },
        Err(Failed::ForNow(error)) => {
            match next_attempt(task, attempts, app.now(), rand::random()) {
                Some(at) => TaskReport::TryAgain { at, error },
                None => TaskReport::GaveUp { error },
            }
        }
    }
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

/// Over which channel it was delivered; none when the lease was lost on the way and nothing was done.
async fn deliver(
    app: &App,
    channels: &Channels,
    task: &Task,
    order: &Order,
    contact: Option<Contact>,
    held: &Held,
) -> Result<Option<&'static str>, Failed> {
    match task.kind {
        TaskKind::NotifyRestaurant | TaskKind::RemindRestaurant(_) => {
            let restaurant = app.restaurant(&order.restaurant_id).await;
            let restaurant = restaurant.map_err(|_| Failed::ForNow("database".to_owned()))?;
            let hook = restaurant.as_ref().and_then(|restaurant| restaurant.webhook.as_ref());
            let hook = hook.ok_or_else(|| Failed::ForGood("no_webhook".to_owned()))?;
            let note = contact_of(app, task, contact).await?.and_then(|contact| contact.note);
            let body = webhook::body(task, order, note.as_deref(), app.now());
            if !held.is_valid() {
                return Ok(None);
            }
            channels.poster.post(hook, task, body, app.now()).await?;
            Ok(Some("webhook"))
        }
        TaskKind::NotifyUser(notification) => match &channels.customers {
            Customers::Mail(mailer) => {
                let contact = contact_of(app, task, contact).await?;
                let contact = contact.ok_or_else(|| Failed::ForGood("erased".to_owned()))?;
                let letter = mail::Letter { task, order, notification, contact: &contact };
                if !held.is_valid() {
                    return Ok(None);
                }
                mailer.send(&letter).await?;
                Ok(Some("mail"))
            }
            Customers::Push(gateway) => {
                let body = push::body(order, notification, app.now());
                if !held.is_valid() {
                    return Ok(None);
                }
                channels.poster.post(gateway, task, body, app.now()).await?;
                Ok(Some("push"))
            }
        },
    }
}

async fn contact_of(
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
            Err(failure @ Failure::Rejected(_)) => {
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
