//! The Rust of the integration guide, word for word.

use anyhow::Result;
use chassis::kafka::KafkaConfig;
use chassis::kafka::scan::{Isolation, scan};
use schemas::{DecodeError, Decoder, OrderEvent, RegistryClient};
use tokio::runtime::Handle;

/// Blocks: reading Kafka belongs on a thread of its own.
pub fn read(kafka: &str, registry: &str, topic: &str, runtime: &Handle) -> Result<Vec<String>> {
    let kafka = KafkaConfig::named(kafka, "your-team");
    let registry = RegistryClient::new(registry)?;
    let mut decoder = Decoder::<OrderEvent>::new();
    let mut lines = Vec::new();
    scan(&kafka, topic, Isolation::Committed, |record| {
        let message = record.payload.unwrap_or_default();
        let event = match decoder.decode(&message) {
            Err(DecodeError::UnknownSchema(id)) => {
                decoder.add(id, &runtime.block_on(registry.schema_by_id(id))?)?;
                decoder.decode(&message)?
            }
            other => other?,
        };
        let event_type = event.fact.event_type();
        lines.push(format!("{} {} {event_type}", event.order_id, event.sequence));
        Ok(())
    })?;
    Ok(lines)
}
