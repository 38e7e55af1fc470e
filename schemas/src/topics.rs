//! Every topic of the system, declared once: name, partitions, retention, owner and schemas.
//!
//! What depends on the cluster, the replication factor and `min.insync.replicas`, is not here: whoever
//! creates the topics knows how many brokers there are.

/// The context that writes a topic, and alone may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The orders context.
    Orders,
    /// The promotions context.
    Promotions,
}

impl Owner {
    /// Every one.
    pub const ALL: &[Self] = &[Self::Orders, Self::Promotions];

    /// The name of the context, with which its topics begin.
    pub const fn context(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Promotions => "promotions",
        }
    }
}

/// What the broker does with old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Deletes them when their retention is over.
    Delete,
    /// Keeps the last one of each key, and as little else as can be.
    Compact,
    /// Keeps the last one of each key, for readers who come late or were away for a while: nothing goes
    /// within an hour, everything older than the last goes within a week, and a key without a value is
    /// seen for a week.
    CompactSlowly,
}

/// The schemas of a topic's values, as the registry knows them.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// `<topic>-value`.
    pub name: &'static str,
    /// The text of each shipped version, in order, the latest last.
    pub versions: &'static [&'static str],
}

impl Subject {
    /// The version that is written today.
    pub const fn latest(&self) -> &'static str {
        self.versions[self.versions.len() - 1]
    }
}

/// One topic as it ought to be.
#[derive(Debug)]
pub struct Topic {
    /// Its name, `<context>.<aggregate>.<kind>.v<major>`; internal ones begin with `_`.
    pub name: &'static str,
    /// How many partitions it has; never changed, for that would move keys to other partitions.
    pub partitions: i32,
    /// How long records are kept, in milliseconds; `None` means for ever, or for as long as compaction does.
    pub retention_ms: Option<i64>,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// Who writes it.
    pub owner: Owner,
    /// The schemas of its values when they are Avro.
    pub subject: Option<Subject>,
    /// What it carries, for people.
    pub doc: &'static str,
}

/// Every shipped version of the record of [`ORDER_EVENTS`], the latest last.
pub const ORDER_EVENTS_VERSIONS: &[&str] = &[
    include_str!("../avro/orders.order.events.v1/1.avsc"),
    include_str!("../avro/orders.order.events.v1/2.avsc"),
];

/// Every shipped version of the record of [`VOUCHER_EVENTS`], the latest last.
pub const VOUCHER_EVENTS_VERSIONS: &[&str] =
    &[include_str!("../avro/promotions.voucher.events.v1/1.avsc")];

/// The schemas of the values of [`ORDER_EVENTS`].
pub const ORDER_EVENTS_VALUE: Subject =
    Subject { name: "orders.order.events.v1-value", versions: ORDER_EVENTS_VERSIONS };

/// The facts about orders.
pub const ORDER_EVENTS: Topic = Topic {
    name: "orders.order.events.v1",
    partitions: 6,
    retention_ms: None,
    cleanup: Cleanup::Delete,
    owner: Owner::Orders,
    subject: Some(ORDER_EVENTS_VALUE),
    doc: "Every fact about every order, keyed by order id.",
};

/// Every shipped version of the record of [`ORDER_STATES`], the latest last.
pub const ORDER_STATES_VERSIONS: &[&str] = &[include_str!("../avro/orders.order.state.v1/1.avsc")];

/// The schemas of the values of [`ORDER_STATES`].
pub const ORDER_STATES_VALUE: Subject =
    Subject { name: "orders.order.state.v1-value", versions: ORDER_STATES_VERSIONS };

/// Where each order stands. As many partitions as [`ORDER_EVENTS`]: an order has the same number in both.
pub const ORDER_STATES: Topic = Topic {
    name: "orders.order.state.v1",
    partitions: ORDER_EVENTS.partitions,
    retention_ms: None,
    cleanup: Cleanup::CompactSlowly,
    owner: Owner::Orders,
    subject: Some(ORDER_STATES_VALUE),
    doc: "Where each order stands after its last event, keyed by order id, written in the transaction of that \
          event. Compacted; a key without a value is an order to be forgotten.",
};

/// The schemas of the values of [`VOUCHER_EVENTS`].
pub const VOUCHER_EVENTS_VALUE: Subject =
    Subject { name: "promotions.voucher.events.v1-value", versions: VOUCHER_EVENTS_VERSIONS };

