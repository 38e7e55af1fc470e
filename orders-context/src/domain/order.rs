//! The order as its events have made it.

use super::command::Announce;
use super::flow::Transition;
use super::{
    Fixed, FlowVersion, Notification, Policy, Role, Status, TaskKind, Timestamp, Trigger, upcast,
};
use serde::{Deserialize, Serialize};

/// The state of one order: nothing but a fold of its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// UUIDv7 as text.
    pub order_id: String,
    /// How many events it has; the sequence of the last one.
    pub version: i64,
    /// Where it stands.
    pub status: Status,
    /// Since when it stands there. The beginning of time in a state stored before this was known.
    #[serde(default = "Timestamp::beginning")]
    pub since: Timestamp,
    /// Where it is cooked.
    pub restaurant_id: String,
    /// Who ordered: an opaque id.
    pub customer_id: String,
    /// What was ordered, at the prices of that moment.
    pub items: Fixed<Vec<Item>>,
    /// Sum of the items, in minor units.
    pub total_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// How the restaurant learns of it.
    pub announce: Announce,
    /// The flow it follows.
    #[serde(default = "upcast::flow_version")]
    pub flow_version: FlowVersion,
    /// The times it lives by.
    pub policy: Fixed<Policy>,
    /// When it was taken.
    pub placed_at: Timestamp,
    /// When the present acceptance window began: at placing, or when it was redriven.
    pub window_opened_at: Timestamp,
    /// Sequence of the event that opened it.
    #[serde(default = "upcast::placing", skip_serializing_if = "upcast::is_placing")]
    pub window_opened_by: i64,
    /// An answer counts before this moment.
    pub accept_by: Timestamp,
    /// Completion counts before this moment.
    pub complete_by: Timestamp,
    /// How many reminders of the present window have gone out, or are over.
    pub reminders: u32,
    /// Whether a channel has delivered it to the restaurant in the present window.
    pub restaurant_told: bool,
    /// What the customer has been told since it was last redriven.
    pub user_told: Vec<Notification>,
    /// What has been given up since it was last redriven.
    pub given_up: Vec<TaskKind>,
    /// What an operator has had tried again after it was given up, since it was last redriven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redriven: Vec<TaskKind>,
    /// When the attempt would have been due that an operator last had made at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hurried: Option<Timestamp>,
    /// The last decision, for those who come with another.
    pub decided: Option<Decided>,
    /// When the food is to be ready, if the restaurant has said so since it was last redriven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_by: Option<Timestamp>,
    /// Ids of the items that the restaurant had run out of when it said no, if it named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_out: Vec<String>,
}

/// Who moved the order last by a decision, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was decided.
    pub what: Trigger,
    /// In what capacity.
    pub by: Role,
    /// When.
    pub at: Timestamp,
}

/// One line of an order. The name is the dish's, not a person's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// From the menu.
    pub item_id: String,
    /// From the menu, as it was.
    pub name: String,
    /// At least 1.
    pub quantity: u32,
    /// Price of one, in minor units.
    pub unit_price_minor: i64,
}

impl Item {
    /// What a list of items costs, in minor units; `None` when it does not fit into 64 bits.
    #[must_use]
    pub fn total_minor(items: &[Self]) -> Option<i64> {
        let line = |item: &Self| item.unit_price_minor.checked_mul(i64::from(item.quantity));
        items.iter().try_fold(0i64, |sum, item| sum.checked_add(line(item)?))
    }
}

impl Order {
    /// The arrow that leaves its status by `on`, in the flow that it follows.
    #[must_use]
    pub fn arrow(&self, on: Trigger) -> Option<&'static Transition> {
        self.flow_version.transition(self.status, on)
    }

    /// The moment after which no decision counts in the present status, if there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.status {
            Status::Placed | Status::Notified => Some(self.accept_by),
            Status::Accepted | Status::Confirmed => Some(self.complete_by),
            _ => None,
        }
    }
}
