//! Golden records: one message of each event type in each shipped version, as that version's writer wrote
//! it, compiled in. Other teams hold their readers to them; `tests/contract/blessed.rs` holds ours.

use crate::codec::FRAME_BYTES;
use crate::record::Event;
use crate::topics::{ORDER_EVENTS, ORDER_STATES, Subject, Topic, VOUCHER_EVENTS};
use crate::{OrderEvent, OrderState, VoucherEvent};

/// The key of a message and its headers.
pub type KeyAndHeaders = (String, Vec<(&'static str, String)>);

/// One message, and what a reader ought to make of it.
#[derive(Debug, Clone, Copy)]
pub struct Golden {
    /// The topic it belongs on.
    pub topic: &'static Topic,
    /// The version of the schema it was written with, from 1.
    pub version: usize,
    /// What happened in it.
    pub event_type: &'static str,
    /// The record as JSON, every column and block of its version.
    pub json: &'static str,
    message: &'static [u8],
    envelope: fn(&str) -> Result<KeyAndHeaders, serde_json::Error>,
}

impl Golden {
    /// The key and the headers that belong to it, those of a trace left out.
    ///
    /// # Errors
    /// None of the records that are compiled in is one that cannot be read.
    pub fn key_and_headers(&self) -> Result<KeyAndHeaders, serde_json::Error> {
        (self.envelope)(self.json)
    }

    /// The message as a producer sends it whose registry knows [`Golden::schema`] as `schema_id`.
    pub fn framed(&self, schema_id: u32) -> Vec<u8> {
        let body = self.message.get(FRAME_BYTES..).unwrap_or_default();
        [&[0][..], &schema_id.to_be_bytes(), body].concat()
    }

    /// The schema it was written with; empty for a topic without schemas, of which none is golden.
    pub fn schema(&self) -> &'static str {
        let versions = self.topic.subject.map_or(&[][..], |Subject { versions, .. }| versions);
        versions.get(self.version - 1).copied().unwrap_or_default()
    }
}

fn envelope<E: Event>(json: &str) -> Result<KeyAndHeaders, serde_json::Error> {
    let event: E = serde_json::from_str(json)?;
    let envelope = event.envelope();
    Ok((envelope.subject.to_owned(), envelope.headers()))
}

macro_rules! golden {
    ($($topic:ident = $Event:ident $folder:literal { $($version:literal: $($event_type:literal)*;)* })*) => {
        &[$($($(Golden {
            topic: &$topic,
            version: $version,
            event_type: $event_type,
            json: include_str!(concat!(
                "../blessed/", $folder, "/", $version, "/", $event_type, ".json"
            )),
            message: include_bytes!(concat!(
                "../blessed/", $folder, "/", $version, "/", $event_type, ".bin"
            )),
            envelope: envelope::<$Event>,
        },)*)*)*]
    };
}

/// All of them: topic by topic, version by version, in the order of the schema.
pub const GOLDEN: &[Golden] = golden! {
    ORDER_EVENTS = OrderEvent "orders.order.events.v1" {
        1: "order_placed" "restaurant_notified" "restaurant_reminded" "order_accepted"
           "order_rejected" "user_notified" "order_completed" "order_cancelled" "order_expired"
           "order_timed_out" "notification_failed" "order_redriven";
        2: "order_placed" "restaurant_notified" "restaurant_reminded" "order_accepted"
           "order_rejected" "user_notified" "order_completed" "order_cancelled" "order_expired"
           "order_timed_out" "notification_failed" "order_redriven" "deadline_extended"
           "task_redriven" "flow_migrated";
    }
    ORDER_STATES = OrderState "orders.order.state.v1" {
        1: "order_state";
    }
    VOUCHER_EVENTS = VoucherEvent "promotions.voucher.events.v1" {
        1: "voucher_issued";
    }
};

/// Those of the topic's latest version, one of each event type that is written today.
pub fn latest(topic: &Topic) -> impl Iterator<Item = &'static Golden> {
    let (name, version) = (topic.name, topic.subject.map_or(0, |subject| subject.versions.len()));
    GOLDEN.iter().filter(move |golden| golden.topic.name == name && golden.version == version)
}
