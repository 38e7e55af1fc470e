//! The subcommands of the contexts, for example `orders verify`, run against a stack.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::addresses::{Addresses, binaries, checkout};

/// Starts it, with what it prints going nowhere.
pub fn start(addresses: &Addresses, context: &str, arguments: &[&str]) -> Result<Child> {
    let program = binaries()?.join(context);
    Command::new(&program)
        .args(arguments)
        .envs(settings(addresses)?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} does not start", program.display()))
}

/// Runs it and returns what it printed; anything but exit code 0 is a failure that shows all it
/// said. Blocks.
pub fn run(addresses: &Addresses, context: &str, arguments: &[&str]) -> Result<String> {
    let program = binaries()?.join(context);
    let output = Command::new(&program)
        .args(arguments)
        .envs(settings(addresses)?)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let cause = String::from_utf8_lossy(&output.stderr);
        let line = arguments.join(" ");
        bail!("`{context} {line}` ended with {}:\n{said}\n{cause}", output.status);
    }
    Ok(said)
}

/// Where the orders of the stack are: `deploy/instances` moves them.
fn orders_database(addresses: &Addresses) -> Result<String> {
    if !addresses.var.join("orders.instances").exists() {
        return Ok(format!("sqlite:{}/orders.db", addresses.var.display()));
    }
    let url = Command::new(checkout().join("deploy/postgres"))
        .arg("url")
        .env("TAKEAWAY_VAR", &addresses.var)
        .output()
        .context("deploy/postgres does not start")?;
    Ok(String::from_utf8(url.stdout)?.trim().to_owned())
}

/// What every process of a context is told.
pub fn settings(addresses: &Addresses) -> Result<[(&'static str, String); 9]> {
    let database = match &addresses.orders_database {
        Some(url) => url.clone(),
        None => orders_database(addresses)?,
    };
    let var = addresses.var.display();
    Ok([
        ("KAFKA_BOOTSTRAP", addresses.kafka.clone()),
        ("SCHEMA_REGISTRY_URL", addresses.registry.clone()),
        ("LAKE_URI", addresses.lake.clone()),
        ("SMTP_URL", addresses.smtp.clone()),
        ("ORDERS_DATABASE_URL", database),
        ("PROMOTIONS_DATABASE_URL", format!("sqlite:{var}/promotions.db")),
        ("PROMOTIONS_CODE_KEY_FILE", format!("{var}/promotions.key")),
        ("TOKEN_LOCAL_KEY", addresses.token_key.display().to_string()),
        ("RUST_LOG", "warn".to_owned()),
    ])
}
