//! Programs for Node and other people's npm packages, as witnesses.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::addresses::checkout;

/// Node with the packages of `tests/node`, about to run that script. Fails with the remedy when
/// they are missing.
pub fn node(script: &Path) -> Result<Command> {
    let packages = checkout().join("var/node/node_modules");
    if !packages.exists() {
        bail!("{} is missing. Run: deploy/setup --tests", packages.display());
    }
    let mut command = Command::new("node");
    command.arg(script).env("NODE_PATH", packages).stdin(Stdio::null());
    Ok(command)
}

/// What AsyncAPI's own tools say of that document. Blocks.
pub fn check_asyncapi(document: &Path) -> Result<Value> {
    let script = checkout().join("tests/node/check_asyncapi.cjs");
    let output = node(&script)?.arg(document).output().context("node does not start")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("check_asyncapi.cjs failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_str(&said).with_context(|| format!("it printed no JSON: {said}"))
}
