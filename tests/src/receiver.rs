//! A receiver of webhooks in Python: it verifies what it is sent with the published library of Standard
//! Webhooks, and spoils each delivery in every way to see that this is refused.

use anyhow::Result;
use reqwest::Client;
use serde_json::Value;

use crate::python::PythonServer;

/// `tests/python/receive_webhooks.py`, on a port of this machine. It ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    _process: PythonServer,
    url: String,
    http: Client,
}

impl Receiver {
    /// Opens it. It has no key yet and takes nothing. Blocks until it listens.
    pub fn open() -> Result<Self> {
        let (process, port, _) = PythonServer::start("receive_webhooks.py", &[])?;
        let url = format!("http://127.0.0.1:{port}");
        let http = Client::builder().no_proxy().build()?;
        Ok(Self { _process: process, url, http })
    }

    /// Where it is delivered to.
    pub fn url(&self) -> String {
        format!("{}/hooks", self.url)
    }

    /// From now on it takes what each of these keys verifies: `whsec_…` or `whpk_…`.
    pub async fn verify_with(&self, keys: &[&str]) -> Result<()> {
        let put = self.http.put(format!("{}/keys", self.url)).json(keys).send().await?;
        put.error_for_status()?;
        Ok(())
    }

    /// Everything that came, whether it was taken or not: `headers`, `body` and what was `found`.
    pub async fn told(&self) -> Result<Vec<Value>> {
        Ok(self.http.get(format!("{}/told", self.url)).send().await?.json().await?)
    }
}
