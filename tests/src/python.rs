//! Programs of another language and other people's libraries, as witnesses.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::addresses::checkout;

/// Runs `tests/python/SCRIPT` in `var/python` and reads the JSON it prints. Fails with the remedy
/// when the packages are missing. Blocks.
pub fn python(script: &str, arguments: &[&str]) -> Result<Value> {
    let program = checkout().join("var/python/bin/python");
    if !program.exists() {
        bail!("{} is missing. Run: deploy/setup --tests", program.display());
    }
    let output = Command::new(&program)
        .arg(checkout().join("tests/python").join(script))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{script} failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_str(&said).with_context(|| format!("{script} printed no JSON: {said}"))
}
