//! Where an order stands, as those see it who read `orders.order.state.v1`.
//!
//! The documentation of each field is in the schema itself, `avro/orders.order.state.v1`.

use crate::headers::Envelope;
use crate::record::{Event, published_record};
use crate::topics::{ORDER_STATES_VALUE, Subject};

/// What a record of the topic is, in the place of an event type.
pub const ORDER_STATE: &str = "order_state";

/// The same for a key without a value.
pub const ORDER_FORGOTTEN: &str = "order_forgotten";

/// What a key without a value says: the order is to be forgotten. No state of it comes after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderForgotten {
    order_id: String,
    id: String,
    at_us: i64,
}

impl OrderForgotten {
    /// Of that order, at that moment, microseconds since the Unix epoch.
    pub fn new(order_id: &str, at_us: i64) -> Self {
        Self { order_id: order_id.to_owned(), id: format!("{order_id}/forgotten"), at_us }
    }

    /// All that there is of it. It bears the highest sequence, so that it is the last of its order.
    pub fn envelope(&self) -> Envelope<'_> {
        Envelope {
            context: "orders",
            aspect: "/state",
            event_type: ORDER_FORGOTTEN,
            event_id: &self.id,
            subject: &self.order_id,
            time_us: self.at_us,
            sequence: i64::from(i32::MAX),
            traceparent: None,
            causation_id: None,
            correlation_id: Some(&self.order_id),
        }
    }
}

published_record! {
    /// The state of one order after its last event.
    pub struct OrderState {
        /// Id of the order, and the key of the message.
        pub order_id: String = "order_id",
        /// Sequence of its last event.
        pub sequence: i64 = "sequence",
        /// Id of that event.
        pub event_id: String = "event_id",
        /// What happened in it.
        pub event_type: String = "event_type",
        /// When that happened, microseconds since the Unix epoch.
        pub occurred_at_us: i64 = "occurred_at",
        /// Status of the order.
        pub status: String = "status",
        /// Id of the restaurant.
        pub restaurant_id: String = "restaurant_id",
        /// Opaque id of the customer.
        pub customer_id: String = "customer_id",
        /// Total of the order in minor units of `currency`.
        pub total_minor: i64 = "total_minor",
        /// ISO 4217 code of every amount in the record.
        pub currency: String = "currency",
        /// When it was placed, microseconds since the Unix epoch.
        pub placed_at_us: i64 = "placed_at",
        /// The moment before which the restaurant has to answer.
        pub accept_by_us: i64 = "accept_by",
        /// The moment before which it has to be completed.
        pub complete_by_us: i64 = "complete_by",
        /// Version of the flow that it follows; `None` where the writer did not say.
        pub flow_version: Option<i32> = "flow_version",
    }
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
