//! A PostgreSQL beside a stack, through `deploy/postgres`. Who stops the stack afterwards removes it.

use std::path::PathBuf;

use anyhow::Result;

use crate::stack::{Stack, script};

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    var: PathBuf,
    port_offset: u16,
    url: String,
}

impl Postgres {
    /// Starts it without data, on the ports of that stack. Blocks for some seconds.
    pub fn beside(stack: &Stack) -> Result<Self> {
        let (var, port_offset) = (stack.addresses().var.clone(), stack.port_offset());
        let mut server = Self { var, port_offset, url: String::new() };
        server.deploy("clean")?;
        server.url = server.deploy("up")?.trim().to_owned();
        Ok(server)
    }

    /// The database `orders`, with its secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it as a power cut would.
    pub fn crash(&self) -> Result<()> {
        self.deploy("crash").map(drop)
    }

    /// Starts it again and waits until it answers.
    pub fn revive(&self) -> Result<()> {
        self.deploy("up").map(drop)
    }

    fn deploy(&self, command: &str) -> Result<String> {
        script("postgres", &self.var, self.port_offset, &[command], &[])
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A failure shows itself at the next start, which removes what is left.
        let _ = self.deploy("clean");
    }
}
