//! Does a journal keep to the flow? One event is judged against the state before it; the row beside
//! the journal against the state after the last.
//!
//! [`super::decide()`] lets nothing else come into a journal, so a breach is a fault of the program or a
//! hand in the database. What is judged here is the flow itself, and not whether a task was asked for.

mod beside;

use super::words::words;
use super::{
    Event, Migrated, Notification, Order, Role, Status, TaskWas, Timestamp, Trigger, wake_at,
};
use beside::beside;

words! {
    /// In what way something differs from the flow.
    BreachKind {
        /// An event is missing or stands twice.
        Sequence = "sequence",
        /// The first event is not the placing of the order.
        NotPlaced = "not_placed",
        /// The flow has no such arrow in this status.
        Forbidden = "forbidden",
        /// The arrow is not for who took it.
        Role = "role",
        /// A fact that is recorded once was recorded again.
        Repeated = "repeated",
        /// Before the deadline that must have passed, or after the one that must not.
        Deadline = "deadline",
        /// The journal says that the order stood elsewhere afterwards than the flow leads.
        Status = "status",
        /// What the journal repeats of the order is not the order's.
        Columns = "columns",
        /// The row is not the fold of the journal.
        Row = "row",
        /// The order would wake at a moment that its state does not ask for, or not at all.
        Wake = "wake",
        /// There is a row without a journal, or a journal without a row.
        Missing = "missing",
        /// A counter does not say what a count of all rows says.
        Counter = "counter",
        /// It is stored in a way that cannot be read.
        Unreadable = "unreadable",
    }
}

/// One thing that differs from the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// In what way.
    pub kind: BreachKind,
    /// For people. Holds nothing personal.
    pub what: String,
}

/// One event as the journal tells it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its number among the order's events.
    pub sequence: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Where the order stood afterwards, says the journal.
    pub status: Status,
    /// What happened.
    pub event: &'a Event,
}

/// How an event moves an order.
enum Move {
    /// Only along an arrow.
    Arrow(Trigger),
    /// Along the arrow if there is one; a fact that comes late moves nothing.
    Fact(Option<Trigger>),
    /// Not at all: an operator did something beside the flow.
    Beside,
}

/// What of `told` the flow forbids to `order`, which is `None` before its first event. Nothing for
/// whatever [`super::decide()`] made true.
#[must_use]
pub fn judge(order: Option<&Order>, told: &Told<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let expected = order.map_or(1, |order| order.version + 1);
    if told.sequence != expected {
        let what = format!("event {expected} should follow, it is {}", told.sequence);
        breaches.push(Breach::new(BreachKind::Sequence, what));
    }
    let to = match (order, movement(told.event)) {
        (None, None) => Status::Placed,
        (None, Some(_)) => {
            let what = format!("begins with {}", told.event.event_type());
            breaches.push(Breach::new(BreachKind::NotPlaced, what));
            return breaches;
        }
        (Some(order), None) => {
            breaches.push(forbidden(order, told.event));
            order.status
        }
        (Some(order), Some(movement)) => follow(order, told, &movement, &mut breaches),
    };
    if told.status != to {
        let (event, status) = (told.event.event_type(), told.status);
        let what = format!("{event} leads to {to}, the journal says {status}");
        breaches.push(Breach::new(BreachKind::Status, what));
    }
    breaches
}

/// What is wrong with the moment at which the row wants to be looked at. `last_at` is the moment of
/// the last event; when the order was looked at since is not known, so any reminder that may still
/// be the next one is right.
#[must_use]
pub fn judge_wake(order: &Order, last_at: Timestamp, wake: Option<Timestamp>) -> Option<Breach> {
    let asked = wake_at(order, last_at);
    let right = match (asked, wake, order.deadline()) {
        (None, None, _) => true,
        (Some(_), Some(wake), Some(deadline)) => {
            let next = order.reminder(order.reminders).map_or(deadline, |at| at.min(deadline));
            let known = wake == deadline || order.is_reminder(wake);
            known && wake <= next.max(asked.unwrap_or(deadline))
        }
        _ => false,
    };
    let moment = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.0.to_string());
    let what = || {
        let (status, asked, wake) = (order.status, moment(asked), moment(wake));
        format!("in {status} it asks to be woken at {asked}, the row says {wake}")
    };
    (!right).then(|| Breach::new(BreachKind::Wake, what()))
}

