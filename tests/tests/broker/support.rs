//! The stack that all tests of this program share: broker and registry, and what they need to know.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, anyhow};
use chassis::kafka::{Incoming, KafkaConfig};
use schemas::RegistryClient;
use system_tests::{
    addresses::Addresses, eventually::eventually, kit::Kit, stack::Stack, topic::records,
};
use tokio::sync::OnceCell;

/// How long anything may take before it counts as missing.
const LIMIT: Duration = Duration::from_secs(60);

/// The parts these tests use.
const PARTS: &[&str] = &["kafka", "registry"];

static STACK: OnceLock<Result<Stack, String>> = OnceLock::new();
static PREPARED: OnceCell<Vec<&str>> = OnceCell::const_new();

/// Where the parts are, once they are ready.
pub async fn addresses() -> Result<&'static Addresses> {
    let start = || {
        STACK.get_or_init(|| {
            Stack::start_parts("broker", 16_000, PARTS).map_err(|error| format!("{error:#}"))
        })
    };
    let started = tokio::task::spawn_blocking(start).await?;
    let stack = started.as_ref().map_err(|cause| anyhow!("the stack does not start: {cause}"))?;
    Ok(stack.addresses())
}

/// A client of the broker.
pub fn kafka(addresses: &Addresses) -> KafkaConfig {
    KafkaConfig::named(&addresses.kafka, "contract-tests")
}

/// A kit whose topics and schemas are there.
pub async fn kit(addresses: &Addresses) -> Result<Kit> {
    let kit = Kit::new(kafka(addresses), RegistryClient::new(&addresses.registry)?);
    PREPARED.get_or_try_init(|| kit.prepare()).await?;
    Ok(kit)
}

/// The messages of a topic that `keep` keeps, once there are `count`: a reader sees a transaction
/// a moment after its commit.
pub async fn arrived<F>(
    addresses: &Addresses,
    topic: &str,
    count: usize,
    keep: F,
) -> Result<Vec<Incoming>>
where
    F: Fn(&Incoming) -> bool + Clone + Send + 'static,
{
    eventually(&format!("{count} messages on {topic}"), LIMIT, async || {
        let found = records(&addresses.kafka, topic, keep.clone()).await?;
        Ok((found.len() >= count).then_some(found))
    })
    .await
}

/// Those with that key.
pub async fn arrived_of(
    addresses: &Addresses,
    topic: &str,
    key: &str,
    count: usize,
) -> Result<Vec<Incoming>> {
    let key = key.as_bytes().to_vec();
    arrived(addresses, topic, count, move |record| record.key.as_deref() == Some(&key)).await
}
