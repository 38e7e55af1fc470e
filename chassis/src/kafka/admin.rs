//! Topics: made and configured as declared, never deleted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::admission::refusal;
use super::context::Plain;
use super::refusal::explained;
use super::settings::{KafkaConfig, admin_config};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(15);

/// How soon the cluster is asked again where another process was sooner.
const GLANCE: Duration = Duration::from_millis(50);

/// A topic as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: i32,
    /// What a record's partition rests on.
    pub partitioning: Partitioning,
    /// Its settings, such as `("cleanup.policy", "compact")`.
    pub config: Vec<(String, String)>,
}

/// What the partition of a record rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// Its key: the number of partitions never changes, for the order per key rests on it.
    ByKey,
    /// Its writer, who names it: partitions may be added.
    ByNumber,
}

/// What became of a declared topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It did not exist.
    Created,
    /// It is as declared.
    Unchanged,
    /// It had fewer partitions.
    Grown {
        /// So many.
        from: i32,
    },
    /// These settings had other values.
    Changed {
        /// Each setting with its old and its new value.
        settings: Vec<(String, String, String)>,
    },
    /// It differs in something that is never changed.
    Refused {
        /// What differs and what to do.
        reason: String,
    },
}

/// Makes the topics that are missing and sets what differs; with three brokers or more each topic
/// has three replicas, of which two must have a record before it counts. Settings that are not
/// declared stay as they are. Several processes may do it at once: what another has made is taken as it is.
///
/// # Errors
///
/// When Kafka cannot be reached or refuses a request. What was applied before stays.
pub async fn apply_topics(
    kafka: &KafkaConfig,
    topics: &[TopicSpec],
) -> anyhow::Result<Vec<(String, Applied)>> {
    let (mut client, mut cluster) = ask(kafka, Cluster::ask).await?;
    let mut applied = Vec::with_capacity(topics.len());
    for topic in topics {
        let begun = Instant::now();
        let outcome = loop {
            match apply(&client, &cluster, topic).await {
                Err(cause) if is_overtaken(&cause) && begun.elapsed() < REQUEST => {
                    tokio::time::sleep(GLANCE).await;
                    (client, cluster) = ask(kafka, Cluster::ask).await?;
                }
                outcome => break outcome.with_context(|| format!("topic {}", topic.name))?,
            }
        };
        applied.push((topic.name.clone(), outcome));
    }
    Ok(applied)
}

/// Makes one topic as declared, going by what `cluster` is known to have.
async fn apply(
    client: &AdminClient<Plain>,
    cluster: &Cluster,
    topic: &TopicSpec,
) -> anyhow::Result<Applied> {
    match cluster.topics.iter().find(|known| known.name == topic.name) {
        None => create(client, topic, cluster.brokers.clamp(1, 3)).await,
        Some(known) if known.may_grow_to(topic) => grow(client, topic, known.partitions).await,
        Some(known) if known.partitions != topic.partitions => Ok(Applied::Refused {
            reason: format!(
                "it has {} partitions, declared are {}: keys would move to other partitions \
                 and lose their order; declare a new topic instead",
                known.partitions, topic.partitions
            ),
        }),
        Some(known) => configure(client, topic, known.replicas).await,
    }
}

/// Whether another process may have made it, or added its partitions, since the cluster was asked.
fn is_overtaken(cause: &anyhow::Error) -> bool {
    use RDKafkaErrorCode::{InvalidPartitions, TopicAlreadyExists};
    let code = cause.downcast_ref::<KafkaError>().and_then(KafkaError::rdkafka_error_code);
    matches!(code, Some(TopicAlreadyExists | InvalidPartitions))
}

/// A name for the cluster that no other has: positions of another cluster mean nothing in it.
///
/// # Errors
///
/// When Kafka cannot be reached.
pub async fn cluster_id(kafka: &KafkaConfig) -> anyhow::Result<String> {
    let id = |client: &AdminClient<Plain>| {
        client.inner().fetch_cluster_id(REQUEST).context("it does not tell its id")
    };
    Ok(ask(kafka, id).await?.1)
}

/// What a new client is answered, and the client. Where Kafka does not let it in, that is said at once and
/// with the remedy, which the client itself would not be told before its time is over.
async fn ask<T: Send + 'static>(
    kafka: &KafkaConfig,
    question: impl FnOnce(&AdminClient<Plain>) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<(AdminClient<Plain>, T)> {
    let client: AdminClient<Plain> = admin_config(kafka).create_with_context(Plain::default())?;
    let asked = kafka.clone();
    let refused = move || refusal(&asked).map(|why| anyhow!(why));
    let answer = tokio::task::spawn_blocking(move || {
        if let Some(why) = refused() {
            return Err(why);
        }
        // A Kafka that is slow may refuse later than that.
        let answer = question(&client).map_err(|cause| refused().unwrap_or(cause))?;
        Ok((client, answer))
    });
    answer.await?.with_context(|| format!("Kafka cannot be reached at {}", kafka.bootstrap))
}

