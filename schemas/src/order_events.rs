//! The facts about orders, as every subscriber of `orders.order.events.v1` sees them.
//!
//! The documentation of each field is in the schema itself, `avro/orders.order.events.v1`.

use serde::{Deserialize, Serialize};

use crate::headers::Envelope;
use crate::record::{Event, published_event};
use crate::topics::{ORDER_EVENTS_VALUE, Subject};

published_event! {
    /// A fact about one order, with where the order stands after it.
    pub struct OrderEvent {
        /// Id of the event, the same however often it is delivered.
        pub event_id: String,
        /// Id of the order, and the key of the message.
        pub order_id: String = "order_id",
        /// Place in the order's history, from 1, without a gap.
        pub sequence: i64 = "sequence",
        /// When it happened, microseconds since the Unix epoch.
        pub occurred_at_us: i64 = "occurred_at",
        /// Status of the order after it.
        pub status: String = "status",
        /// Id of the restaurant.
        pub restaurant_id: String = "restaurant_id",
        /// Opaque id of the customer.
        pub customer_id: String = "customer_id",
        /// Total of the order in minor units of `currency`.
        pub total_minor: i64 = "total_minor",
        /// ISO 4217 code of every amount in the record.
        pub currency: String = "currency",
        /// Version of the flow the order follows after it; `None` where the writer did not say.
        pub flow_version: Option<i32> = "flow_version",
    }

    /// What happened to the order.
    pub enum OrderFact {
        /// A customer placed it.
        OrderPlaced = "order_placed",
        /// A channel delivered it to the restaurant.
        RestaurantNotified = "restaurant_notified",
        /// The restaurant was reminded.
        RestaurantReminded = "restaurant_reminded",
        /// The restaurant said yes.
        OrderAccepted = "order_accepted",
        /// The restaurant said no.
        OrderRejected = "order_rejected",
        /// The customer was told.
        UserNotified = "user_notified",
        /// It was delivered.
        OrderCompleted = "order_completed",
        /// It was called off.
        OrderCancelled = "order_cancelled",
        /// Nobody answered in time.
        OrderExpired = "order_expired",
        /// It was accepted, but not completed in time.
        OrderTimedOut = "order_timed_out",
        /// Somebody could not be told.
        NotificationFailed = "notification_failed",
        /// An operator set it going again.
        OrderRedriven = "order_redriven",
        /// An operator gave it more time.
        DeadlineExtended = "deadline_extended",
        /// An operator had a task tried again.
        TaskRedriven = "task_redriven",
        /// It was moved to another version of the flow.
        FlowMigrated = "flow_migrated",
    }
}

impl Event for OrderEvent {
    const SUBJECT: Subject = ORDER_EVENTS_VALUE;
    const EVENT_TYPES: &'static [&'static str] = OrderFact::EVENT_TYPES;

    fn event_type(&self) -> &str {
        self.fact.event_type()
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            context: "orders",
            aspect: "",
            event_type: self.event_type(),
            event_id: &self.event_id,
            subject: &self.order_id,
            time_us: self.occurred_at_us,
            sequence: self.sequence,
            traceparent: None,
            causation_id: None,
            correlation_id: None,
        }
    }
}

/// A customer placed the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// What was ordered, at the prices of that moment.
    pub items: Vec<Item>,
    /// Moment until which the restaurant may accept.
    #[serde(rename = "accept_by")]
    pub accept_by_us: i64,
    /// Moment by which the order is to be completed once accepted.
    #[serde(rename = "complete_by")]
    pub complete_by_us: i64,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Id of the item on the menu.
    pub item_id: String,
    /// How many, at least 1.
    pub quantity: i32,
    /// Price of one, in minor units of the order's currency.
    pub unit_price_minor: i64,
}

/// A channel delivered the order to the restaurant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestaurantNotified {
    /// How it was told, for example `webhook`.
    pub channel: String,
    /// How many attempts it took, at least 1.
    pub attempts: i32,
}

/// The restaurant had not answered and was reminded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestaurantReminded {
    /// 1 for the first reminder.
    pub reminder: i32,
}

/// The restaurant said yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAccepted {
    /// Role that decided: `customer`, `restaurant` or `operator`.
    pub decided_by: String,
    /// Moment by which the restaurant expects the order to be ready; `None` where it did not say.
    #[serde(rename = "ready_by")]
    pub ready_by_us: Option<i64>,
}

/// The restaurant said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRejected {
    /// Role that decided.
    pub decided_by: String,
    /// Code of the reason; never free text.
    pub reason: String,
    /// Ids of the items that cannot be made; `None` where the restaurant did not say.
    pub items: Option<Vec<String>>,
}

/// The customer was told of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserNotified {
    /// How the customer was told, for example `mail`.
    pub channel: String,
    /// Event type of the fact the customer was told of.
    pub notification: String,
    /// How many attempts it took, at least 1.
    pub attempts: i32,
}

/// The order was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCompleted {
    /// Role that decided.
    pub decided_by: String,
}

/// The order was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// Role that decided.
    pub decided_by: String,
    /// Code of the reason; never free text.
    pub reason: String,
}

/// Nobody answered in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderExpired {
    /// The moment that passed without an answer.
    #[serde(rename = "accept_by")]
    pub accept_by_us: i64,
}

/// The order was accepted, but not completed in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTimedOut {
    /// The moment that passed without completion.
    #[serde(rename = "complete_by")]
    pub complete_by_us: i64,
}

/// A task was given up: somebody could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationFailed {
    /// Kind of the task, for example `notify_restaurant`.
    pub task: String,
    /// How many attempts were made.
    pub attempts: i32,
    /// Code of the last failure; never its text.
    pub cause_code: String,
}

/// An operator set an order that had ended by itself going again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRedriven {
    /// Role that did it.
    pub redriven_by: String,
    /// Status the order was in before.
    pub from_status: String,
    /// New moment until which the restaurant may accept.
    #[serde(rename = "accept_by")]
    pub accept_by_us: i64,
    /// New moment by which the order is to be completed once accepted.
    #[serde(rename = "complete_by")]
    pub complete_by_us: i64,
}

/// An operator gave the order more time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlineExtended {
    /// Role that did it.
    pub extended_by: String,
    /// Which deadline moved: `accept_by` or `complete_by`.
    pub deadline: String,
    /// The moment it was.
    #[serde(rename = "from")]
    pub from_us: i64,
    /// The moment it is now, always later.
    #[serde(rename = "to")]
    pub to_us: i64,
}

/// An operator had a task tried again: one that was given up, or one that waited for its next
/// attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRedriven {
    /// Kind of the task, for example `notify_restaurant`.
    pub task: String,
    /// Role that did it.
    pub redriven_by: String,
}

/// The order was moved to another version of the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowMigrated {
    /// Role that did it.
    pub migrated_by: String,
    /// Version of the flow it followed before.
    pub from_flow: i32,
    /// Version of the flow it follows now.
    pub to_flow: i32,
    /// Moment until which the restaurant may accept, under the new version.
    #[serde(rename = "accept_by")]
    pub accept_by_us: i64,
    /// Moment by which the order is to be completed once accepted, under the new version.
    #[serde(rename = "complete_by")]
    pub complete_by_us: i64,
}
