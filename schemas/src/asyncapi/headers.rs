//! The headers of messages as JSON schemas.

use serde_json::{Value, json};

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// Those of an event: CloudEvents 1.0 in binary mode, trace context, causation.
pub(super) fn cloud_event() -> Value {
    json!({
        "type": "object",
        "required": [
            "content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject",
            "ce_time", "ce_sequence",
        ],
        "properties": {
            "content-type": { "const": "application/avro" },
            "ce_specversion": { "const": "1.0" },
            "ce_id": text(
                "The `event_id`, the same however often the event is delivered; of a key without a value \
                 the key and `/forgotten`."
            ),
            "ce_type": text("`takeaway.<context>.<event type>.v1`."),
            "ce_source": text(
                "`/takeaway/<context>`; of states, and of keys without a value, `/takeaway/<context>/state`. \
                 Ids are unique within each."
            ),
            "ce_subject": text("The key of the message."),
            "ce_time": {
                "type": "string", "format": "date-time",
                "description": "When it happened, in UTC with six digits after the second.",
            },
            "ce_sequence": {
                "type": "string", "pattern": "^[0-9]{10}$",
                "description": "`sequence` in ten digits: 1, 2, 3 without a gap for each key; of a state that \
                    of its last event; of a key without a value 2147483647, which is above any other.",
            },
            "traceparent": text("W3C trace context of the cause, if it had one."),
            "ce_causationid": text("The command or event that led to it."),
            "ce_correlationid": text("What everything that led to it has in common."),
        },
    })
}

/// Those of a dead letter, beside the ones that the message came with.
pub(super) fn dead_letter() -> Value {
    json!({
        "type": "object",
        "required": ["dlq.topic", "dlq.partition", "dlq.offset", "dlq.error-class"],
        "properties": {
            "dlq.topic": text("The topic it came from."),
            "dlq.partition": text("Its partition there."),
            "dlq.offset": text("Its offset there."),
            "dlq.consumer-group": text("Who set it aside."),
            "dlq.error-class": text("A stable word for the cause."),
            "dlq.error-message": text("The cause in words, without anything secret."),
            "dlq.attempts": text("How often it was tried."),
            "dlq.first-failed-at": text("When it first failed."),
            "dlq.left-out": text(
                "What of the message was too large to be published: `value`, or also `key`, `headers`."
            ),
            "dlq.left-out-bytes": text("How many bytes were left out."),
        },
    })
}
