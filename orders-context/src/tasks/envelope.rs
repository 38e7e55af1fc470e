//! The envelope that Standard Webhooks has around whatever is told.

use crate::domain::Timestamp;
use chassis::clock::rfc3339;
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<D> {
    r#type: &'static str,
    timestamp: String,
    data: D,
}

/// The text of `data` in its envelope. Plain strings and numbers always have a JSON form, and nothing else
/// is told.
pub fn enveloped(r#type: &'static str, at: Timestamp, data: impl Serialize) -> Vec<u8> {
    let envelope = Envelope { r#type, timestamp: rfc3339(at.0), data };
    serde_json::to_vec(&envelope).unwrap_or_default()
}
