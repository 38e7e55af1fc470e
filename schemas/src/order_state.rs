//! Where an order stands, as those see it who read `orders.order.state.v1`.
//!
//! The documentation of each field is in the schema itself, `avro/orders.order.state.v1`.

use serde::{Deserialize, Serialize};

use crate::headers::Envelope;
use crate::record::Event;
use crate::topics::{ORDER_STATES_VALUE, Subject};

/// What a record of the topic is, in the place of an event type.
pub const ORDER_STATE: &str = "order_state";

/// The same for a key without a value.
pub const ORDER_FORGOTTEN: &str = "order_forgotten";

/// The state of one order after its last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// Id of the order, and the key of the message.
    pub order_id: String,
    /// Sequence of its last event.
    pub sequence: i64,
    /// Id of that event.
    pub event_id: String,
    /// What happened in it.
    pub event_type: String,
    /// When that happened, microseconds since the Unix epoch.
    #[serde(rename = "occurred_at")]
    pub occurred_at_us: i64,
    /// Status of the order.
    pub status: String,
    /// Id of the restaurant.
    pub restaurant_id: String,
    /// Opaque id of the customer.
    pub customer_id: String,
    /// Total of the order in minor units of `currency`.
    pub total_minor: i64,
    /// ISO 4217 code of every amount in the record.
    pub currency: String,
    /// When it was placed, microseconds since the Unix epoch.
    #[serde(rename = "placed_at")]
    pub placed_at_us: i64,
    /// The moment before which the restaurant has to answer.
    #[serde(rename = "accept_by")]
    pub accept_by_us: i64,
    /// The moment before which it has to be completed.
    #[serde(rename = "complete_by")]
    pub complete_by_us: i64,
    /// Version of the flow that it follows; `None` where the writer did not say.
    pub flow_version: Option<i32>,
}

impl Event for OrderState {
    const SUBJECT: Subject = ORDER_STATES_VALUE;
    const EVENT_TYPES: &'static [&'static str] = &[ORDER_STATE];

    fn event_type(&self) -> &str {
        ORDER_STATE
    }

    /// Its id is that of the last event, its source another.
    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            context: "orders",
            aspect: "/state",
            event_type: ORDER_STATE,
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
