//! A consumer's test kit: golden records and whole stories, put onto any broker and registry, so that other
//! teams can test their readers without us. What it publishes is real in form and made up in content.

mod golden;
mod play;
mod stories;

use anyhow::{Context, Result, bail};
use chassis::kafka::admin::{Applied, Partitioning, TopicSpec, apply_topics};
use chassis::kafka::relay::publish_once;
use chassis::kafka::{KafkaConfig, Outgoing};
use schemas::catalogue::CHAPTERS;
use schemas::registry::{RegistryClient, apply};
use schemas::topics::{Owner, Topic};
use serde::Serialize;
use uuid::Uuid;

pub use stories::Story;

/// Where the kit publishes.
#[derive(Clone, Debug)]
pub struct Kit {
    kafka: KafkaConfig,
    registry: RegistryClient,
    /// Names this kit to Kafka: two of one name would fence each other.
    producer: String,
}

/// One message that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// Its key: the id of the order or voucher.
    pub key: String,
    /// What happened.
    pub event_type: String,
    /// Place in the history of its key.
    pub sequence: i64,
    /// Id of the event.
    pub event_id: String,
}

/// One message to be published, and what to say of it.
struct Message {
    row: Outgoing,
    published: Published,
}

impl Kit {
    /// A kit for that broker and that registry. Connects to nothing yet.
    #[must_use]
    pub fn new(kafka: KafkaConfig, registry: RegistryClient) -> Self {
        let producer = format!("takeaway-kit-{}", Uuid::now_v7());
        Self { kafka, registry, producer }
    }

    /// Makes the topics that others read, as they are declared, and registers every shipped
    /// schema. Safe to repeat; the names of the topics.
    ///
    /// # Errors
    /// When broker or registry cannot be reached, or a topic is there with other partitions.
    pub async fn prepare(&self) -> Result<Vec<&'static str>> {
        let topics: Vec<&Topic> = CHAPTERS.iter().map(|chapter| chapter.topic).collect();
        let spec = |topic: &&Topic| TopicSpec {
            name: topic.name.to_owned(),
            partitions: topic.partitions,
            partitioning: Partitioning::ByKey,
            config: topic
                .config()
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        };
        let specs: Vec<TopicSpec> = topics.iter().map(spec).collect();
        for (name, applied) in apply_topics(&self.kafka, &specs).await? {
            if let Applied::Refused { reason } = applied {
                bail!("{name}: {reason}");
            }
        }
        for owner in Owner::ALL {
            apply(&self.registry, *owner).await?;
        }
        Ok(topics.into_iter().map(|topic| topic.name).collect())
    }

    /// Publishes the golden records of one version of every topic, or of the latest.
    ///
    /// # Errors
    /// When broker or registry cannot be reached, or no topic has that version.
    pub async fn golden(&self, version: Option<usize>) -> Result<Vec<Published>> {
        let messages = golden::messages(&self.registry, version).await?;
        if messages.is_empty() {
            bail!("no topic has a version {}", version.unwrap_or_default());
        }
        self.publish(messages).await
    }

    /// Plays a story of a new order, told as if it had just come to its end.
    ///
    /// # Errors
    /// When broker or registry cannot be reached.
    pub async fn play(&self, story: Story) -> Result<Vec<Published>> {
        self.publish(play::messages(&self.registry, story).await?).await
    }

    /// All of it in one transaction.
    async fn publish(&self, messages: Vec<Message>) -> Result<Vec<Published>> {
        let (mut rows, published): (Vec<_>, Vec<_>) =
            messages.into_iter().map(|message| (message.row, message.published)).unzip();
        for (row, position) in rows.iter_mut().zip(1..) {
            row.position = position;
        }
        let (kafka, producer) = (self.kafka.clone(), self.producer.clone());
        let sent = tokio::task::spawn_blocking(move || publish_once(&kafka, &producer, &rows));
        sent.await?.context("not published (are the topics there? takeaway-kit prepare)")?;
        Ok(published)
    }
}
