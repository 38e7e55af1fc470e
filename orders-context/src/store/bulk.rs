//! One action on many orders, as it is kept: what is to be done, how far it has come, and what became of
//! the orders. Everything of it is one row, and each change of it is compared with the round before,
//! so that two who work on it never both go on.

#[cfg(test)]
mod tests;

use super::{OrdersFilter, Place};
use crate::domain::{Action, Intervention, Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Those that are not at their end.
#[derive(Debug, Default)]
pub struct OpenBulks {
    /// The oldest first.
    pub bulks: Vec<Bulk>,
    /// How many more there are that cannot be read. What they have done, nobody knows.
    pub unreadable: usize,
}

impl OpenBulks {
    /// One more, if it can be read.
    pub(in crate::store) fn add(&mut self, read: Option<Bulk>) {
        self.unreadable += usize::from(read.is_none());
        self.bulks.extend(read);
    }
}

/// A bulk action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    /// UUIDv7 as text.
    pub bulk_id: String,
    /// Rises with each change; the first is 1.
    pub round: i64,
    /// How it stands.
    pub state: BulkState,
    /// What is done to each order.
    pub action: Action,
    /// Which orders, as they stand when their turn comes; what it says of time is meant as of
    /// `created_at`, and orders placed since are not touched.
    pub filter: OrdersFilter,
    /// Who started it, and why.
    pub intervention: Intervention,
    /// How many orders a second are taken at most.
    pub per_second: u32,
    /// For each status what was usual there when it was started, where its filter asks for what is
    /// stuck: see [`OrdersQuery::usual_ms`](super::OrdersQuery::usual_ms).
    #[serde(default)]
    pub usual_ms: Vec<(Status, i64)>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it was done or cancelled.
    pub ended_at: Option<Timestamp>,
    /// How many orders matched when it was started; `None`: counting them took too long.
    #[serde(flatten, with = "matched")]
    pub matched: Option<u64>,
    /// What lies before it.
    pub ahead: Ahead,
    /// The orders that are being acted on.
    pub portion: Portion,
    /// What became of the others.
    pub tally: Tally,
    /// Who paused, resumed or cancelled it, the newest last.
    pub interruptions: Vec<Interruption>,
}

crate::domain::words! {
    /// How a bulk action stands.
    BulkState {
        /// It takes orders, at its rate.
        Running = "running",
        /// It goes on when it is resumed.
        Paused = "paused",
        /// It was ended before its time.
        Cancelled = "cancelled",
        /// It has taken every order there was.
        Done = "done",
    }
}

/// Which orders have not been taken yet, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ahead {
    /// All.
    Everything,
    /// Those after this place.
    After(Place),
    /// None.
    Nothing,
}

/// Orders that were taken and of which it is not written yet what became. After a crash they are acted
/// on again, each under the key it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    /// Counts portions, from 1.
    pub number: i64,
    /// When it was taken: none of its keys is older.
    pub taken_at: Timestamp,
    /// Which orders are left of it.
    pub order_ids: Vec<String>,
}

/// What became of orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The action changed them.
    pub acted: u64,
    /// They stood so already.
    pub unchanged: u64,
    /// They were refused, by the code of the cause.
    pub refused: BTreeMap<String, Refused>,
}

/// Orders that were refused for one cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// The first few of them.
    pub order_ids: Vec<String>,
}

/// Somebody paused, resumed or cancelled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// When.
    pub at: Timestamp,
    /// How it stood afterwards.
    pub to: BulkState,
    /// Who, and why.
    pub intervention: Intervention,
}

/// A new bulk action, with the key under which a repetition is recognised.
#[derive(Clone, Debug)]
pub struct NewBulk {
    /// In round 1.
    pub bulk: Bulk,
    /// With its scope in front.
    pub key: String,
    /// SHA-256 of the request it came with.
    pub request_hash: Vec<u8>,
}

/// What became of a new bulk action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is kept.
    New,
    /// The key was used before.
    Before(Box<Before>),
    /// So many are open that there may be no more.
    TooMany,
}

/// A bulk action that was started before, under the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// SHA-256 of the request it came with.
    pub request_hash: Vec<u8>,
    /// As it stands now.
    pub bulk: Bulk,
}

/// As it is stored: always with a number, for the version before knows nothing else.
mod matched {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Stored {
        matched: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        not_counted: bool,
    }

    pub fn serialize<S: Serializer>(matched: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        Stored { matched: matched.unwrap_or_default(), not_counted: matched.is_none() }
            .serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        let Stored { matched, not_counted } = Stored::deserialize(from)?;
        Ok((!not_counted).then_some(matched))
    }

    #[test]
    fn what_was_not_counted_is_stored_as_a_number_too() {
        for (matched, stored) in [
            (Some(0), r#"{"matched":0}"#),
            (Some(12), r#"{"matched":12}"#),
            (None, r#"{"matched":0,"not_counted":true}"#),
        ] {
            let mut text = Vec::new();
            serialize(&matched, &mut serde_json::Serializer::new(&mut text)).expect("JSON");
            assert_eq!(String::from_utf8_lossy(&text), stored);
            let read = deserialize(&mut serde_json::Deserializer::from_slice(&text));
            assert_eq!(read.expect("it is read"), matched);
        }
    }
}

impl Bulk {
    /// Whether it has anything left to do or to write down.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.state {
            BulkState::Running | BulkState::Paused => true,
            BulkState::Cancelled | BulkState::Done => !self.portion.order_ids.is_empty(),
        }
    }

    /// The key under which it acts on an order at most once.
    #[must_use]
    pub fn key(&self, order_id: &str) -> String {
        format!("bulk {} {order_id}", self.bulk_id)
    }
}
