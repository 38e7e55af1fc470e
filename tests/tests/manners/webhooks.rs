//! What endpoints are sent is verified by who wrote none of it: HMAC by the published library of Standard
//! Webhooks, Ed25519 by the `cryptography` package, with keys as the API shows them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use system_tests::receiver::Receiver;

use super::served::Served;

const ENDPOINTS: &str = "/v1/restaurants/nino/webhook-endpoints";

/// A restaurant's system: an endpoint, and who receives there.
struct Hook<'a> {
    served: &'a Served,
    receiver: Receiver,
    path: String,
    made: Value,
}

impl<'a> Hook<'a> {
    async fn open(served: &'a Served, signing: &str) -> Result<Self> {
        let receiver = tokio::task::spawn_blocking(Receiver::open).await??;
        let body = json!({ "url": receiver.url(), "signing": signing });
        let made = served.post(ENDPOINTS, Some(signing), Some(&body)).await?;
        let path = format!("{ENDPOINTS}/{}", made["id"].as_str().context("no id")?);
        Ok(Self { served, receiver, path, made })
    }

    /// Sends a test, which must be verified with each of these keys.
    async fn is_verified_with(&self, keys: &[&str]) -> Result<()> {
        self.receiver.verify_with(keys).await?;
        let tried = self.test().await?;
        let told = self.receiver.told().await?;
        ensure!(tried["delivered"] == true, "{tried}: {:?}", told.last());
        let last = told.last().context("nothing came")?;
        ensure!(last["body"]["type"] == "webhook.test", "{last}");
        ensure!(last["found"].as_array().is_some_and(|found| found.len() == keys.len()), "{last}");
        Ok(())
    }

    /// Sends a test, which must be refused with this key.
    async fn is_refused_with(&self, key: &str) -> Result<()> {
        self.receiver.verify_with(&[key]).await?;
        let tried = self.test().await?;
        ensure!(tried["error"] == "http_401", "{tried}");
        Ok(())
    }

    async fn test(&self) -> Result<Value> {
        self.served.post(&format!("{}/test", self.path), None, None).await
    }

    async fn rotate(&self, body: Option<&Value>) -> Result<Value> {
        self.served.post(&format!("{}/rotate-secret", self.path), None, body).await
    }
}

/// While keys change, both sign; what another key signed, and whatever was spoiled, is refused.
async fn keys_change(signing: &str, key: &str) -> Result<()> {
    let served = Served::start(&[("ORDERS_WEBHOOK_ALLOW_PRIVATE", "true")]).await?;
    let hook = Hook::open(&served, signing).await?;
    let text = |made: &Value| made[key].as_str().map(str::to_owned).context("no key");
    let first = text(&hook.made)?;
    hook.is_verified_with(&[&first]).await?;
    let second = text(&hook.rotate(None).await?)?;
    hook.is_verified_with(&[&first, &second]).await?;
    let third = text(&hook.rotate(Some(&json!({ "overlap_seconds": 0 }))).await?)?;
    hook.is_verified_with(&[&third]).await?;
    hook.is_refused_with(&first).await?;
    hook.is_refused_with(&second).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_library_verifies_what_is_signed_with_a_secret() -> Result<()> {
    keys_change("hmac", "secret").await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_public_key_verifies_what_is_signed_with_ed25519() -> Result<()> {
    keys_change("ed25519", "public_key").await
}
