//! Programs of another language and other people's libraries, as witnesses.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::addresses::checkout;

/// Runs `tests/python/SCRIPT` in `var/python` and reads the JSON it prints. Fails with the remedy
/// when the packages are missing. Blocks.
pub fn python(script: &str, arguments: &[&str]) -> Result<Value> {
    let run = command(script)?.args(arguments).stdin(Stdio::null()).output();
    let output = run.with_context(|| format!("{script} does not start"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("{script} failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_str(&said).with_context(|| format!("{script} printed no JSON: {said}"))
}

fn command(script: &str) -> Result<Command> {
    let program = checkout().join("var/python/bin/python");
    ensure!(program.exists(), "{} is missing. Run: deploy/setup --tests", program.display());
    let mut command = Command::new(program);
    command.arg(checkout().join("tests/python").join(script));
    Ok(command)
}

/// A script in `tests/python` that serves until this is dropped.
#[derive(Debug)]
pub struct PythonServer(Child);

impl PythonServer {
    /// Starts `tests/python/SCRIPT` in `var/python`; its first line, by which it says that it serves, and whatever else
    /// it prints. Blocks until then. Fails with the remedy when the packages are missing.
    pub fn start(
        script: &str,
        arguments: &[&Path],
    ) -> Result<(Self, String, BufReader<ChildStdout>)> {
        let mut command = command(script)?;
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let process = command.spawn().with_context(|| format!("{script} does not start"))?;
        let mut server = Self(process);
        let mut said = BufReader::new(server.0.stdout.take().context("it says nothing")?);
        let mut first = String::new();
        said.read_line(&mut first)?;
        ensure!(!first.is_empty(), "{script} ended at once. Run: deploy/setup --tests");
        Ok((server, first.trim().to_owned(), said))
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
