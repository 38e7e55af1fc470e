//! Event → what has to happen outside, and when the order wants to be looked at again.

use super::{Deadline, Event, Migrated, Notification, Order, Status, TaskKind, TaskWas, Timestamp};

/// A request to the outside. Stored with the event's commit, carried out after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Do this until it is done or `give_up_at` has come.
    Start {
        /// What.
        task: TaskKind,
        /// After this moment it is pointless.
        give_up_at: Timestamp,
    },
    /// Whatever of the order's tasks is still open has become pointless.
    WithdrawOpenTasks,
    /// What was given up of the order's tasks is done anew.
    WithdrawGivenUpTasks {
        /// Those of this kind; all if there is none.
        task: Option<TaskKind>,
    },
    /// What is still open of the order's tasks is due at once.
    HurryOpenTasks,
    /// What is still open of the order's tasks keeps its point until then, if not longer.
    ProlongOpenTasks {
        /// The moment.
        give_up_at: Timestamp,
    },
}

/// What `event`, which happened at `at` and led to `order`, asks for.
#[must_use]
pub fn react(order: &Order, at: Timestamp, event: &Event) -> Vec<Effect> {
    match event {
        Event::OrderPlaced { .. } => announce(order),
        Event::RestaurantReminded { reminder } => vec![Effect::Start {
            task: TaskKind::RemindRestaurant(*reminder),
            give_up_at: order.accept_by,
        }],
        Event::OrderAccepted { .. } => tell(order, at, Notification::Accepted),
        Event::OrderRejected { .. } => tell(order, at, Notification::Rejected),
        Event::OrderExpired { .. } => tell(order, at, Notification::Expired),
        Event::OrderCancelled { .. } => tell(order, at, Notification::Cancelled),
        Event::OrderTimedOut { .. } => tell(order, at, Notification::TimedOut),
        Event::OrderRedriven { .. } if order.status == Status::Placed => {
            let withdraw =
                vec![Effect::WithdrawOpenTasks, Effect::WithdrawGivenUpTasks { task: None }];
            [withdraw, announce(order)].concat()
        }
        Event::OrderRedriven { .. } => {
            let withdraw = vec![Effect::WithdrawGivenUpTasks { task: None }];
            [withdraw, tell(order, at, Notification::Accepted)].concat()
        }
        // While an answer is due, all that is open is for the restaurant.
        Event::DeadlineExtended { deadline: Deadline::AcceptBy, to, .. } => {
            vec![Effect::ProlongOpenTasks { give_up_at: *to }]
        }
        Event::FlowMigrated(Migrated { accept_by, .. }) if order.status.awaits_answer() => {
            vec![Effect::ProlongOpenTasks { give_up_at: *accept_by }]
        }
        Event::TaskRedriven { was: TaskWas::Waiting { .. }, .. } => vec![Effect::HurryOpenTasks],
        Event::TaskRedriven { task, was: TaskWas::GivenUp, .. } => {
            let give_up_at = order.give_up_at(*task, at);
            vec![
                Effect::WithdrawGivenUpTasks { task: Some(*task) },
                Effect::Start { task: *task, give_up_at },
            ]
        }
        Event::RestaurantNotified { .. }
        | Event::UserNotified { .. }
        | Event::OrderCompleted { .. }
        | Event::DeadlineExtended { .. }
        | Event::FlowMigrated { .. }
        | Event::NotificationFailed { .. } => Vec::new(),
    }
}

fn announce(order: &Order) -> Vec<Effect> {
    match order.announce.is_by_task() {
        true => {
            vec![Effect::Start { task: TaskKind::NotifyRestaurant, give_up_at: order.accept_by }]
        }
        false => Vec::new(),
    }
}

/// The newest word to the customer replaces what was not yet said.
fn tell(order: &Order, at: Timestamp, notification: Notification) -> Vec<Effect> {
    let give_up_at = at.plus_ms(order.policy.tell_user_within_ms);
    vec![Effect::WithdrawOpenTasks, Effect::Start { task: notification.task(), give_up_at }]
}

/// When the order has to be looked at again if nothing else happens: strictly after `now` unless a
/// deadline has passed unnoticed. `None`: never.
#[must_use]
pub fn wake_at(order: &Order, now: Timestamp) -> Option<Timestamp> {
    let deadline = order.deadline()?;
    let reminder = match (order.status, order.announce.is_by_task()) {
        (Status::Notified, true) => order.policy.next_reminder(order.window_opened_at, now),
        _ => None,
    };
    Some(reminder.map_or(deadline, |reminder| reminder.min(deadline)))
}

impl Order {
    /// From when on a task that is asked for at `at` is pointless.
    fn give_up_at(&self, task: TaskKind, at: Timestamp) -> Timestamp {
        match task {
            TaskKind::NotifyRestaurant | TaskKind::RemindRestaurant(_) => self.accept_by,
            TaskKind::NotifyUser(_) => at.plus_ms(self.policy.tell_user_within_ms),
        }
    }

    /// How many reminders should have gone out by `now`. Nobody is reminded of what no channel has
    /// delivered: the announcement itself is still being retried then.
    #[must_use]
    pub fn reminders_due(&self, now: Timestamp) -> u32 {
        match (self.status, self.announce.is_by_task()) {
            (Status::Notified, true) => {
                let due = self.policy.reminders_due(self.window_opened_at, now);
                u32::try_from(due).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }
}
