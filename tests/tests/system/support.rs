//! The stack that all tests of this program share.

use std::{sync::OnceLock, time::Duration};

use anyhow::{Result, anyhow};
use system_tests::{addresses::Addresses, api::Api, stack::Stack};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long anything may take before it counts as missing. Generous: a build server is slow, and
/// nothing waits longer than it must.
pub const LIMIT: Duration = Duration::from_secs(60);

static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
static PARTS: RwLock<()> = RwLock::const_new(());

/// The stack, which stays as it is while this is held.
pub struct Shared {
    /// The stack.
    pub stack: &'static Stack,
    /// A client of it.
    pub api: Api,
    _parts: RwLockReadGuard<'static, ()>,
}

impl Shared {
    /// Where its parts are.
    pub fn addresses(&self) -> &'static Addresses {
        self.stack.addresses()
    }
}

/// The stack, for a test that leaves its parts alone.
pub async fn shared() -> Result<Shared> {
    let parts = PARTS.read().await;
    let stack = stack().await?;
    let addresses = stack.addresses();
    let api = Api::of(addresses)?;
    Ok(Shared { stack, api, _parts: parts })
}

/// The stack, for a test that stops parts of it: no other test runs while this is held.
pub async fn alone() -> Result<(&'static Stack, RwLockWriteGuard<'static, ()>)> {
    let parts = PARTS.write().await;
    Ok((stack().await?, parts))
}

async fn stack() -> Result<&'static Stack> {
    let start = || {
        STACK.get_or_init(|| Stack::start("system", 11_000).map_err(|error| format!("{error:#}")))
    };
    let started = tokio::task::spawn_blocking(start).await?;
    started.as_ref().map_err(|cause| anyhow!("the stack does not start: {cause}"))
}
