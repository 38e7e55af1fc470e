//! The integration guide: each of its programs, as it stands there, reads a real topic, and all of them
//! find the same.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use schemas::topics::{ORDER_EVENTS, ORDER_STATES};
use system_tests::addresses::{Addresses, checkout};
use system_tests::kit::{Published, Story};
use system_tests::node::node;
use tempfile::TempDir;

use super::support::{addresses, arrived_of, kit};

mod reader;

/// The block of the guide below `<!-- run: NAME -->`.
pub fn block(name: &str) -> Result<String> {
    let guide = fs::read_to_string(checkout().join("schemas/GUIDE.md"))?;
    let marker = format!("<!-- run: {name} -->\n```");
    let (_, after) = guide.split_once(&marker).with_context(|| format!("no block {name}"))?;
    let (_, body) = after.split_once('\n').context("an empty block")?;
    let (body, _) = body.split_once("```").context("a block without an end")?;
    Ok(body.to_owned())
}

/// What one program is run with; the program itself is written to the file.
fn program(name: &str, folder: &Path) -> Result<Command> {
    let file = folder.join(match name {
        "java" => "Guide.java",
        "node" => "guide.cjs",
        "sh" => "guide.sh",
        _ => "guide.py",
    });
    fs::write(&file, block(name)?)?;
    let with = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).arg(&file);
        command
    };
    let var = checkout().join("var");
    Ok(match name {
        "java" => with("java", &["-cp", &var.join("java/*").to_string_lossy()]),
        "node" => node(&file)?,
        "sh" => with("bash", &["-o", "pipefail", "-e"]),
        _ => with(&var.join("python/bin/python").to_string_lossy(), &[]),
    })
}

/// The lines that the program printed. Blocks.
fn run(name: &str, addresses: &Addresses) -> Result<Vec<String>> {
    let folder = TempDir::new()?;
    let output = program(name, folder.path())?
        .env("KAFKA_BOOTSTRAP", &addresses.kafka)
        .env("SCHEMA_REGISTRY_URL", &addresses.registry)
        .env("TOPIC", ORDER_EVENTS.name)
        .env("STATES", ORDER_STATES.name)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name} does not start. Run: deploy/setup --tests"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{name} failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(said.lines().map(str::to_owned).collect())
}

/// A topic with a story on it, and what a program ought to print of that story's order.
async fn with_story() -> Result<(&'static Addresses, String, Vec<String>)> {
    let addresses = addresses().await?;
    let mut published = kit(addresses).await?.play(Story::Redriven).await?;
    published.retain(|each| each.topic == ORDER_EVENTS.name);
    let order = published[0].key.clone();
    arrived_of(addresses, ORDER_EVENTS.name, &order, published.len()).await?;
    let line = |Published { key, sequence, event_type, .. }: &Published| {
        format!("{key} {sequence} {event_type}")
    };
    Ok((addresses, order, published.iter().map(line).collect()))
}

async fn reads_the_story(name: &'static str) -> Result<()> {
    let (addresses, order, expected) = with_story().await?;
    let lines = tokio::task::spawn_blocking(move || run(name, addresses)).await??;
    let found: Vec<_> = lines.into_iter().filter(|line| line.starts_with(&order)).collect();
    ensure!(found == expected, "{name} found {found:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_python() -> Result<()> {
    reads_the_story("python").await
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_java() -> Result<()> {
    reads_the_story("java").await
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_node() -> Result<()> {
    reads_the_story("node").await
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_kcat() -> Result<()> {
    reads_the_story("sh").await
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_idempotent_consumption() -> Result<()> {
    reads_the_story("idempotent").await
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_joining_late() -> Result<()> {
    let (addresses, order, events) = with_story().await?;
    arrived_of(addresses, ORDER_STATES.name, &order, 1).await?;
    let lines = tokio::task::spawn_blocking(move || run("late", addresses)).await??;
    let found: Vec<_> = lines.into_iter().filter(|line| line.starts_with(&order)).collect();
    ensure!(found == [format!("{order} {} completed", events.len())], "found {found:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_rust() -> Result<()> {
    let ours = include_str!("guide/reader.rs");
    let ours = ours.split_once("\n\n").map_or(ours, |(_, code)| code);
    ensure!(block("rust")? == ours, "schemas/GUIDE.md shows tests/tests/broker/guide/reader.rs");
    let (addresses, order, expected) = with_story().await?;
    let runtime = tokio::runtime::Handle::current();
    let read =
        move || reader::read(&addresses.kafka, &addresses.registry, ORDER_EVENTS.name, &runtime);
    let lines = tokio::task::spawn_blocking(read).await??;
    let found: Vec<_> = lines.into_iter().filter(|line| line.starts_with(&order)).collect();
    ensure!(found == expected, "found {found:#?}");
    Ok(())
}
