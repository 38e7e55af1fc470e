//! Who may do what on a secured broker, made of the topics as they are declared: each topic has one writer, its
//! owner. Committed as `access.txt`; `deploy/access` brings it to a broker.

use std::fmt::Write as _;

use crate::topics::{ORDER_EVENTS, Owner, Topic, VOUCHER_EVENTS, owned_by};

/// One principal of the broker: a context.
#[derive(Debug, Clone, Copy)]
pub struct Principal {
    /// Its user name.
    pub name: &'static str,
    /// The topics it writes; nobody else does.
    pub writes: Option<Owner>,
    /// The topics of others that it reads.
    pub reads: &'static [&'static Topic],
    /// Bytes a second that it may produce before the broker slows it down.
    pub produce_bytes_per_s: u64,
    /// Bytes a second that it may consume before the broker slows it down.
    pub consume_bytes_per_s: u64,
}

/// Every context. A team that reads is one more line here.
pub const PRINCIPALS: &[Principal] = &[
    Principal {
        name: "orders",
        writes: Some(Owner::Orders),
        reads: &[],
        produce_bytes_per_s: 64 * MIB,
        consume_bytes_per_s: 128 * MIB,
    },
    Principal {
        name: "promotions",
        writes: Some(Owner::Promotions),
        reads: &[&ORDER_EVENTS],
        produce_bytes_per_s: 32 * MIB,
        consume_bytes_per_s: 128 * MIB,
    },
    Principal {
        name: "analytics",
        writes: None,
        reads: &[&ORDER_EVENTS, &VOUCHER_EVENTS],
        produce_bytes_per_s: MIB,
        consume_bytes_per_s: 128 * MIB,
    },
];

const MIB: u64 = 1024 * 1024;

/// What an owner does with its topics: makes and configures them, publishes, and reads them back.
const OF_OWNER: &str = "Create Describe DescribeConfigs AlterConfigs Write Read";

impl Principal {
    /// The topics it writes.
    pub fn written(&self) -> impl Iterator<Item = &'static Topic> {
        self.writes.into_iter().flat_map(owned_by)
    }

    /// Whether the broker lets it write `topic`.
    pub fn may_write(&self, topic: &Topic) -> bool {
        self.writes == Some(topic.owner)
    }

    /// Whether the broker lets it read `topic`.
    pub fn may_read(&self, topic: &Topic) -> bool {
        self.may_write(topic) || self.reads.iter().any(|read| read.name == topic.name)
    }
}

/// The whole of `access.txt`: a line for each grant and each quota, as `deploy/access` reads it.
pub fn text() -> String {
    let mut text = String::from(
        "# Who may do what on a secured broker. Written by the code (schemas/src/access.rs):\n\
         # BLESS=1 cargo test -p schemas access_text. deploy/access brings it to a broker.\n\
         # allow PRINCIPAL RESOURCE PATTERN NAMES OPERATIONS... | quota PRINCIPAL SETTINGS\n",
    );
    for principal in PRINCIPALS {
        let name = principal.name;
        let names = |topics: Vec<&Topic>| {
            topics.iter().map(|topic| topic.name).collect::<Vec<_>>().join(",")
        };
        // Writing to a String cannot fail.
        if principal.writes.is_some() {
            let own = names(principal.written().collect());
            let _ = writeln!(text, "allow {name} topic literal {own} {OF_OWNER}");
            let _ = writeln!(text, "allow {name} transactional-id prefixed {name}- Write Describe");
        }
        if !principal.reads.is_empty() {
            let others = names(principal.reads.to_vec());
            let _ = writeln!(text, "allow {name} topic literal {others} Read Describe");
        }
        let _ = writeln!(text, "allow {name} group prefixed {name} Read");
        let (produce, consume) = (principal.produce_bytes_per_s, principal.consume_bytes_per_s);
        let _ = writeln!(
            text,
            "quota {name} producer_byte_rate={produce},consumer_byte_rate={consume}"
        );
    }
    text
}
