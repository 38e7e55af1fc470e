//! Dead letters: a record set aside with its cause, its bytes untouched.
//!
//! A dead letter travels through the consumer's own journal, a row in the same transaction as the
//! position, and its relay publishes it: exactly once, nothing lost.

use super::consumer::Incoming;
use super::relay::Outgoing;
use crate::clock::rfc3339;

/// Longest cause that is kept, in characters.
const CAUSE_LIMIT: usize = 500;

/// A record that its consumer cannot read or act upon, and why.
#[derive(Clone, Debug)]
pub struct DeadLetter<'a> {
    /// The record as it came.
    pub origin: &'a Incoming,
    /// The consumer that gave up.
    pub group: &'a str,
    /// A stable word for the kind of failure, such as `undecodable`.
    pub class: &'a str,
    /// What went wrong, for people. Never a part of the record; see [`scrub`].
    pub cause: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed for the first time, microseconds since the Unix epoch.
    pub first_failed_at_us: i64,
}

impl DeadLetter<'_> {
    /// The origin's headers, untouched, followed by the `dlq.*` headers as text.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let origin = self.origin;
        let mut headers = origin.headers.clone();
        let mut add = |name: &str, value: String| {
            headers.push((format!("dlq.{name}"), value.into_bytes()));
        };
        add("topic", origin.topic.to_string());
        add("partition", origin.partition.to_string());
        add("offset", origin.offset.to_string());
        add("consumer-group", self.group.to_string());
        add("error-class", self.class.to_string());
        add("error-message", scrub(&self.cause));
        add("attempts", self.attempts.to_string());
        add("first-failed-at", rfc3339(self.first_failed_at_us));
        headers
    }

    /// The record to publish to `<group>.<topic>.dlq`, at `position` of the consumer's journal: the
    /// origin's key, value and headers. Its timestamp is the failure's, because with that of an old
    /// record retention could delete it at once.
    pub fn outgoing(&self, position: i64) -> Outgoing {
        Outgoing {
            position,
            topic: dead_letter_topic(self.group, &self.origin.topic).into(),
            key: self.origin.key.clone(),
            payload: self.origin.payload.clone(),
            headers: self.headers().into_iter().collect(),
            timestamp_ms: self.first_failed_at_us / 1_000,
        }
    }
}

/// The topic for the dead letters of `group` from `topic`.
pub fn dead_letter_topic(group: &str, topic: &str) -> String {
    format!("{group}.{topic}.dlq")
}

/// Makes a cause safe to carry in a header: control characters become spaces, runs of white space
/// become one, and what is longer than 500 characters is cut.
pub fn scrub(cause: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let clean: String = cause.chars().map(printable).collect();
    let mut words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = words.char_indices().nth(CAUSE_LIMIT) {
        words.truncate(cut);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poisoned() -> Incoming {
        Incoming {
            topic: "orders.order.events.v1".into(),
            partition: 3,
            offset: 41,
            timestamp_ms: 1_700_000_000_000,
            key: Some(b"order-7".to_vec()),
            payload: Some(b"not avro".to_vec()),
            headers: vec![("ce_id".to_string(), b"e-1".to_vec())],
        }
    }

    #[test]
    fn the_headers_tell_where_it_came_from_and_why_as_text() {
        let origin = poisoned();
        let letter = DeadLetter {
            origin: &origin,
            group: "promotions",
            class: "undecodable",
            cause: "no schema\n\twith id 9\0".to_string(),
            attempts: 1,
            first_failed_at_us: 1_700_000_000_000_000,
        };
        let headers: Vec<(String, String)> = letter
            .headers()
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8(value).unwrap()))
            .collect();
        let expected = [
            ("ce_id", "e-1"),
            ("dlq.topic", "orders.order.events.v1"),
            ("dlq.partition", "3"),
            ("dlq.offset", "41"),
            ("dlq.consumer-group", "promotions"),
            ("dlq.error-class", "undecodable"),
            ("dlq.error-message", "no schema with id 9"),
            ("dlq.attempts", "1"),
            ("dlq.first-failed-at", "2023-11-14T22:13:20.000000Z"),
        ];
        assert_eq!(headers, expected.map(|(n, v)| (n.to_string(), v.to_string())));
    }

    #[test]
    fn the_bytes_stay_as_they_were() {
        let origin = poisoned();
        let letter = DeadLetter {
            origin: &origin,
            group: "promotions",
            class: "undecodable",
            cause: String::new(),
            attempts: 1,
            first_failed_at_us: 5_000,
        };
        let outgoing = letter.outgoing(9);
        assert_eq!(&*outgoing.topic, "promotions.orders.order.events.v1.dlq");
        assert_eq!((outgoing.key, outgoing.payload), (origin.key, origin.payload));
        assert_eq!((outgoing.position, outgoing.timestamp_ms), (9, 5));
    }

    #[test]
    fn a_cause_is_cut_on_a_character_boundary() {
        assert_eq!(scrub(&"é".repeat(500)), "é".repeat(500));
        assert_eq!(scrub(&"é".repeat(501)), format!("{}…", "é".repeat(500)));
    }
}
