//! Schemathesis, which nobody here wrote, asks for everything the served document promises and for
//! what it forbids, once as each role.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use system_tests::addresses::checkout;
use tokio::task::JoinSet;

use super::served::Served;

fn ask_everything(url: &str, token: &str) -> Result<()> {
    // What it notes for its next run is not wanted.
    let folder = tempfile::tempdir()?;
    let program = checkout().join("var/python/bin/schemathesis");
    ensure!(program.exists(), "{} is missing. Run: deploy/setup --tests", program.display());
    let config = checkout().join("tests/python/schemathesis.toml");
    let output = Command::new(program)
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("{url}/openapi.json"), "--checks", "all", "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let tail: Vec<&str> = said.lines().collect();
    let shown = tail[tail.len().saturating_sub(400)..].join("\n");
    ensure!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains("Stateful"), "not every phase was run:\n{shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_gets_what_the_document_promises() -> Result<()> {
    // A stream is read to its end: let it come soon.
    let settings = [("ORDERS_WEBHOOK_ALLOW_PRIVATE", "false"), ("ORDERS_STREAM_MS", "20")];
    let served = Served::start(&settings).await?;
    let tokens = &served.tokens;
    let ada = tokens.customer("c-1815")?;
    let mut asking = JoinSet::new();
    for token in [ada.clone(), tokens.restaurant("nino")?, tokens.operator()?, tokens.service()?] {
        // Something to find and to decide about.
        served.place("c-1815", &format!("\"{}\"", &token[token.len() - 8..])).await?;
        let url = served.url.clone();
        asking.spawn_blocking(move || ask_everything(&url, &token));
    }
    let answered = asking.join_all().await.into_iter();
    let wrong: Vec<String> =
        answered.filter_map(Result::err).map(|error| error.to_string()).collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
