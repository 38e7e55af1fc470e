//! What operators do at a terminal: each command once as a table and once as JSON, what it says of a refusal,
//! and what the history keeps of who acted and why. The clock of these orders is moved by hand, and
//! their letters go nowhere.

mod many;
mod one;
mod terms;

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{
    addresses::{NOBODY, binaries},
    api::{dinner, trattoria},
    eventually::eventually,
};
use tempfile::TempDir;

use super::{
    silence::OrdersHere,
    support::{LIMIT, shared},
};

/// What the commands need that act: who does, and why.
const WHY: &str = "Nobody answers the telephone";

/// Orders, and a terminal at which operator 7 works.
struct Office {
    here: OrdersHere,
    /// Says who calls, instead of `--actor`.
    token: Option<String>,
    folder: TempDir,
}

impl Office {
    async fn open() -> Result<Self> {
        let shared = shared().await?;
        let (folder, nobody) = (tempfile::tempdir()?, format!("smtp://{NOBODY}"));
        let settings = [("SMTP_URL", nobody.as_str())];
        let here = OrdersHere::start_told(folder.path(), shared.addresses(), &settings)?;
        // Ahead of the machine's, by which the tokens of a terminal begin to count.
        here.clock.advance_us(600_000_000);
        eventually("orders answers", LIMIT, async || {
            here.api.put_restaurant("trattoria", &trattoria(None)).await.map(Some)
        })
        .await?;
        Ok(Self { here, token: None, folder })
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ids of so many new orders.
    async fn place<const N: usize>(&self, keys: [&str; N]) -> Result<[String; N]> {
        let mut ids = Vec::with_capacity(N);
        for key in keys {
            let order = dinner("trattoria", "edsger", "edsger@example.com");
            let placed = self.here.api.place(key, &order).await?;
            ids.push(placed.body["id"].as_str().context("the order was not taken")?.to_owned());
            // What is done to many is done to those placed before.
            self.here.clock.advance_us(1_000_000);
        }
        ids.try_into().ok().context("as many ids as keys")
    }

    /// `orders` with these arguments.
    fn command(&self, line: &[&str]) -> Result<Command> {
        let path = |name: &str| self.folder().join(name).display().to_string();
        let mut command = Command::new(binaries()?.join("orders"));
        command.args(line).stdin(Stdio::null());
        command.env("ORDERS_URL", &self.here.url).env("TOKEN_LOCAL_KEY", path("token.key"));
        command.env("ORDERS_DATABASE_URL", format!("sqlite:{}", path("orders.db")));
        command.envs(self.token.iter().map(|token| ("ORDERS_TOKEN", token)));
        Ok(command)
    }

    async fn output(&self, line: &[&str]) -> Result<Output> {
        let mut command = self.command(line)?;
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// What a command prints for people.
    async fn table(&self, line: &[&str]) -> Result<String> {
        let output = self.output(line).await?;
        let said = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            bail!("{line:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(said)
    }

    /// What it prints for programs: the first object.
    async fn json(&self, line: &[&str]) -> Result<Value> {
        let said = self.table(&[line, &["--json"]].concat()).await?;
        let first = said.lines().next().with_context(|| format!("{line:?} says nothing"))?;
        Ok(serde_json::from_str(first)?)
    }

    /// All that it says when it is refused, with exit code 1.
    async fn refused(&self, line: &[&str]) -> Result<String> {
        let output = self.output(line).await?;
        ensure!(output.status.code() == Some(1), "{line:?}: {output:?}");
        Ok(String::from_utf8([output.stdout, output.stderr].concat())?)
    }

    /// A command that acts, as a table, as JSON and where it is refused: each with an order of its own.
    async fn acts(&self, line: &[&str], on: [&str; 3], refused: &str) -> Result<Value> {
        let line = |id| [line, &[id, "--actor", "operator-7", "--reason", WHY]].concat();
        let table = self.table(&line(on[0])).await?;
        ensure!(table.starts_with("ORDER ") && table.contains(on[0]), "{table}");
        let json = self.json(&line(on[1])).await?;
        ensure!(json["id"] == on[1], "{json}");
        let said = self.refused(&line(on[2])).await?;
        ensure!(said.contains(refused) && said.contains("1 of 1 were not done"), "{said}");
        Ok(json)
    }

    /// Whether the history has such an event of that operator, and why.
    async fn remembers(&self, id: &str, event: &str, actor: &str) -> Result<()> {
        let path = format!("/v1/orders/{id}/history");
        let history: Value = self.here.api.call(Method::GET, &path, None, None).await?.read()?;
        let by = json!({ "actor": actor, "reason": WHY });
        let is_it =
            |entry: &Value| entry["event_type"] == event && entry["data"]["intervention"] == by;
        ensure!(
            history["entries"].as_array().is_some_and(|all| all.iter().any(is_it)),
            "{history}"
        );
        Ok(())
    }

    async fn reaches(&self, id: &str, status: &str) -> Result<()> {
        eventually(&format!("the order is {status}"), LIMIT, async || {
            Ok((self.here.api.order(id).await?.status == status).then_some(()))
        })
        .await
    }
}
