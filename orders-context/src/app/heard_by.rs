//! Whether endpoints have heard what a task is to tell their restaurant: its deliveries say so.

use super::{App, Failure, JournalRow, Task};
use crate::domain::{Delivery, DeliveryState, Event, TaskKind, TaskWas, Timestamp};
use crate::store::Error;

/// How many events of an order are looked through at most: more than one has.
const ROWS: usize = 1_000;

/// How the endpoints of a restaurant stand to what it is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardBy {
    /// One of them has taken it.
    Some,
    /// One of them is to hear, and none has taken it yet.
    NoneYet,
    /// Those that were to hear have not taken it, and are told no more.
    NoneAnyMore,
    /// It has endpoints, and none of them wants to be reminded.
    Unwanted,
    /// None of them is to hear of it.
    Nobody,
}

impl App {
    /// Whether an endpoint of the restaurant has taken what this task, which is for the restaurant, is to
    /// tell. What endpoints were told no more is told again where an operator has given the order more time, or has
    /// had the task tried again since.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn heard_by(&self, task: &Task, restaurant_id: &str) -> Result<HeardBy, Failure> {
        let endpoints = self.endpoints_to_tell(restaurant_id).await?;
        if endpoints.is_empty() {
            return Ok(HeardBy::Nobody);
        }
        let rows = self.store.history(task.order_id.clone(), 0, ROWS).await?;
        let Some(row) = rows.iter().rev().find(|row| is_told_by(task.kind, &row.event)) else {
            return Ok(HeardBy::Nobody);
        };
        let mut heard_by = match task.kind {
            TaskKind::RemindRestaurant(_) => HeardBy::Unwanted,
            TaskKind::NotifyRestaurant | TaskKind::NotifyUser(_) => HeardBy::Nobody,
        };
        let redriven_at = redriven_at(task, &rows);
        let accept_by = rows.iter().rev().find_map(|row| row.event.accept_by());
        let end = accept_by.unwrap_or(task.give_up_at).min(task.give_up_at);
        for endpoint in endpoints.iter().filter(|to| to.hears(&row.event, row.occurred_at)) {
            let (endpoint_id, event_id) = (endpoint.endpoint_id.clone(), row.event_id.clone());
            let delivery = match self.store.delivery(endpoint_id, event_id).await {
                // It is told by nobody, and others may have heard.
                Err(error @ Error::Corrupt(_)) => {
                    tracing::error!(order.id = %task.order_id, %error, "a delivery cannot be read");
                    if heard_by != HeardBy::NoneYet {
                        heard_by = HeardBy::NoneAnyMore;
                    }
                    continue;
                }
                found => found?,
            };
            match delivery {
                Some(delivery) if delivery.state == DeliveryState::Done => {
                    return Ok(HeardBy::Some);
                }
                Some(delivery) if delivery.state == DeliveryState::GivenUp => {
                    let (now, until) = (self.now(), delivery.give_up_at.max(end));
                    if now >= until || !is_told_again(&delivery, end, redriven_at) {
                        if heard_by != HeardBy::NoneYet {
                            heard_by = HeardBy::NoneAnyMore;
                        }
                        continue;
                    }
                    self.store.replace_delivery(delivery.replayed(now, until)).await?;
                }
                _ => {}
            }
            heard_by = HeardBy::NoneYet;
        }
        Ok(heard_by)
    }
}

/// When an operator had this task tried again after it was given up, if one had.
fn redriven_at(task: &Task, rows: &[JournalRow]) -> Option<Timestamp> {
    let asked_by = rows.iter().find(|row| row.sequence == task.sequence)?;
    let is_redriven = matches!(asked_by.event, Event::TaskRedriven { was: TaskWas::GivenUp, .. });
    is_redriven.then_some(asked_by.occurred_at)
}

/// Whether a delivery that was given up is told again: where there is more time than it had, or once for whoever
/// had the task tried again.
fn is_told_again(delivery: &Delivery, end: Timestamp, redriven_at: Option<Timestamp>) -> bool {
    let is_before = |at| delivery.recent.last().is_none_or(|last| last.at < at);
    delivery.give_up_at < end || redriven_at.is_some_and(is_before)
}

/// Whether the event is what a task of this kind tells.
fn is_told_by(kind: TaskKind, event: &Event) -> bool {
    match kind {
        TaskKind::NotifyRestaurant => {
            matches!(event, Event::OrderPlaced { .. } | Event::OrderRedriven { .. })
        }
        TaskKind::RemindRestaurant(number) => {
            matches!(event, Event::RestaurantReminded { reminder } if *reminder == number)
        }
        TaskKind::NotifyUser(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Notification;
    use crate::domain::tests::mother::{order_accepted, order_placed};

    #[test]
    fn a_task_tells_the_event_that_asked_for_it_and_no_other_reminder() {
        let reminded = |reminder| Event::RestaurantReminded { reminder };
        for (kind, event, tells) in [
            (TaskKind::NotifyRestaurant, order_placed(), true),
            (TaskKind::NotifyRestaurant, reminded(1), false),
            (TaskKind::RemindRestaurant(1), reminded(1), true),
            (TaskKind::RemindRestaurant(1), reminded(2), false),
            (TaskKind::RemindRestaurant(1), order_placed(), false),
            (TaskKind::NotifyUser(Notification::Accepted), order_accepted(), false),
        ] {
            assert_eq!(is_told_by(kind, &event), tells, "{kind:?} {event:?}");
        }
    }
}
