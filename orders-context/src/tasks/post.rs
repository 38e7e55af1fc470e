//! Signed POSTs to places that others have named: restaurants, their endpoints and the push gateway. The
//! signatures are those of Standard Webhooks 1.0.

mod guard;
mod wire;

use super::attempt::Failed;
use crate::app::Task;
use crate::domain::Webhook;
use chassis::clock::{Clock as _, SystemClock};
use chassis::signing::sign;
pub use guard::Reach;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use http_body_util::Full;
use std::time::Duration;
use wire::{NoAddress, Wire};

/// Who does not answer in this time is tried again.
const LIMIT: Duration = Duration::from_secs(10);

/// Who calls.
const AGENT: &str = concat!("takeaway-orders/", env!("CARGO_PKG_VERSION"));

/// Posts over kept connections. Follows no redirect and never looks into an answer.
pub struct Poster(Wire);

impl Poster {
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(reach: Reach) -> anyhow::Result<Self> {
        Ok(Self(Wire::new(reach, LIMIT / 2)?))
    }

    /// Delivers `body`; the same task has the same `webhook-id` at each attempt.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn post(&self, to: &Webhook, task: &Task, body: Vec<u8>) -> Result<(), Failed> {
        let id = format!("msg_{}_{}", task.order_id, task.sequence);
        let message = Message { id, body, traceparent: task.traceparent.as_deref() };
        self.send(&to.url, &[&to.secret], message).await.map(drop)
    }

    /// Delivers a message, signed with each of the keys; with which status it was taken. It tells the wall clock's
    /// time, whatever time it is for orders: a receiver refuses what is more than minutes old.
    ///
    /// # Errors
    /// A code: `http_500`, `timeout`, `connect`, `forbidden_address`, `bad_secret`, …
    pub async fn send(
        &self,
        url: &str,
        keys: &[&str],
        message: Message<'_>,
    ) -> Result<u16, Failed> {
        let request = self.request(url, keys, message)?;
        match self.0.send(request, LIMIT).await {
            Ok(status) if status.is_success() => Ok(status.as_u16()),
            Ok(status) => Err(Failed::ForNow(format!("http_{}", status.as_u16()))),
            Err(code) => Err(Failed::ForNow(code.to_owned())),
        }
    }

    fn request(
        &self,
        url: &str,
        keys: &[&str],
        message: Message<'_>,
    ) -> Result<wire::Request, Failed> {
        let bad = |code: &str| Failed::ForGood(code.to_owned());
        let address = self.0.address(url).map_err(|none| match none {
            NoAddress::Unreadable => bad("bad_address"),
            NoAddress::Forbidden => bad("forbidden_address"),
        })?;
        let Message { id, body, traceparent } = message;
        let seconds = (SystemClock.now_us() / 1_000_000).to_string();
        let signatures = signatures(keys, &id, &seconds, &body).ok_or_else(|| bad("bad_secret"))?;
        let mut request = http::Request::post(address)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .header(WEBHOOK_ID, id)
            .header(WEBHOOK_TIMESTAMP, seconds)
            .header(WEBHOOK_SIGNATURE, signatures);
        if let Some(traceparent) = traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        // Ids, digits and base64 are always values of a header.
        request.body(Full::from(body)).map_err(|_| bad("bad_header"))
    }
}

/// What is delivered.
pub struct Message<'a> {
    /// The same at each attempt: `webhook-id`.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
    /// W3C trace context of what it tells of.
    pub traceparent: Option<&'a str>,
}

/// A signature of each key, separated by spaces; `None` when one of them is none.
fn signatures(keys: &[&str], id: &str, seconds: &str, body: &[u8]) -> Option<String> {
    let mut signed = String::new();
    for key in keys {
        if !signed.is_empty() {
            signed.push(' ');
        }
        signed.push_str(&sign(key, id, seconds, body)?);
    }
    Some(signed)
}

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
