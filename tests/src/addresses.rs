//! Where the parts of a stack are, as its `stack.env` says.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Nothing listens there: whoever is called there is away.
pub const NOBODY: &str = "127.0.0.1:9";

/// The addresses of one stack.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The stack's folder.
    pub var: PathBuf,
    /// `host:port` of the broker.
    pub kafka: String,
    /// Base of the registry's Confluent-compatible API.
    pub registry: String,
    /// Base of the orders API.
    pub orders: String,
    /// The database of orders, where a test has one of its own.
    pub orders_database: Option<String>,
    /// Base of the promotions API.
    pub promotions: String,
    /// Base of the analytics endpoints.
    pub analytics: String,
    /// The folder or URL of the lake.
    pub lake: String,
    /// Where orders hands in its mail: `smtp://host:port`.
    pub smtp: String,
    /// Where mail can be read.
    pub mail: String,
    /// The file of the key that tokens of this stack are signed with.
    pub token_key: PathBuf,
}

impl Addresses {
    /// The stack in that folder; it need not run.
    pub fn of(var: &Path) -> Result<Self> {
        let file = var.join("stack.env");
        let text = fs::read_to_string(&file).with_context(|| {
            format!("{} cannot be read: is the stack up? (make up)", file.display())
        })?;
        let pairs: HashMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once('=')).collect();
        let get = |name: &str| {
            let value = pairs.get(name).map(|value| (*value).to_owned());
            value.with_context(|| format!("{} does not name {name}", file.display()))
        };
        Ok(Self {
            var: var.to_owned(),
            kafka: get("KAFKA_BOOTSTRAP")?,
            registry: get("SCHEMA_REGISTRY_URL")?,
            orders: get("ORDERS_URL")?,
            orders_database: None,
            promotions: get("PROMOTIONS_URL")?,
            analytics: get("ANALYTICS_URL")?,
            lake: get("LAKE_URI")?,
            smtp: get("SMTP_URL")?,
            mail: get("MAIL_URL")?,
            token_key: PathBuf::from(get("TOKEN_LOCAL_KEY")?),
        })
    }

    /// The stack that `TAKEAWAY_VAR` names, else the one of `make up`.
    pub fn of_environment() -> Result<Self> {
        let var = env::var_os("TAKEAWAY_VAR").map_or_else(|| PathBuf::from("var"), PathBuf::from);
        Self::of(&var)
    }
}

/// The folder of the binaries that this program was built with.
pub fn binaries() -> Result<PathBuf> {
    let own = env::current_exe().context("the path of this program is not known")?;
    let folder = own.parent().context("this program lies in no folder")?;
    // Test binaries lie one below the others.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// The root of the checkout.
pub fn checkout() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}
