//! A process of orders, alone.

use std::{
    fs::OpenOptions,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::Value;
use system_tests::{
    addresses::{NOBODY, binaries},
    api::{Answer, Api, dinner, trattoria},
    eventually::eventually,
    stack::{await_end, signal},
    tokens::Tokens,
};
use tempfile::TempDir;

/// How long it may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Ports of this program's processes, one after another.
static NEXT_PORT: AtomicU16 = AtomicU16::new(23_080);

/// A running `orders serve`, which ends when this is dropped.
pub struct Served {
    process: Child,
    /// The base of its API.
    pub url: String,
    /// Makes tokens that it takes.
    pub tokens: Tokens,
    /// Calls it.
    pub api: Api,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Served {
    /// Starts it with these settings besides its own, and waits until it is ready.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let own = [
            ("ORDERS_LISTEN", format!("127.0.0.1:{port}")),
            ("ORDERS_DATABASE_URL", format!("sqlite:{}", path("orders.db"))),
            ("TOKEN_LOCAL_KEY", path("token.key")),
            ("KAFKA_BOOTSTRAP", NOBODY.to_owned()),
            ("SCHEMA_REGISTRY_URL", format!("http://{NOBODY}")),
            ("SMTP_URL", format!("smtp://{NOBODY}")),
            ("RUST_LOG", "warn".to_owned()),
            // One customer may ask as often as a whole town.
            ("ORDERS_RATE_CUSTOMER", "0".to_owned()),
            ("ORDERS_RATE_RESTAURANT", "0".to_owned()),
            ("ORDERS_RATE_OPERATOR", "0".to_owned()),
            ("ORDERS_RATE_SERVICE", "0".to_owned()),
            ("ORDERS_OPEN_PER_CUSTOMER", "0".to_owned()),
        ];
        let told = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let settings: Vec<_> =
            own.into_iter().chain(told).map(|(name, value)| (name.to_owned(), value)).collect();
        let process = serve(&folder, &settings)?;
        let url = format!("http://127.0.0.1:{port}");
        let tokens = Tokens::of(&folder.path().join("token.key"))?;
        let api = Api::new(&url, "", tokens.clone())?;
        let served = Self { process, url, tokens, api, settings, folder };
        served.is_ready().await?;
        // With the dishes of the document's examples.
        served.api.put_restaurant("nino", &trattoria(None)).await?;
        Ok(served)
    }

    /// Places an order with that key.
    pub async fn place(&self, customer: &str, key: &str) -> Result<Answer> {
        self.api.place(key, &dinner("nino", customer, "ada@example.org")).await
    }

    /// Posts as an operator; the answer, which must be one of success.
    pub async fn post(&self, path: &str, key: Option<&str>, body: Option<&Value>) -> Result<Value> {
        let answer = self.api.call(Method::POST, path, key, body).await?;
        ensure!((200..300).contains(&answer.status), "POST {path} answered {answer:?}");
        Ok(answer.body)
    }

    /// Looks at something as an operator.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.api.call(Method::GET, path, None, None).await?;
        ensure!(answer.status == 200, "GET {path} answered {answer:?}");
        Ok(answer.body)
    }

    /// Ends it with that signal and starts it again, in the same place.
    pub async fn restart(&mut self, name: &str) -> Result<()> {
        signal(self.process.id(), name)?;
        await_end(self.process.id())?;
        self.process.wait()?;
        self.process = serve(&self.folder, &self.settings)?;
        self.is_ready().await
    }

    async fn is_ready(&self) -> Result<()> {
        eventually("orders is ready", READY_LIMIT, async || {
            let answer = self.api.call(Method::GET, "/readyz", None, None).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await
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
        let output = Command::new(binaries()?.join("orders"))
            .args(["check", "--json"])
            .env("ORDERS_DATABASE_URL", format!("sqlite:{}", self.path("orders.db")))
            .output()
            .context("orders does not start")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("orders check: {said}{}", String::from_utf8_lossy(&output.stderr));
        }
        let report: Value = serde_json::from_str(said.trim())?;
        let orders = report["orders"].as_u64().context("no number of orders")?;
        Ok(usize::try_from(orders)?)
    }

    /// Its database takes no commit before the answer is dropped.
    pub fn hang(&self) -> Result<impl Sized + use<>> {
        let database = chassis::sqlite::open(self.path("orders.db").as_ref())?;
        database.execute_batch("BEGIN IMMEDIATE")?;
        Ok(database)
    }

    /// Its largest size in memory so far, in bytes.
    pub fn peak_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.context("no VmHWM")?.parse::<u64>()? * 1_024)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("orders.log")).unwrap_or_default()
    }
}

/// Makes the tables of a database that several may share.
pub fn migrate(database: &str) -> Result<()> {
    let orders = binaries()?.join("orders");
    let output =
        Command::new(orders).arg("migrate").env("ORDERS_DATABASE_URL", database).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "orders migrate: {said}");
    Ok(())
}

/// Starts `orders serve`.
fn serve(folder: &TempDir, settings: &[(String, String)]) -> Result<Child> {
    let log =
        OpenOptions::new().create(true).append(true).open(folder.path().join("orders.log"))?;
    Command::new(binaries()?.join("orders"))
        .arg("serve")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("orders does not start")
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
