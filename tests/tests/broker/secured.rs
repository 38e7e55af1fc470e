//! A secured broker of a test's own: TLS, SASL/SCRAM and the rights of `schemas/access.txt`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use system_tests::addresses::binaries;
use system_tests::stack::script;

/// What a user connects with, by the name of the setting.
pub type User = BTreeMap<String, String>;

/// The broker; it is gone when this is dropped.
pub struct Secured {
    var: PathBuf,
    port_offset: u16,
}

impl Secured {
    /// In a folder of that name, all ports moved by that. Blocks.
    pub fn start(name: &str, port_offset: u16) -> Result<Self> {
        Self::up(name, port_offset, &["up"])
    }

    /// The same, with a schema registry that is spoken to over TLS. Blocks.
    pub fn start_with_registry(name: &str, port_offset: u16) -> Result<Self> {
        Self::up(name, port_offset, &["up", "registry"])
    }

    fn up(name: &str, port_offset: u16, arguments: &[&str]) -> Result<Self> {
        let binaries = binaries()?;
        let var = binaries.parent().unwrap_or(&binaries).join("stacks").join(name);
        std::fs::create_dir_all(&var)?;
        let secured = Self { var, port_offset };
        secured.deploy(&["clean"])?;
        secured.deploy(arguments)?;
        Ok(secured)
    }

    fn deploy(&self, arguments: &[&str]) -> Result<String> {
        script("secured", &self.var, self.port_offset, arguments, &[])
    }

    /// What that user connects with over that protocol. Blocks.
    pub fn user(&self, name: &str, protocol: &str) -> Result<User> {
        let said = self.deploy(&["user", name, protocol])?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        // A failure shows itself at the next start, which stops what is left.
        let _ = self.deploy(&["clean"]);
    }
}
