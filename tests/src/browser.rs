//! A real browser: Debian's Chromium without a window, asked for everything through WebDriver (W3C), which
//! is JSON over HTTP. It has an empty profile and the size of a phone, and reaches this machine alone.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

/// How long it may take to answer; it starts within two seconds on a machine that is quiet.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the driver, and ends it with all that it has started once nobody holds the other end of its
/// input: so whatever becomes of a test, nothing stays.
const DRIVER: &str = "command -v chromium chromedriver >/dev/null || exit 127\n\
                      { chromedriver --port=0 </dev/null; kill -KILL 0; } &\n\
                      read -r\n\
                      kill -KILL 0";

/// How the driver says where it is.
const STARTED: &str = "was started successfully on port ";

/// What WebDriver calls an element, instead of a name (section 11.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page. It ends when this is dropped, and when the test does, however it went. Its
/// folder goes last.
#[derive(Debug)]
pub struct Browser {
    _driver: Driver,
    http: Client,
    session: String,
    _folder: TempDir,
}

impl Browser {
    /// Opens one. For tests with several threads: this one waits for the driver.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let driver = block_in_place(|| Driver::start(folder.path()))?;
        let http = Client::builder().no_proxy().timeout(LIMIT).build()?;
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": arguments(folder.path()),
                "prefs": { "safebrowsing.enabled": false },
                "mobileEmulation": { "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2 } },
            },
        } } });
        let url = format!("http://127.0.0.1:{}/session", driver.port);
        let opened = value(http.post(&url).json(&wanted)).await.context("no browser opens")?;
        let id = opened["sessionId"].as_str().context("it has no id")?;
        Ok(Self { _driver: driver, session: format!("{url}/{id}"), http, _folder: folder })
    }

    /// Opens that address, and returns once its page is there.
    pub async fn go_to(&self, url: &str) -> Result<()> {
        self.tell("url", json!({ "url": url })).await.map(drop)
    }

    /// What this script returns, run in the page.
    pub async fn run(&self, script: &str) -> Result<Value> {
        self.tell("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What a person reads of the first element that the selector finds.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let element = self.find(selector).await?;
        let text = self.ask(&format!("element/{element}/text")).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks on it, as a person can: it must be there to see, with nothing above it.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.find(selector).await?;
        self.tell(&format!("element/{element}/click"), json!({})).await.map(drop)
    }

    /// Types that into it.
    pub async fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.find(selector).await?;
        self.tell(&format!("element/{element}/value"), json!({ "text": text })).await.map(drop)
    }

    /// What has come on its console since it was asked last, what it refused by itself included.
    pub async fn console(&self) -> Result<Vec<String>> {
        let said = self.tell("se/log", json!({ "type": "browser" })).await?;
        let lines = said.as_array().context("no list")?.iter();
        Ok(lines.filter_map(|line| line["message"].as_str().map(str::to_owned)).collect())
    }

    /// What the window shows, as PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        let shown = self.ask("screenshot").await?;
        Ok(STANDARD.decode(shown.as_str().context("no picture")?)?)
    }

    async fn find(&self, selector: &str) -> Result<String> {
        let how = json!({ "using": "css selector", "value": selector });
        let found = self.tell("element", how).await?;
        Ok(found[ELEMENT].as_str().with_context(|| format!("no {selector}"))?.to_owned())
    }

    async fn tell(&self, what: &str, how: Value) -> Result<Value> {
        value(self.http.post(format!("{}/{what}", self.session)).json(&how)).await
    }

    async fn ask(&self, what: &str) -> Result<Value> {
        value(self.http.get(format!("{}/{what}", self.session))).await
    }
}

/// What WebDriver answers, or what it has to complain of (section 6.5).
async fn value(request: reqwest::RequestBuilder) -> Result<Value> {
    let mut answer: Value = request.send().await?.json().await?;
    let value = answer["value"].take();
    match value["error"].as_str() {
        Some(error) => bail!("the browser says {error}: {}", value["message"]),
        None => Ok(value),
    }
}

/// For root in a container; by a pipe, so that it ends with its driver; calling nobody by itself.
fn arguments(folder: &Path) -> Vec<String> {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let fixed = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-pipe",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--no-proxy-server",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-client-side-phishing-detection",
        "--disable-sync",
    ];
    fixed.into_iter().map(str::to_owned).chain([profile]).collect()
}

/// The driver, and below it the browser: a group of processes.
#[derive(Debug)]
struct Driver {
    process: Child,
    /// Open, or the driver would write into nothing.
    _said: BufReader<ChildStdout>,
    port: u16,
}

impl Driver {
    /// Starts it, with that folder as its home. Blocks until it listens.
    fn start(folder: &Path) -> Result<Self> {
        let mut process = Command::new("bash")
            .args(["-c", DRIVER])
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("bash does not start")?;
        let mut said = BufReader::new(process.stdout.take().context("it says nothing")?);
        let mut line = String::new();
        loop {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                bail!("There is no Chromium with its driver. Run: deploy/setup --tests");
            }
            if let Some((_, port)) = line.split_once(STARTED) {
                let port = port.trim_end().trim_end_matches('.').parse()?;
                return Ok(Self { process, _said: said, port });
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
