//! Signed POSTs to places that others have named: restaurants and the push gateway. The signature is
//! that of Standard Webhooks 1.0 (symmetric, `v1`).

mod guard;

use super::attempt::Failed;
use crate::app::Task;
use crate::domain::{Timestamp, Webhook};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guard::PublicOnly;
pub use guard::Reach;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

/// Who does not answer in this time is tried again.
const LIMIT: Duration = Duration::from_secs(10);

/// How much of an answer is read, so that the connection can be used again; its content is ignored.
const ANSWER_BYTES: usize = 64 * 1024;

/// Posts over kept connections. Follows no redirect and never looks into an answer.
pub struct Poster {
    http: reqwest::Client,
    reach: Reach,
}

impl Poster {
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(reach: Reach) -> anyhow::Result<Self> {
        let mut http = reqwest::Client::builder()
            .timeout(LIMIT)
            .connect_timeout(LIMIT / 2)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(64)
            .user_agent(concat!("takeaway-orders/", env!("CARGO_PKG_VERSION")));
        if reach == Reach::PublicOnly {
            http = http.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self { http: http.build()?, reach })
    }

    /// Delivers `body`; the same task has the same `webhook-id` at each attempt.
    ///
    /// # Errors
    /// A code: `http_500`, `timeout`, `connect`, `forbidden_address`, `bad_secret`, …
    pub async fn post(
        &self,
        to: &Webhook,
        task: &Task,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Failed> {
        let bad = |code: &str| Failed::ForGood(code.to_owned());
        let url = url::Url::parse(&to.url).map_err(|_| bad("bad_address"))?;
        if !self.reach.allows(&url) {
            return Err(bad("forbidden_address"));
        }
        let id = format!("msg_{}_{}", task.order_id, task.sequence);
        let seconds = (now.0 / 1_000_000).to_string();
        let signature = sign(&to.secret, &id, &seconds, body).ok_or_else(|| bad("bad_secret"))?;
        let mut request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature);
        if let Some(traceparent) = &task.traceparent {
            request = request.header("traceparent", traceparent);
        }
        let mut response = request.body(body.to_vec()).send().await.map_err(code_of)?;
        let status = response.status();
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > ANSWER_BYTES {
                break;
            }
        }
        if status.is_success() {
            return Ok(());
        }
        Err(Failed::ForNow(format!("http_{}", status.as_u16())))
    }
}

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

fn code_of(error: reqwest::Error) -> Failed {
    let code = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "broken_connection"
    };
    Failed::ForNow(code.to_owned())
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
