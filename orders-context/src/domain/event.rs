//! What has become true of an order: past tense, never changed once stored.

use super::command::Announce;
use super::words::words;
use super::{
    Deadline, Fixed, FlowVersion, Intervention, Item, Policy, Role, Status, TaskWas, Timestamp,
    upcast,
};
use serde::{Deserialize, Serialize};

/// A fact about one order, as it is stored in the journal. The field names are a stored format:
/// what was written once is read for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The order was taken.
    OrderPlaced {
        /// Where it is cooked.
        restaurant_id: String,
        /// Who ordered: an opaque id.
        customer_id: String,
        /// What was ordered, at the prices of that moment.
        items: Fixed<Vec<Item>>,
        /// Sum of the items, in minor units.
        total_minor: i64,
        /// ISO 4217.
        currency: String,
        /// How the restaurant learns of it.
        announce: Announce,
        /// The flow it follows.
        #[serde(default = "upcast::flow_version")]
        flow_version: FlowVersion,
        /// The times it lives by.
        policy: Fixed<Policy>,
        /// The answer is due before this moment.
        accept_by: Timestamp,
        /// Delivery is due before this moment.
        complete_by: Timestamp,
    },
    /// A channel delivered the order to the restaurant.
    RestaurantNotified {
        /// Which one.
        channel: String,
        /// How many attempts it took.
        attempts: u32,
    },
    /// The restaurant is reminded that it has not answered.
    RestaurantReminded {
        /// 1 for the first.
        reminder: u32,
    },
    /// The restaurant took the order.
    OrderAccepted {
        /// In what capacity.
        decided_by: Role,
        /// When the food is to be ready, if that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ready_by: Option<Timestamp>,
        /// Who of the operators, and why, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// The restaurant refused it.
    OrderRejected {
        /// In what capacity.
        decided_by: Role,
        /// A code of the API's list.
        reason: String,
        /// Which of its items the restaurant has run out of, if that was said.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<String>,
        /// Who of the operators, and why, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// Nobody answered in time.
    OrderExpired {
        /// The moment that passed.
        accept_by: Timestamp,
    },
    /// The customer was told.
    UserNotified {
        /// What they were told.
        notification: Notification,
        /// Over which channel.
        channel: String,
        /// How many attempts it took.
        attempts: u32,
    },
    /// It was delivered.
    OrderCompleted {
        /// In what capacity this was said.
        decided_by: Role,
        /// Who of the operators, and why, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// It was called off.
    OrderCancelled {
        /// In what capacity.
        decided_by: Role,
        /// A code.
        reason: String,
        /// Who of the operators, and why, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// It was not delivered within its total time.
    OrderTimedOut {
        /// The moment that passed.
        complete_by: Timestamp,
    },
    /// A task gave up; an operator may look.
    NotificationFailed {
        /// What was to be done.
        task: TaskKind,
        /// How many attempts were made.
        attempts: u32,
        /// A stable code.
        cause: String,
    },
    /// An operator gave the order another chance.
    OrderRedriven {
        /// In what capacity.
        redriven_by: Role,
        /// Where it stood.
        from: Status,
        /// The new end of the acceptance window.
        accept_by: Timestamp,
        /// The new end of the total time.
        complete_by: Timestamp,
        /// Who of the operators, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// An operator gave the order more time.
    DeadlineExtended {
        /// In what capacity.
        extended_by: Role,
        /// Which deadline moved.
        deadline: Deadline,
        /// The moment it was.
        from: Timestamp,
        /// The moment it is now: later.
        to: Timestamp,
        /// Who of the operators, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// An operator had a task tried again.
    TaskRedriven {
        /// Which.
        task: TaskKind,
        /// How it stood.
        was: TaskWas,
        /// In what capacity.
        redriven_by: Role,
        /// Who of the operators, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<Intervention>,
    },
    /// An operator moved it to other terms.
    FlowMigrated(Migrated),
}

/// What an order lived by before an operator moved it to other terms, and what it lives by from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// In what capacity.
    pub migrated_by: Role,
    /// The flow it followed.
    pub from_flow: FlowVersion,
    /// The number of the policy it lived by.
    pub from_policy: u32,
    /// The flow it follows now.
    pub flow_version: FlowVersion,
    /// The times it lives by now.
    pub policy: Fixed<Policy>,
    /// The answer is due before this moment.
    pub accept_by: Timestamp,
    /// Delivery is due before this moment.
    pub complete_by: Timestamp,
    /// Who of the operators, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervention: Option<Intervention>,
}

words! {
    /// What a customer can be told.
    Notification {
        /// The restaurant said yes.
        Accepted = "order_accepted",
        /// The restaurant said no.
        Rejected = "order_rejected",
        /// Nobody answered.
        Expired = "order_expired",
        /// It was called off.
        Cancelled = "order_cancelled",
        /// It was not delivered in time.
        TimedOut = "order_timed_out",
    }
}

/// A durable call to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Announce a new order to the restaurant.
    NotifyRestaurant,
    /// Remind the restaurant for the n-th time.
    RemindRestaurant(u32),
    /// Tell the customer how the order stands.
    NotifyUser(Notification),
}

/// Who is told by a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// The restaurant: its tasks are pointless once it has answered.
    Restaurant,
    /// The customer.
    Customer,
}

impl TaskKind {
    /// The word used in the API and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotifyRestaurant => "notify_restaurant",
            Self::RemindRestaurant(_) => "remind_restaurant",
            Self::NotifyUser(_) => "notify_user",
        }
    }

    /// Who is told.
    #[must_use]
    pub const fn receiver(self) -> Receiver {
        match self {
            Self::NotifyRestaurant | Self::RemindRestaurant(_) => Receiver::Restaurant,
            Self::NotifyUser(_) => Receiver::Customer,
        }
    }
}

