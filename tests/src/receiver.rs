//! A receiver of webhooks in Python: it verifies what it is sent with the published library of Standard
//! Webhooks, and spoils each delivery in every way to see that this is refused.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::Value;

use crate::addresses::checkout;

/// `tests/python/receive_webhooks.py`, on a port of this machine. It ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    process: Child,
    url: String,
    http: Client,
}

impl Receiver {
    /// Opens it. It has no key yet and takes nothing. Blocks until it listens.
    pub fn open() -> Result<Self> {
        let program = checkout().join("var/python/bin/python");
        ensure!(program.exists(), "{} is missing. Run: deploy/setup --tests", program.display());
        let mut process = Command::new(&program)
            .arg(checkout().join("tests/python/receive_webhooks.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let mut port = String::new();
        let said = process.stdout.take().context("it says nothing")?;
        BufReader::new(said).read_line(&mut port)?;
        ensure!(!port.is_empty(), "it ended at once. Run: deploy/setup --tests");
        let url = format!("http://127.0.0.1:{}", port.trim());
        let http = Client::builder().no_proxy().build()?;
        Ok(Self { process, url, http })
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

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
