//! Other terms for the orders under way: what would become of them, and what becomes.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system_tests::stack::signal;

use super::{Office, WHY};

const POLICY: &str = r#"{"version": 2, "accept_within_ms": 1200000, "complete_within_ms": 7200000,
    "remind_after_ms": [240000], "tell_user_within_ms": 86400000}"#;

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_moved_to_other_terms_from_a_terminal() -> Result<()> {
    let office = Office::open().await?;
    let placed = office.place(["a", "b", "c"]).await?;
    let file = office.folder().join("policy.json");
    std::fs::write(&file, POLICY)?;
    let file = file.display().to_string();
    let plan = ["plan", "--policy", &file];
    let migrate = ["migrate-flow", "--policy", &file, "--per-second", "1", "--reason", WHY];
    let migrate = [&migrate[..], &["--actor", "operator-7"]].concat();
    let rehearsal = [&migrate[..], &["--dry-run"]].concat();

    let table = office.table(&plan).await?;
    ensure!(table == office.table(&rehearsal).await?, "{table}");
    let planned = office.json(&plan).await?;
    ensure!(planned["policy_version"] == 2 && planned["groups"][0]["orders"] == 3, "{planned}");
    ensure!(planned == office.json(&rehearsal).await?, "{planned}");
    let refused = office.refused(&["plan", "--policy", "nowhere.json"]).await?;
    ensure!(refused.contains("cannot be read"), "{refused}");

    let id = interrupted(&office, &migrate).await?;
    // It goes on while somebody looks on again.
    let again = office.table(&migrate);
    let time_passes = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            office.here.clock.advance_us(1_000_000);
        }
    };
    let table = tokio::select! {
        table = again => table?,
        () = time_passes => String::new(),
    };
    ensure!(table.contains(&id) && table.contains("done"), "{table}");
    for order in &placed {
        office.remembers(order, "flow_migrated", "operator-7").await?;
    }
    let listed = office.table(&["bulk", "list"]).await?;
    ensure!(listed.lines().filter(|line| line.contains("migrate")).count() == 1, "{listed}");
    office.here.stop().await
}

/// Begins, and looks away with Ctrl-C: what it has begun goes on under this id.
async fn interrupted(office: &Office, migrate: &[&str]) -> Result<String> {
    let mut command = office.command(&[migrate, &["--json"]].concat())?;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let watched = move || {
        let mut looking = command.spawn()?;
        let mut first = String::new();
        let said = looking.stdout.take().context("it has an output")?;
        BufReader::new(said).read_line(&mut first)?;
        signal(looking.id(), "INT")?;
        let ended = looking.wait_with_output()?;
        let bulk: Value = serde_json::from_str(&first)?;
        let id = bulk["id"].as_str().context("it has an id")?.to_owned();
        let said = String::from_utf8(ended.stderr)?;
        ensure!(ended.status.success() && said.contains(&id), "{said}");
        Ok(id)
    };
    tokio::task::spawn_blocking(watched).await?
}
