//! The programs of the contexts with a user's settings, each in a folder.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use system_tests::addresses::{NOBODY, binaries};
use system_tests::eventually::eventually;
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::super::secured::User;

const LIMIT: Duration = Duration::from_secs(60);

/// Ports of these programs, one after another.
static NEXT_PORT: AtomicU16 = AtomicU16::new(24_180);

/// A program that serves, until this is dropped.
pub struct Program {
    process: Child,
    /// The base of its API.
    pub url: String,
    log: PathBuf,
}

impl Program {
    /// Starts `CONTEXT serve`.
    pub fn serve(context: &str, user: &User, folder: &TempDir) -> Result<Self> {
        let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let log = folder.path().join(format!("{context}.log"));
        let said = File::create(&log)?;
        let process = command(context, user, folder)?
            .arg("serve")
            .env("ORDERS_LISTEN", format!("127.0.0.1:{port}"))
            .env("PROMOTIONS_LISTEN", format!("127.0.0.1:{port}"))
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("{context} does not start"))?;
        Ok(Self { process, url: format!("http://127.0.0.1:{port}"), log })
    }

    /// Waits until it says that it is ready.
    pub async fn is_ready(&self) -> Result<()> {
        eventually("it is ready", LIMIT, async || {
            Ok((self.get("/readyz").await?.status() == 200).then_some(()))
        })
        .await
        .with_context(|| self.log())
    }

    /// Its answer, whatever the status.
    pub async fn get(&self, path: &str) -> Result<reqwest::Response> {
        Ok(reqwest::get(format!("{}{path}", self.url)).await?)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a subcommand; what it printed, or what it said when it failed.
pub fn run(context: &str, arguments: &[&str], user: &User, folder: &TempDir) -> Result<String> {
    let mut command = command(context, user, folder)?;
    let output = block_in_place(|| command.args(arguments).output())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{context} {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(said)
}

fn command(context: &str, user: &User, folder: &TempDir) -> Result<Command> {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let code_key = path("code.key");
    std::fs::write(&code_key, "5a".repeat(32))?;
    let mut command = Command::new(binaries()?.join(context));
    command
        .envs(user)
        .env("ORDERS_DATABASE_URL", format!("sqlite:{}", path("orders.db")))
        .env("PROMOTIONS_DATABASE_URL", format!("sqlite:{}", path("promotions.db")))
        .env("PROMOTIONS_CODE_KEY_FILE", code_key)
        .env("TOKEN_LOCAL_KEY", path("token.key"))
        .env("SMTP_URL", format!("smtp://{NOBODY}"))
        .env("RUST_LOG", "info")
        .stdin(Stdio::null());
    Ok(command)
}