/// The facts about vouchers.
pub const VOUCHER_EVENTS: Topic = Topic {
    name: "promotions.voucher.events.v1",
    partitions: 6,
    retention_ms: None,
    cleanup: Cleanup::Delete,
    owner: Owner::Promotions,
    subject: Some(VOUCHER_EVENTS_VALUE),
    doc: "Every fact about every voucher, keyed by voucher id.",
};

/// How far the orders context has published its journal.
pub const ORDERS_RELAY: Topic = Topic {
    name: "_orders.relay.progress.v1",
    partitions: 8,
    retention_ms: None,
    cleanup: Cleanup::Compact,
    owner: Owner::Orders,
    subject: None,
    doc: "Internal: the position of each shard of the orders relay, in the partition of its number, \
          written in the transaction of its events.",
};

/// How far each run of `orders republish` has come.
pub const ORDERS_REPUBLISH: Topic = Topic {
    name: "_orders.republish.progress.v1",
    partitions: 1,
    retention_ms: None,
    cleanup: Cleanup::Compact,
    owner: Owner::Orders,
    subject: None,
    doc: "Internal: how far each run of `orders republish` has come, written in the transaction of its records.",
};

/// How far the promotions context has published its journal.
pub const PROMOTIONS_RELAY: Topic = Topic {
    name: "_promotions.relay.progress.v1",
    partitions: 1,
    retention_ms: None,
    cleanup: Cleanup::Compact,
    owner: Owner::Promotions,
    subject: None,
    doc: "Internal: the position of the promotions relay, written in the transaction of its events.",
};

/// Order events that the promotions context set aside.
pub const PROMOTIONS_ORDER_DLQ: Topic = Topic {
    name: "promotions.orders.order.events.v1.dlq",
    partitions: 1,
    retention_ms: None,
    cleanup: Cleanup::Delete,
    owner: Owner::Promotions,
    subject: None,
    doc: "Order events that promotions could not take, as they came, with the cause in headers.",
};

/// All of them.
pub const ALL: &[&Topic] = &[
    &ORDER_EVENTS,
    &ORDER_STATES,
    &VOUCHER_EVENTS,
    &ORDERS_RELAY,
    &ORDERS_REPUBLISH,
    &PROMOTIONS_RELAY,
    &PROMOTIONS_ORDER_DLQ,
];

/// The topics that `owner` writes and therefore creates.
pub fn owned_by(owner: Owner) -> impl Iterator<Item = &'static Topic> {
    ALL.iter().copied().filter(move |topic| topic.owner == owner)
}

/// Largest record a topic takes, in bytes; Kafka's own default, spelled out.
pub const MAX_MESSAGE_BYTES: usize = 1_048_588;

/// Largest record a topic of dead letters takes: the largest record of another, with room for the
/// headers that say what became of it.
pub const MAX_DEAD_LETTER_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;

impl Topic {
    /// The settings of the topic, as Kafka names them.
    pub fn config(&self) -> Vec<(&'static str, String)> {
        let largest = match self.name.ends_with(".dlq") {
            true => MAX_DEAD_LETTER_BYTES,
            false => MAX_MESSAGE_BYTES,
        };
        let mut config = vec![
            ("max.message.bytes", largest.to_string()),
            // Records carry the clock of the journal. A broker whose clock is behind would refuse
            // them, and a relay must never stand still for that.
            ("message.timestamp.after.max.ms", i64::MAX.to_string()),
            // By these moments a relay finds what it published last.
            ("message.timestamp.type", "CreateTime".to_owned()),
        ];
        match self.cleanup {
            Cleanup::Delete => {
                config.push(("cleanup.policy", "delete".to_owned()));
                config.push(("retention.ms", self.retention_ms.unwrap_or(-1).to_string()));
            }
            Cleanup::Compact => {
                config.push(("cleanup.policy", "compact".to_owned()));
                // One small record for each transaction: small segments keep the topic short, and
                // with it the time that a relay needs to find its position.
                config.push(("segment.bytes", (4 * 1024 * 1024).to_string()));
                config.push(("min.cleanable.dirty.ratio", "0.1".to_owned()));
            }
            Cleanup::CompactSlowly => {
                config.push(("cleanup.policy", "compact".to_owned()));
                config.push(("min.compaction.lag.ms", HOUR_MS.to_string()));
                config.push(("max.compaction.lag.ms", WEEK_MS.to_string()));
                config.push(("delete.retention.ms", WEEK_MS.to_string()));
            }
        }
        config
    }
}
