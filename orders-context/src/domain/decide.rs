//! Command and state → events, or a rejection. Pure; the flow itself is in [`super::flow::FLOWS`].

use super::operate::operate;
use super::{
    Command, Decision, Event, Intervention, Item, Order, Placement, Rejection, Role, Status,
    TaskKind, Terms, Timestamp, Trigger,
};

/// The reason code of an order that was refused because something has run out.
pub const ITEM_UNAVAILABLE: &str = "item_unavailable";

/// What `command` makes true. No events means: that is how it stands already, nothing new.
///
/// # Errors
/// A [`Rejection`] when the flow has no such arrow, the role may not take it or its time is over.
pub fn decide(order: Option<&Order>, command: &Command) -> Result<Vec<Event>, Rejection> {
    match (order, command) {
        (None, Command::Place(placement)) => place(placement),
        (Some(_), Command::Place(_)) => Err(Rejection::AlreadyPlaced),
        (Some(order), Command::Decide { decision, by, intervention, now }) => {
            decide_by_person(order, decision, *by, intervention.as_ref(), *now)
        }
        (Some(order), Command::Operate { operation, by, intervention, now }) => {
            operate(order, operation, *by, intervention.as_ref(), *now)
        }
        (Some(order), Command::Wake { now }) => Ok(wake(order, *now)),
        (Some(order), Command::TaskDelivered { task, asked_by, channel, attempts, .. }) => {
            Ok(delivered(order, *task, *asked_by, channel, *attempts))
        }
        (Some(order), Command::TaskGaveUp { asked_by, .. })
            if *asked_by < order.window_opened_by =>
        {
            Ok(Vec::new())
        }
        (Some(order), Command::TaskGaveUp { task, attempts, cause, .. }) => {
            Ok(gave_up(order, *task, *attempts, cause))
        }
        (None, _) => Err(Rejection::UnknownOrder),
    }
}

fn place(new: &Placement) -> Result<Vec<Event>, Rejection> {
    if new.items.is_empty() {
        return Err(Rejection::NoItems);
    }
    let Terms { flow, policy } = &new.terms;
    Ok(vec![Event::OrderPlaced {
        restaurant_id: new.restaurant_id.clone(),
        customer_id: new.customer_id.clone(),
        items: new.items.clone(),
        total_minor: Item::total_minor(&new.items).ok_or(Rejection::TotalTooLarge)?,
        currency: new.currency.clone(),
        announce: new.announce,
        flow_version: *flow,
        policy: policy.clone(),
        accept_by: new.now.plus_ms(policy.accept_within_ms),
        complete_by: new.now.plus_ms(policy.complete_within_ms),
    }])
}

fn decide_by_person(
    order: &Order,
    decision: &Decision,
    by: Role,
    intervention: Option<&Intervention>,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let status = order.status;
    if stands_already(order, decision) {
        return Ok(Vec::new());
    }
    match order.arrow(decision.trigger()) {
        Some(arrow) if !arrow.by.contains(&by) => Err(Rejection::NotForRole { status, role: by }),
        Some(_) => match order.deadline() {
            Some(deadline) if now >= deadline => Err(Rejection::TooLate { status, deadline }),
            _ => {
                sensible(order, decision, now)?;
                Ok(vec![decided(order, decision, by, intervention.cloned(), now)])
            }
        },
        None if status.awaits_answer() => Err(Rejection::NotYet { status }),
        None => Err(order.decided_otherwise()),
    }
}

/// Whether this very decision is what the order rests on.
fn stands_already(order: &Order, decision: &Decision) -> bool {
    use Status as S;
    match (decision, order.status) {
        (
            Decision::Accept | Decision::AcceptReadyBy(_),
            S::Accepted | S::Confirmed | S::Completed | S::TimedOut,
        )
        | (Decision::Reject { .. } | Decision::RejectItems { .. }, S::Rejected)
        | (Decision::Complete, S::Completed)
        | (Decision::Cancel { .. }, S::Cancelled) => true,
        // One that came to rest again since may be redriven again.
        (Decision::Redrive, _) => {
            order.decided.is_some_and(|d| d.what == Trigger::Redrive)
                && order.arrow(Trigger::Redrive).is_none()
        }
        _ => false,
    }
}

