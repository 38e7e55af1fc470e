//! The headers of a message: CloudEvents 1.0 in Kafka's binary mode, W3C trace context, causation.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use std::fmt::Write;

/// The headers in the order in which they are written.
pub const NAMES: [&str; 11] = [
    "content-type",
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_sequence",
    "traceparent",
    "ce_causationid",
    "ce_correlationid",
];

/// What the headers of one message say.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The context that speaks, for example `orders`.
    pub context: &'static str,
    /// What of the context speaks, at the end of `ce_source`, within which ids are unique: nothing for facts,
    /// `/state` for states, which bear the ids of facts.
    pub aspect: &'static str,
    /// Short event type, for example `order_placed`; written as `takeaway.orders.order_placed.v1`.
    pub event_type: &'a str,
    /// Id of the event.
    pub event_id: &'a str,
    /// Id of the aggregate, which is the key of the message.
    pub subject: &'a str,
    /// When it happened, microseconds since the Unix epoch.
    pub time_us: i64,
    /// Place in the aggregate's history.
    pub sequence: i64,
    /// W3C trace context of the command that led to it.
    pub traceparent: Option<&'a str>,
    /// Id of the command or event that led to it.
    pub causation_id: Option<&'a str>,
    /// Id of what everything that led to it has in common.
    pub correlation_id: Option<&'a str>,
}

impl Envelope<'_> {
    /// The headers, those that are `None` left out.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::with_capacity(NAMES.len());
        self.tell(|name, value| headers.push((name, value.to_owned())));
        headers
    }

    /// Tells each header with its value in the order of [`NAMES`], those that are `None` left out.
    ///
    /// `ce_sequence` is padded with zeros to ten digits, for CloudEvents orders sequences as text.
    pub fn tell(&self, mut told: impl FnMut(&'static str, &str)) {
        let mut text = String::with_capacity(64);
        told("content-type", "application/avro");
        told("ce_specversion", "1.0");
        told("ce_id", self.event_id);
        told("ce_type", join(&mut text, &["takeaway.", self.context, ".", self.event_type, ".v1"]));
        told("ce_source", join(&mut text, &["/takeaway/", self.context, self.aspect]));
        told("ce_subject", self.subject);
        told("ce_time", rfc3339(&mut text, self.time_us));
        told("ce_sequence", padded(&mut text, self.sequence));
        let optional = [
            ("traceparent", self.traceparent),
            ("ce_causationid", self.causation_id),
            ("ce_correlationid", self.correlation_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                told(name, value);
            }
        }
    }
}

/// The parts one after the other, in place of what was in `text`.
fn join<'a>(text: &'a mut String, parts: &[&str]) -> &'a str {
    text.clear();
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// The number with zeros in front, ten digits in all.
fn padded(text: &mut String, number: i64) -> &str {
    text.clear();
    // Nothing that is written to a text fails.
    let _ = write!(text, "{number:010}");
    text
}

/// The moment in UTC with six digits after the second; what lies outside jiff's range is the nearest
/// moment inside it.
fn rfc3339(text: &mut String, time_us: i64) -> &str {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let nearest = if time_us < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let time = Timestamp::from_microsecond(time_us).unwrap_or(nearest);
    text.clear();
    // Nothing that is written to a text fails.
    let _ = PRINTER.print_timestamp(&time, &mut *text);
    text
}
