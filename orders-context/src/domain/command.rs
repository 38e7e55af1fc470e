//! What somebody wants of an order: imperative, with the moment it is wanted.

use super::words::words;
use super::{Deadline, Fixed, Intervention, Item, Notification, TaskKind, Terms, Timestamp};
use serde::{Deserialize, Serialize};

words! {
    /// In what capacity somebody acts.
    Role {
        /// Who ordered.
        Customer = "customer",
        /// Who cooks.
        Restaurant = "restaurant",
        /// Who looks after the system.
        Operator = "operator",
        /// The flow itself: tasks and deadlines.
        System = "system",
    }
}

/// An intent. Each carries the moment it was formed; nothing in the domain reads a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take a new order.
    Place(Box<Placement>),
    /// A person decides.
    Decide {
        /// What they decide.
        decision: Decision,
        /// In what capacity.
        by: Role,
        /// Who of the operators acts, and why, when one does.
        intervention: Option<Intervention>,
        /// When.
        now: Timestamp,
    },
    /// An operator does something about it beside the flow.
    Operate {
        /// What.
        operation: Operation,
        /// In what capacity.
        by: Role,
        /// Who of the operators acts, and why.
        intervention: Option<Intervention>,
        /// When.
        now: Timestamp,
    },
    /// A moment that the order waits for may have come: see [`super::wake_at`].
    Wake {
        /// The present moment.
        now: Timestamp,
    },
    /// A task reached its receiver. Safe to repeat.
    TaskDelivered {
        /// What was to be done.
        task: TaskKind,
        /// Sequence of the event that asked for it.
        asked_by: i64,
        /// Over which channel: `webhook`, `endpoint`, `mail`, `push`.
        channel: String,
        /// How many attempts it took.
        attempts: u32,
        /// When.
        now: Timestamp,
    },
    /// A task will not be tried again.
    TaskGaveUp {
        /// What was to be done.
        task: TaskKind,
        /// Sequence of the event that asked for it.
        asked_by: i64,
        /// How many attempts were made.
        attempts: u32,
        /// Why the last one failed: a stable code, never text from outside.
        cause: String,
        /// When.
        now: Timestamp,
    },
}

/// What a person can decide about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The restaurant takes the order.
    Accept,
    /// The restaurant takes the order and says when the food is ready.
    AcceptReadyBy(Timestamp),
    /// The restaurant refuses it, for this reason code.
    Reject {
        /// One of the codes the API lists.
        reason: String,
    },
    /// The restaurant refuses it, because it has run out of these of its items.
    RejectItems {
        /// Ids of items that were ordered, each once, at least one.
        items: Vec<String>,
    },
    /// It was delivered.
    Complete,
    /// It is called off, for this reason code.
    Cancel {
        /// A code, never a person's words.
        reason: String,
    },
    /// An operator gives an expired or timed-out order another chance.
    Redrive,
}

/// What an operator can do about an order beside the arrows of the flow: it stands where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give it more time.
    Extend {
        /// Which of its deadlines moves.
        deadline: Deadline,
        /// Up to when.
        until: Until,
    },
    /// Have the task that was given up tried again: the announcement while the restaurant knows
    /// nothing, the last reminder, the letter about where the order stands.
    RedriveTask,
    /// Have what is open tried at once.
    RetryNow {
        /// The newest open one.
        task: TaskKind,
        /// When its next attempt is due, as it stands.
        due_at: Timestamp,
    },
    /// Move it to other terms.
    Migrate {
        /// What it lives by from then on.
        to: Terms,
    },
}

/// How far a deadline is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// To this moment. Again: it is there already.
    Moment(Timestamp),
    /// By so many milliseconds from where it is. Again: further.
    Later {
        /// Above 0.
        by_ms: i64,
    },
}

/// Everything a new order starts with. Prices were taken from the menu by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// UUIDv7 as text.
    pub order_id: String,
    /// Where it is cooked.
    pub restaurant_id: String,
    /// An opaque id.
    pub customer_id: String,
    /// At least one.
    pub items: Fixed<Vec<Item>>,
    /// ISO 4217 code of the prices.
    pub currency: String,
    /// Whether there is a channel to the restaurant that a task can use.
    pub announce: Announce,
    /// What this order will live by.
    pub terms: Terms,
    /// When it was placed.
    pub now: Timestamp,
}

/// How the restaurant learns of a new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// By its webhook and whatever other channels it has: a task sees to it.
    ByWebhook,
    /// By mail, or by endpoints that want to hear of new orders: a task sees to it.
    ByMailOrEndpoint,
    /// It asks for its orders itself: no task, no reminder.
    NotAtAll,
}

impl Announce {
    /// Whether a task tells the restaurant, and reminds it.
    #[must_use]
    pub const fn is_by_task(self) -> bool {
        match self {
            Self::ByWebhook | Self::ByMailOrEndpoint => true,
            Self::NotAtAll => false,
        }
    }
}

impl Command {
    /// When it was formed.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Place(placement) => placement.now,
            Self::Decide { now, .. }
            | Self::Operate { now, .. }
            | Self::Wake { now }
            | Self::TaskDelivered { now, .. }
            | Self::TaskGaveUp { now, .. } => *now,
        }
    }

    /// In what capacity it is given.
    #[must_use]
    pub fn by(&self) -> Role {
        match self {
            Self::Place(_) => Role::Customer,
            Self::Decide { by, .. } | Self::Operate { by, .. } => *by,
            _ => Role::System,
        }
    }
}

impl Notification {
    /// The task that tells the customer this.
    #[must_use]
    pub fn task(self) -> TaskKind {
        TaskKind::NotifyUser(self)
    }
}
