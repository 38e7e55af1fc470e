//! Dead letters: a record set aside with its cause, its key, value and headers as they were read.
//!
//! A dead letter travels through the consumer's own journal, a row in the same transaction as the
//! position, and its relay publishes it: exactly once, nothing lost. One that is too large for a record is
//! published without its value, and says so.

use super::consumer::Incoming;
use super::relay::Outgoing;
use crate::clock::rfc3339;

/// Longest cause that is kept, in characters.
const CAUSE_LIMIT: usize = 500;

/// Most bytes of a dead letter that is published: key, value and headers as they are. Brokers judge a record by
/// what is left when it is compressed, the producer by what it was before: a record that a topic took may be
/// several times as large as the producer takes, or become so when it is compressed otherwise. This is below
/// the two megabytes of a topic of dead letters with what compression can add to bytes that it cannot reduce.
const LARGEST: usize = 2_000_000;

/// What a header takes beside its name and its value: the lengths of both, at most.
const HEADER_BYTES: usize = 10;

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
    /// The record to publish to `<group>.<topic>.dlq`, at `position` of the consumer's journal: the origin's
    /// key, value and headers, and the `dlq.*` headers as text. Its timestamp is the failure's, because with that
    /// of an old record retention could delete it at once.
    ///
    /// Of a record that is too large with all of this the value is left out, and where that is not enough the key
    /// and the headers too: `dlq.left-out` then says what, and `dlq.left-out-bytes` how much. The bytes are where
    /// `dlq.topic`, `dlq.partition` and `dlq.offset` say, and in the consumer's journal.
    pub fn outgoing(&self, position: i64) -> Outgoing {
        let mut own = self.own_headers();
        let kept = Kept::of(self.origin, LARGEST.saturating_sub(bytes_of(&own)));
        if !kept.left_out.is_empty() {
            own.push(text("left-out", kept.left_out.join(",")));
            own.push(text("left-out-bytes", kept.left_out_bytes.to_string()));
        }
        Outgoing {
            position,
            topic: dead_letter_topic(self.group, &self.origin.topic).into(),
            key: kept.key.map(<[u8]>::to_vec),
            payload: kept.value.map(<[u8]>::to_vec),
            headers: kept.headers.iter().cloned().chain(own).collect(),
            timestamp_ms: self.first_failed_at_us / 1_000,
        }
    }

    /// Where it came from and why it was set aside.
    fn own_headers(&self) -> Vec<Header> {
        let origin = self.origin;
        vec![
            text("topic", origin.topic.to_string()),
            text("partition", origin.partition.to_string()),
            text("offset", origin.offset.to_string()),
            text("consumer-group", self.group.to_string()),
            text("error-class", self.class.to_string()),
            text("error-message", scrub(&self.cause)),
            text("attempts", self.attempts.to_string()),
            text("first-failed-at", rfc3339(self.first_failed_at_us)),
        ]
    }
}

type Header = (String, Vec<u8>);

fn text(name: &str, value: String) -> Header {
    (format!("dlq.{name}"), value.into_bytes())
}

fn bytes_of(headers: &[Header]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_BYTES).sum()
}

/// What of a record is published.
struct Kept<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header],
    left_out: Vec<&'static str>,
    left_out_bytes: usize,
}

impl<'a> Kept<'a> {
    /// As much of `origin` as fits into `room` bytes.
    fn of(origin: &'a Incoming, room: usize) -> Self {
        let mut kept = Self {
            key: origin.key.as_deref(),
            value: origin.payload.as_deref(),
            headers: &origin.headers,
            left_out: Vec::new(),
            left_out_bytes: 0,
        };
        let whole = kept.bytes();
        if kept.bytes() > room && kept.value.take().is_some() {
            kept.left_out.push("value");
        }
        if kept.bytes() > room {
            kept.left_out.extend(kept.key.take().map(|_| "key"));
            kept.left_out.extend((!kept.headers.is_empty()).then_some("headers"));
            kept.headers = &[];
        }
        let fewer_headers = origin.headers.len() - kept.headers.len();
        kept.left_out_bytes = whole - kept.bytes() - HEADER_BYTES * fewer_headers;
        kept
    }

    fn bytes(&self) -> usize {
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        length(self.key) + length(self.value) + bytes_of(self.headers)
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
mod tests;
