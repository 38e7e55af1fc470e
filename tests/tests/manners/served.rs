//! A process of orders, alone.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use system_tests::{
    addresses::binaries,
    eventually::eventually,
    stack::{await_end, signal},
    tokens::Tokens,
};
use tempfile::TempDir;

/// Nothing listens there: whoever is called there is away.
const NOBODY: &str = "127.0.0.1:9";

/// How long it may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Ports of this program's processes, one after another.
static NEXT_PORT: AtomicU16 = AtomicU16::new(38_080);

/// A running `orders serve`, which ends when this is dropped.
pub struct Served {
    process: Child,
    /// The base of its API.
    pub url: String,
    /// Makes tokens that it takes.
    pub tokens: Tokens,
    /// Calls it.
    pub http: Client,
    folder: TempDir,
}

impl Served {
    /// Starts it with these settings besides its own, and waits until it is ready.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let log = File::create(folder.path().join("orders.log"))?;
        let process = Command::new(binaries()?.join("orders"))
            .arg("serve")
            .env("ORDERS_LISTEN", format!("127.0.0.1:{port}"))
            .env("ORDERS_DATABASE_URL", format!("sqlite:{}", path("orders.db")))
            .env("TOKEN_LOCAL_KEY", path("token.key"))
            .env("KAFKA_BOOTSTRAP", NOBODY)
            .env("SCHEMA_REGISTRY_URL", format!("http://{NOBODY}"))
            .env("SMTP_URL", format!("smtp://{NOBODY}"))
            .env("RUST_LOG", "warn")
            // One customer may ask as often as a whole town.
            .env("ORDERS_RATE_CUSTOMER", "0")
            .env("ORDERS_RATE_RESTAURANT", "0")
            .env("ORDERS_RATE_OPERATOR", "0")
            .env("ORDERS_RATE_SERVICE", "0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("orders does not start")?;
        let url = format!("http://127.0.0.1:{port}");
        let tokens = Tokens::of(&folder.path().join("token.key"))?;
        let http = Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
        let served = Self { process, url, tokens, http, folder };
        let ready = format!("{}/readyz", served.url);
        eventually("orders is ready", READY_LIMIT, async || {
            Ok(served.http.get(&ready).send().await?.status().is_success().then_some(()))
        })
        .await?;
        served.register().await?;
        Ok(served)
    }

    /// The restaurant and the dish of the document's examples.
    async fn register(&self) -> Result<()> {
        let restaurant = json!({
            "name": "Trattoria da Nino",
            "currency": "EUR",
            "menu": [{ "item_id": "margherita", "name": "Pizza Margherita", "price_minor": 950 }],
        });
        let url = format!("{}/v1/restaurants/nino", self.url);
        let request = self.http.put(url).bearer_auth(self.tokens.operator()?);
        request.json(&restaurant).send().await?.error_for_status()?;
        Ok(())
    }

    /// Places an order with that key, and returns its status and what was answered.
    pub async fn place(&self, token: &str, key: &str) -> Result<(u16, Value), reqwest::Error> {
        let order = json!({
            "restaurant_id": "nino",
            "customer": { "name": "Ada Lovelace", "email": "ada@example.org" },
            "items": [{ "item_id": "margherita", "quantity": 1 }],
        });
        let request = self.http.post(format!("{}/v1/orders", self.url)).bearer_auth(token);
        let answer = request.header("idempotency-key", key).json(&order).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }

    /// Asks it to stop, as an operator's system does.
    pub fn ask_to_stop(&self) -> Result<()> {
        signal(self.process.id(), "TERM")
    }

    /// Waits for its end and fails if it was not a good one.
    pub fn ended_well(&mut self) -> Result<()> {
        let id = self.process.id();
        await_end(id)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "orders ended with {status}:\n{}", self.log());
        Ok(())
    }

    /// The orders in its database, once it has ended.
    pub fn stored(&self) -> Result<usize> {
        let run = |arguments: &[&str]| {
            Command::new(binaries()?.join("orders"))
                .args(arguments)
                .env("ORDERS_DATABASE_URL", format!("sqlite:{}", self.database()))
                .output()
                .context("orders does not start")
        };
        let output = run(&["check", "--json"])?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("orders check: {said}{}", String::from_utf8_lossy(&output.stderr));
        }
        let report: Value = serde_json::from_str(said.trim())?;
        let orders = report["orders"].as_u64().context("no number of orders")?;
        Ok(usize::try_from(orders)?)
    }

    /// Its largest size in memory so far, in bytes.
    pub fn peak_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.context("no VmHWM")?.parse::<u64>()? * 1_024)
    }

    fn database(&self) -> String {
        self.folder.path().join("orders.db").display().to_string()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("orders.log")).unwrap_or_default()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
