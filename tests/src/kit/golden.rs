//! The golden records, as messages.

use anyhow::{Context, Result};
use schemas::golden::{GOLDEN, Golden};
use schemas::registry::RegistryClient;
use serde_json::Value;

use super::Message;
use super::play::message;

/// Those of `version`, or of each topic's latest.
pub(super) async fn messages(
    registry: &RegistryClient,
    version: Option<usize>,
) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    for golden in GOLDEN.iter().filter(|golden| is_wanted(golden, version)) {
        let subject = golden.topic.subject.context("a golden record has a schema")?;
        let known = registry.id_of(subject.name, golden.schema()).await?;
        let (key, headers) = golden.key_and_headers()?;
        let record: Value = serde_json::from_str(golden.json)?;
        messages.push(message(golden.topic, key, &headers, golden.framed(known.id), &record));
    }
    Ok(messages)
}

fn is_wanted(golden: &Golden, version: Option<usize>) -> bool {
    let latest = golden.topic.subject.map_or(0, |subject| subject.versions.len());
    golden.version == version.unwrap_or(latest)
}