/// What there is.
struct Cluster {
    brokers: i32,
    topics: Vec<Known>,
}

struct Known {
    name: String,
    partitions: i32,
    replicas: i32,
}

impl Known {
    fn may_grow_to(&self, topic: &TopicSpec) -> bool {
        topic.partitioning == Partitioning::ByNumber && self.partitions < topic.partitions
    }
}

impl Cluster {
    fn ask(client: &AdminClient<Plain>) -> anyhow::Result<Self> {
        let metadata = client.inner().fetch_metadata(None, REQUEST)?;
        let topics = metadata.topics().iter().map(|topic| {
            let replicas = topic.partitions().first().map_or(0, |first| first.replicas().len());
            Ok(Known {
                name: topic.name().to_string(),
                partitions: i32::try_from(topic.partitions().len())?,
                replicas: i32::try_from(replicas)?,
            })
        });
        Ok(Self {
            brokers: i32::try_from(metadata.brokers().len())?,
            topics: topics.collect::<anyhow::Result<_>>()?,
        })
    }
}

/// The declared settings, and how many replicas must have a record before it counts.
fn settings(topic: &TopicSpec, replicas: i32) -> Vec<(&str, &str)> {
    let mut settings: Vec<(&str, &str)> =
        topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if replicas >= 3 {
        settings.push(("min.insync.replicas", "2"));
    }
    settings
}

fn options() -> AdminOptions {
    // The second one lets the answer wait until the brokers know the topic.
    AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST))
}

fn refused(code: RDKafkaErrorCode) -> anyhow::Error {
    explained(KafkaError::Global(code))
}

async fn create(
    client: &AdminClient<Plain>,
    topic: &TopicSpec,
    replicas: i32,
) -> anyhow::Result<Applied> {
    let mut new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(replicas));
    for (name, value) in settings(topic, replicas) {
        new = new.set(name, value);
    }
    let results = client.create_topics([&new], &options()).await?;
    match results.into_iter().next() {
        Some(Ok(_)) => Ok(Applied::Created),
        Some(Err((_, code))) => Err(refused(code).context("Kafka refused to make it")),
        None => Err(anyhow!("Kafka did not answer for it")),
    }
}

async fn grow(
    client: &AdminClient<Plain>,
    topic: &TopicSpec,
    from: i32,
) -> anyhow::Result<Applied> {
    let count = usize::try_from(topic.partitions)?;
    let results =
        client.create_partitions([&NewPartitions::new(&topic.name, count)], &options()).await?;
    match results.into_iter().next() {
        Some(Ok(_)) => Ok(Applied::Grown { from }),
        Some(Err((_, code))) => Err(refused(code).context("Kafka refused to add partitions")),
        None => Err(anyhow!("Kafka did not answer for its partitions")),
    }
}

async fn configure(
    client: &AdminClient<Plain>,
    topic: &TopicSpec,
    replicas: i32,
) -> anyhow::Result<Applied> {
    let resource = ResourceSpecifier::Topic(&topic.name);
    let described = client.describe_configs([&resource], &options()).await?;
    let current = described.into_iter().next().context("Kafka did not describe it")??;
    let changed: Vec<(String, String, String)> = settings(topic, replicas)
        .into_iter()
        .filter_map(|(name, value)| {
            let old = current.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
            (old != value).then(|| (name.to_string(), old, value.to_string()))
        })
        .collect();
    if changed.is_empty() {
        return Ok(Applied::Unchanged);
    }
    alter(client, &resource, &current, &changed).await?;
    Ok(Applied::Changed { settings: changed })
}

/// Sets `changed`. The request replaces all settings of the topic, so those it has are repeated.
async fn alter(
    client: &AdminClient<Plain>,
    resource: &ResourceSpecifier<'_>,
    current: &ConfigResource,
    changed: &[(String, String, String)],
) -> anyhow::Result<()> {
    let mut alter = AlterConfig::new(*resource);
    for entry in &current.entries {
        let is_own = entry.source == ConfigSource::DynamicTopic;
        let is_changed = changed.iter().any(|(name, _, _)| *name == entry.name);
        if let (true, false, Some(value)) = (is_own, is_changed, &entry.value) {
            alter = alter.set(&entry.name, value);
        }
    }
    for (name, _, new) in changed {
        alter = alter.set(name, new);
    }
    let results = client.alter_configs([&alter], &options()).await?;
    match results.into_iter().next() {
        Some(Ok(_)) => Ok(()),
        Some(Err((_, code))) => Err(refused(code).context("Kafka refused its settings")),
        None => Err(anyhow!("Kafka did not answer for its settings")),
    }
}