/// A promise can be kept within the order's time, and what has run out was ordered.
fn sensible(order: &Order, decision: &Decision, now: Timestamp) -> Result<(), Rejection> {
    let status = order.status;
    match decision {
        Decision::AcceptReadyBy(ready_by) if *ready_by <= now => {
            Err(Rejection::ReadyInThePast { status })
        }
        Decision::AcceptReadyBy(ready_by) if *ready_by >= order.complete_by => {
            Err(Rejection::ReadyTooLate { status, limit: order.complete_by })
        }
        Decision::RejectItems { items } => {
            let ordered = |id: &String| order.items.iter().any(|item| item.item_id == *id);
            match items.iter().position(|id| !ordered(id)) {
                Some(at) => Err(Rejection::NotOrdered { status, at }),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn decided(
    order: &Order,
    decision: &Decision,
    by: Role,
    intervention: Option<Intervention>,
    now: Timestamp,
) -> Event {
    match decision {
        Decision::Accept => Event::OrderAccepted { decided_by: by, ready_by: None, intervention },
        Decision::AcceptReadyBy(at) => {
            Event::OrderAccepted { decided_by: by, ready_by: Some(*at), intervention }
        }
        Decision::Reject { reason } => Event::OrderRejected {
            decided_by: by,
            reason: reason.clone(),
            items: Vec::new(),
            intervention,
        },
        Decision::RejectItems { items } => Event::OrderRejected {
            decided_by: by,
            reason: ITEM_UNAVAILABLE.to_owned(),
            items: items.clone(),
            intervention,
        },
        Decision::Complete => Event::OrderCompleted { decided_by: by, intervention },
        Decision::Cancel { reason } => {
            Event::OrderCancelled { decided_by: by, reason: reason.clone(), intervention }
        }
        Decision::Redrive => Event::OrderRedriven {
            redriven_by: by,
            from: order.status,
            accept_by: now.plus_ms(order.policy.accept_within_ms),
            complete_by: now.plus_ms(order.policy.complete_within_ms),
            intervention,
        },
    }
}

fn wake(order: &Order, now: Timestamp) -> Vec<Event> {
    let passed = order.deadline().is_some_and(|deadline| now >= deadline);
    if passed && order.arrow(Trigger::AcceptDeadline).is_some() {
        return vec![Event::OrderExpired { accept_by: order.accept_by }];
    }
    if passed && order.arrow(Trigger::CompleteDeadline).is_some() {
        return vec![Event::OrderTimedOut { complete_by: order.complete_by }];
    }
    let due = order.reminders_due(now);
    if due > order.reminders { vec![Event::RestaurantReminded { reminder: due }] } else { vec![] }
}

/// A fact that arrives late is recorded all the same, and once. What was asked for before the order was
/// redriven says nothing of the time since: it is asked for anew.
fn delivered(
    order: &Order,
    task: TaskKind,
    asked_by: i64,
    channel: &str,
    attempts: u32,
) -> Vec<Event> {
    let channel = channel.to_owned();
    match task {
        _ if asked_by < order.window_opened_by => Vec::new(),
        TaskKind::NotifyRestaurant if !order.restaurant_told => {
            vec![Event::RestaurantNotified { channel, attempts }]
        }
        TaskKind::NotifyUser(notification) if !order.user_told.contains(&notification) => {
            vec![Event::UserNotified { notification, channel, attempts }]
        }
        _ => Vec::new(),
    }
}

fn gave_up(order: &Order, task: TaskKind, attempts: u32, cause: &str) -> Vec<Event> {
    if order.given_up.contains(&task) {
        return Vec::new();
    }
    vec![Event::NotificationFailed { task, attempts, cause: cause.to_owned() }]
}

impl Decision {
    /// What it is in the flow's table.
    #[must_use]
    pub const fn trigger(&self) -> Trigger {
        match self {
            Self::Accept | Self::AcceptReadyBy(_) => Trigger::Accept,
            Self::Reject { .. } | Self::RejectItems { .. } => Trigger::Reject,
            Self::Complete => Trigger::Complete,
            Self::Cancel { .. } => Trigger::Cancel,
            Self::Redrive => Trigger::Redrive,
        }
    }
}

impl Order {
    /// The order stands where another decision, or the flow itself, has led it.
    pub(super) fn decided_otherwise(&self) -> Rejection {
        let decided_at = self.decided.map(|decided| decided.at);
        Rejection::DecidedOtherwise { status: self.status, decided_at }
    }
}