impl Event {
    /// The type's name in the API, in tables and on topics.
    #[must_use]
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::OrderPlaced { .. } => "order_placed",
            Self::RestaurantNotified { .. } => "restaurant_notified",
            Self::RestaurantReminded { .. } => "restaurant_reminded",
            Self::OrderAccepted { .. } => "order_accepted",
            Self::OrderRejected { .. } => "order_rejected",
            Self::OrderExpired { .. } => "order_expired",
            Self::UserNotified { .. } => "user_notified",
            Self::OrderCompleted { .. } => "order_completed",
            Self::OrderCancelled { .. } => "order_cancelled",
            Self::OrderTimedOut { .. } => "order_timed_out",
            Self::NotificationFailed { .. } => "notification_failed",
            Self::OrderRedriven { .. } => "order_redriven",
            Self::DeadlineExtended { .. } => "deadline_extended",
            Self::TaskRedriven { .. } => "task_redriven",
            Self::FlowMigrated { .. } => "flow_migrated",
        }
    }

    /// Until when the order may be answered from then on, where it says so.
    #[must_use]
    pub const fn accept_by(&self) -> Option<Timestamp> {
        match self {
            Self::OrderPlaced { accept_by, .. }
            | Self::OrderRedriven { accept_by, .. }
            | Self::FlowMigrated(Migrated { accept_by, .. }) => Some(*accept_by),
            Self::DeadlineExtended { deadline: Deadline::AcceptBy, to, .. } => Some(*to),
            _ => None,
        }
    }

    /// Who of the operators made it true, and why, if one did.
    #[must_use]
    pub const fn intervention(&self) -> Option<&Intervention> {
        match self {
            Self::OrderAccepted { intervention, .. }
            | Self::OrderRejected { intervention, .. }
            | Self::OrderCompleted { intervention, .. }
            | Self::OrderCancelled { intervention, .. }
            | Self::OrderRedriven { intervention, .. }
            | Self::DeadlineExtended { intervention, .. }
            | Self::TaskRedriven { intervention, .. }
            | Self::FlowMigrated(Migrated { intervention, .. }) => intervention.as_ref(),
            _ => None,
        }
    }
}
