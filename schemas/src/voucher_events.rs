//! The facts about vouchers, as every subscriber of `promotions.voucher.events.v1` sees them.
//!
//! The code with which a voucher is redeemed is a secret between the customer and the two contexts; it is
//! deliberately not here.

use serde::{Deserialize, Serialize};

use crate::headers::Envelope;
use crate::record::{Event, published_event};
use crate::topics::{Subject, VOUCHER_EVENTS_VALUE};

published_event! {
    /// A fact about one voucher, with where the voucher stands after it.
    pub struct VoucherEvent {
        /// Id of the event, the same however often it is delivered.
        pub event_id: String,
        /// Id of the voucher, and the key of the message.
        pub voucher_id: String = "voucher_id",
        /// Place in the voucher's history, from 1, without a gap.
        pub sequence: i64 = "sequence",
        /// When it happened, microseconds since the Unix epoch.
        pub occurred_at_us: i64 = "occurred_at",
        /// State of the voucher after it.
        pub state: String = "state",
        /// Id of the campaign that issued it.
        pub campaign_id: String = "campaign_id",
        /// Opaque id of the customer it belongs to.
        pub customer_id: String = "customer_id",
        /// Id of the order that earned it.
        pub order_id: String = "order_id",
        /// What it is worth, in minor units of `currency`.
        pub value_minor: i64 = "value_minor",
        /// ISO 4217 code of every amount in the record.
        pub currency: String = "currency",
        /// Smallest order it can be spent on, in minor units of `currency`; 0 for none.
        pub minimum_minor: i64 = "minimum_minor",
        /// Moment until which it can be spent.
        pub valid_until_us: i64 = "valid_until",
    }

    /// What happened to the voucher.
    pub enum VoucherFact {
        /// A campaign issued it.
        VoucherIssued = "voucher_issued",
    }
}

impl Event for VoucherEvent {
    const SUBJECT: Subject = VOUCHER_EVENTS_VALUE;
    const EVENT_TYPES: &'static [&'static str] = VoucherFact::EVENT_TYPES;

    fn event_type(&self) -> &str {
        self.fact.event_type()
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            context: "promotions",
            aspect: "",
            event_type: self.event_type(),
            event_id: &self.event_id,
            subject: &self.voucher_id,
            time_us: self.occurred_at_us,
            sequence: self.sequence,
            traceparent: None,
            causation_id: None,
            correlation_id: None,
        }
    }
}

/// A campaign issued the voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherIssued {
    /// Event type that earned it, for example `order_completed`.
    pub issued_for: String,
}
