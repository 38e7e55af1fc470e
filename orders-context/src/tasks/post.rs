//! Signed POSTs to places that others have named: restaurants and the push gateway. The signature is
//! that of Standard Webhooks 1.0 (symmetric, `v1`).

mod guard;
mod wire;

use super::attempt::Failed;
use crate::app::Task;
use crate::domain::{Timestamp, Webhook};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use guard::Reach;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use http_body_util::Full;
use sha2::Sha256;
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
    /// A code: `http_500`, `timeout`, `connect`, `forbidden_address`, `bad_secret`, …
    pub async fn post(
        &self,
        to: &Webhook,
        task: &Task,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let request = self.request(to, task, body, now)?;
        let sent = tokio::time::timeout(LIMIT, self.0.send(request)).await;
        match sent.unwrap_or(Err("timeout")) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) => Err(Failed::ForNow(format!("http_{}", status.as_u16()))),
            Err(code) => Err(Failed::ForNow(code.to_owned())),
        }
    }

    fn request(
        &self,
        to: &Webhook,
        task: &Task,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<wire::Request, Failed> {
        let bad = |code: &str| Failed::ForGood(code.to_owned());
        let address = self.0.address(&to.url).map_err(|none| match none {
            NoAddress::Unreadable => bad("bad_address"),
            NoAddress::Forbidden => bad("forbidden_address"),
        })?;
        let id = format!("msg_{}_{}", task.order_id, task.sequence);
        let seconds = (now.0 / 1_000_000).to_string();
        let signature = sign(&to.secret, &id, &seconds, &body).ok_or_else(|| bad("bad_secret"))?;
        let mut request = http::Request::post(address)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .header(WEBHOOK_ID, id)
            .header(WEBHOOK_TIMESTAMP, seconds)
            .header(WEBHOOK_SIGNATURE, signature);
        if let Some(traceparent) = &task.traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        // Ids, digits and base64 are always values of a header.
        request.body(Full::from(body)).map_err(|_| bad("bad_header"))
    }
}

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; `None` when the secret is none.
fn sign(secret: &str, id: &str, seconds: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key_of(secret)?).ok()?;
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// The signing key in `whsec_` and base64; `None` when it is none.
pub fn key_of(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification, section "Symmetric signatures".
    #[test]
    fn the_example_of_the_standard_is_signed_as_printed() {
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        let printed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.as_deref(), Some(printed));
    }

    #[test]
    fn a_secret_that_is_not_base64_signs_nothing() {
        assert_eq!(sign("whsec_!", "msg_1", "0", b"{}"), None);
    }
}
