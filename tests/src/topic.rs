//! What is on a topic, as a reader under `read_committed` sees it.

use anyhow::{Context, Result};
use chassis::kafka::{
    Incoming, KafkaConfig,
    scan::{Isolation, scan},
};

/// One message, without its body: key and headers say what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The aggregate's id; empty when the message has no key.
    pub key: String,
    /// `order_placed`, from the header `ce_type`; empty when it has none.
    pub event_type: String,
    /// From the header `ce_sequence`.
    pub sequence: Option<u64>,
    /// All headers in their order.
    pub headers: Vec<(String, String)>,
}

impl Fact {
    /// The value of that header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl From<Incoming> for Fact {
    fn from(record: Incoming) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let header = |name: &str| {
            headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
        };
        let event_type = header("ce_type").and_then(|long| long.split('.').nth(2));
        Self {
            topic: record.topic.to_string(),
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms.unwrap_or_default(),
            key: text(record.key.as_deref().unwrap_or_default()),
            event_type: event_type.unwrap_or_default().to_owned(),
            sequence: header("ce_sequence").and_then(|digits| digits.parse().ok()),
            headers,
        }
    }
}

/// Everything on that topic now that `keep` keeps, by partition and offset.
pub async fn facts<F>(kafka: &str, topic: &str, keep: F) -> Result<Vec<Fact>>
where
    F: Fn(&Incoming) -> bool + Send + 'static,
{
    let records = records(kafka, topic, keep).await?;
    Ok(records.into_iter().map(Fact::from).collect())
}

/// The same as they are, bytes included.
pub async fn records<F>(kafka: &str, topic: &str, keep: F) -> Result<Vec<Incoming>>
where
    F: Fn(&Incoming) -> bool + Send + 'static,
{
    let config = KafkaConfig::named(kafka, "system-tests");
    let name = topic.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut records = Vec::new();
        scan(&config, &name, Isolation::Committed, |record| {
            if keep(&record) {
                records.push(record);
            }
            Ok(())
        })?;
        anyhow::Ok(records)
    });
    let mut records = read.await?.with_context(|| format!("{topic} cannot be read"))?;
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}

/// Everything about one aggregate, in order.
pub async fn facts_of(kafka: &str, topic: &str, key: &str) -> Result<Vec<Fact>> {
    let key = key.as_bytes().to_vec();
    facts(kafka, topic, move |record| record.key.as_deref() == Some(&key)).await
}
