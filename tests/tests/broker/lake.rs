//! The lake while the language evolves: versions come one after the other, an unknown one among them, and
//! the same process goes on writing one table. On a stack of its own, which nobody else writes to.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chassis::kafka::KafkaConfig;
use schemas::RegistryClient;
use schemas::rehearsal;
use schemas::topics::ORDER_EVENTS;
use serde_json::Value;
use system_tests::addresses::{Addresses, checkout};
use system_tests::eventually::eventually;
use system_tests::kit::{Kit, Published, Story};
use system_tests::python::python;
use system_tests::stack::Stack;
use tempfile::NamedTempFile;

use super::guide::block;

const LIMIT: Duration = Duration::from_secs(60);

fn table(addresses: &Addresses) -> String {
    format!("{}/{}", addresses.lake, ORDER_EVENTS.name.replace('.', "_"))
}

/// What DuckDB finds once all of the order's events are rows, published so many times.
async fn arrived(addresses: &Addresses, published: &[Published], times: usize) -> Result<Value> {
    let order = &published[0].key;
    let count = times * published.iter().filter(|each| each.topic == ORDER_EVENTS.name).count();
    eventually("its rows in the lake", LIMIT, async || {
        let (table, order) = (table(addresses), order.clone());
        let read = move || python("read_order.py", &[&table, &order]);
        let found = tokio::task::spawn_blocking(read).await??;
        let rows = found["event_types"].as_array().map_or(0, Vec::len);
        Ok((rows >= count).then_some(found))
    })
    .await
}

fn has(found: &Value, column: &str) -> bool {
    found["columns"].as_array().is_some_and(|columns| columns.iter().any(|each| *each == column))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lake_evolves_without_a_stop_and_duckdb_reads_it() -> Result<()> {
    let start = || Stack::start_parts("lake", 19_000, &["kafka", "registry"]);
    let stack = tokio::task::spawn_blocking(start).await??;
    let addresses = stack.addresses();
    let registry = RegistryClient::new(&addresses.registry)?;
    let kit = Kit::new(KafkaConfig::named(&addresses.kafka, "lake-test"), registry);
    kit.prepare().await?;
    // Only now: without its topics analytics is not ready.
    tokio::task::block_in_place(|| stack.up(&["analytics"]))?;
    let process = stack.pid("analytics")?;

    let found = arrived(addresses, &kit.golden(Some(1)).await?, 1).await?;
    ensure!(!has(&found, rehearsal::COLUMN), "{found}");
    arrived(addresses, &kit.play(Story::Happy).await?, 1).await?;
    let mut evolved = kit.play(Story::Evolved).await?;
    evolved.retain(|each| each.topic == ORDER_EVENTS.name);
    let found = arrived(addresses, &evolved, 1).await?;
    ensure!(has(&found, "flow_version") && has(&found, rehearsal::COLUMN), "{found}");
    let told: Vec<_> = evolved.iter().map(|each| each.event_type.as_str()).collect();
    assert_eq!(found["event_types"], serde_json::json!(told));
    // Writers of the old version may go on beside the new ones.
    let found = arrived(addresses, &kit.golden(Some(1)).await?, 2).await?;
    assert_eq!(found["errors"], 0);
    assert_eq!(stack.pid("analytics")?, process, "it was never restarted");

    let lines = guide_duckdb(addresses)?;
    for Published { key, sequence, event_type, .. } in &evolved {
        ensure!(lines.contains(&format!("{key} {sequence} {event_type}")), "{lines:?}");
    }
    Ok(())
}

/// The lines that the guide's program for DuckDB prints. Blocks.
fn guide_duckdb(addresses: &Addresses) -> Result<Vec<String>> {
    let program = NamedTempFile::with_suffix(".py")?;
    std::fs::write(program.path(), block("duckdb")?)?;
    let output = Command::new(checkout().join("var/python/bin/python"))
        .arg(program.path())
        .env("LAKE_URI", &addresses.lake)
        .env("TOPIC", ORDER_EVENTS.name)
        .stdin(Stdio::null())
        .output()
        .context("python does not start. Run: deploy/setup --tests")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