/// `None` for the event that an order begins with.
fn movement(event: &Event) -> Option<Move> {
    Some(match event {
        Event::OrderPlaced { .. } => return None,
        Event::RestaurantNotified { .. } => Move::Fact(Some(Trigger::RestaurantNotified)),
        Event::UserNotified { notification: Notification::Accepted, .. } => {
            Move::Fact(Some(Trigger::UserNotified))
        }
        Event::UserNotified { .. } | Event::NotificationFailed { .. } => Move::Fact(None),
        Event::RestaurantReminded { .. } => Move::Arrow(Trigger::ReminderDue),
        Event::OrderAccepted { .. } => Move::Arrow(Trigger::Accept),
        Event::OrderRejected { .. } => Move::Arrow(Trigger::Reject),
        Event::OrderExpired { .. } => Move::Arrow(Trigger::AcceptDeadline),
        Event::OrderCompleted { .. } => Move::Arrow(Trigger::Complete),
        Event::OrderCancelled { .. } => Move::Arrow(Trigger::Cancel),
        Event::OrderTimedOut { .. } => Move::Arrow(Trigger::CompleteDeadline),
        Event::OrderRedriven { .. } => Move::Arrow(Trigger::Redrive),
        Event::DeadlineExtended { .. }
        | Event::TaskRedriven { .. }
        | Event::FlowMigrated { .. } => Move::Beside,
    })
}

/// Where the flow leads, with what is wrong about going there.
fn follow(order: &Order, told: &Told<'_>, movement: &Move, breaches: &mut Vec<Breach>) -> Status {
    let name = told.event.event_type();
    if is_repeated(order, told.event) {
        let what = format!("{name} was recorded before and is recorded once");
        breaches.push(Breach::new(BreachKind::Repeated, what));
    }
    match movement {
        Move::Fact(trigger) => {
            trigger.and_then(|trigger| order.arrow(trigger)).map_or(order.status, |arrow| arrow.to)
        }
        Move::Arrow(trigger) => {
            let Some(arrow) = order.arrow(*trigger) else {
                breaches.push(forbidden(order, told.event));
                return order.status;
            };
            if let Some(by) = who(told.event).filter(|by| !arrow.by.contains(by)) {
                let what = format!("{name} by {by} in {}", order.status);
                breaches.push(Breach::new(BreachKind::Role, what));
            }
            if let Some(what) = wrong_moment(order, *trigger, told) {
                breaches.push(Breach::new(BreachKind::Deadline, what));
            }
            arrow.to
        }
        Move::Beside => {
            breaches.extend(beside(order, told));
            order.status
        }
    }
}

fn forbidden(order: &Order, event: &Event) -> Breach {
    let what = format!("{} cannot happen in {}", event.event_type(), order.status);
    Breach::new(BreachKind::Forbidden, what)
}

fn is_repeated(order: &Order, event: &Event) -> bool {
    match event {
        Event::RestaurantNotified { .. } => order.restaurant_told,
        Event::RestaurantReminded { reminder } => *reminder <= order.reminders,
        Event::UserNotified { notification, .. } => order.user_told.contains(notification),
        Event::NotificationFailed { task, .. } => order.given_up.contains(task),
        Event::TaskRedriven { task, was: TaskWas::GivenUp, .. } => !order.given_up.contains(task),
        _ => false,
    }
}

/// The person who decided, where one did.
fn who(event: &Event) -> Option<Role> {
    match event {
        Event::OrderAccepted { decided_by, .. }
        | Event::OrderRejected { decided_by, .. }
        | Event::OrderCompleted { decided_by, .. }
        | Event::OrderCancelled { decided_by, .. } => Some(*decided_by),
        Event::OrderRedriven { redriven_by, .. } | Event::TaskRedriven { redriven_by, .. } => {
            Some(*redriven_by)
        }
        Event::DeadlineExtended { extended_by, .. } => Some(*extended_by),
        Event::FlowMigrated(Migrated { migrated_by, .. }) => Some(*migrated_by),
        _ => None,
    }
}

/// No order expires early, and no decision counts after its deadline.
fn wrong_moment(order: &Order, trigger: Trigger, told: &Told<'_>) -> Option<String> {
    let (name, at, deadline) = (told.event.event_type(), told.at.0, order.deadline()?.0);
    match trigger {
        Trigger::AcceptDeadline | Trigger::CompleteDeadline => (at < deadline)
            .then(|| format!("{name} at {at}, before the deadline {deadline} had passed")),
        _ => who(told.event)
            .filter(|_| at >= deadline)
            .map(|_| format!("{name} at {at}, when the deadline {deadline} had passed")),
    }
}

impl Breach {
    /// One of this kind.
    #[must_use]
    pub fn new(kind: BreachKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl Order {
    /// The moment of the reminder after so many.
    fn reminder(&self, after: u32) -> Option<Timestamp> {
        let ms = self.policy.remind_after_ms.get(after as usize)?;
        Some(self.window_opened_at.plus_ms(*ms))
    }

    fn is_reminder(&self, at: Timestamp) -> bool {
        self.status == Status::Notified
            && self.announce.is_by_task()
            && (0..).map_while(|after| self.reminder(after)).any(|moment| moment == at)
    }
}
