//! What is done before the first start: topics and schemas are brought to where they are served.
//! Results go to the standard output, one line each.

use std::process::ExitCode;

use chassis::kafka::KafkaConfig;
use chassis::kafka::admin::{self, Applied, Partitioning, TopicSpec};
use schemas::registry::{self, Outcome};
use schemas::topics::{Owner, owned_by};
use schemas::{RegistryAddress, RegistryClient, Topic};

/// Creates the topics that promotions writes, and corrects their settings. Fails if one differs in
/// what cannot be changed.
///
/// # Errors
/// Kafka cannot be asked.
pub async fn apply_topics(kafka: &KafkaConfig) -> anyhow::Result<ExitCode> {
    let specs: Vec<TopicSpec> = owned_by(Owner::Promotions).map(spec).collect();
    let mut code = ExitCode::SUCCESS;
    for (topic, applied) in admin::apply_topics(kafka, &specs).await? {
        match applied {
            Applied::Created => println!("{topic}: created"),
            Applied::Unchanged => println!("{topic}: unchanged"),
            Applied::Grown { from } => println!("{topic}: more partitions than {from}"),
            Applied::Changed { settings } => {
                for (name, before, after) in settings {
                    println!("{topic}: {name} changed from {before} to {after}");
                }
            }
            Applied::Refused { reason } => {
                println!("{topic}: refused: {reason}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Registers the schemas of the events that promotions writes.
///
/// # Errors
/// The registry cannot be asked, or refuses a schema.
pub async fn apply_schemas(registry: &RegistryAddress) -> anyhow::Result<ExitCode> {
    let registry = RegistryClient::at(registry)?;
    for one in registry::apply(&registry, Owner::Promotions).await? {
        let outcome = match one.outcome {
            Outcome::Registered => "registered",
            Outcome::Unchanged => "unchanged",
        };
        println!("{} version {}: {outcome}, id {}", one.subject, one.version, one.id);
    }
    Ok(ExitCode::SUCCESS)
}

fn spec(topic: &Topic) -> TopicSpec {
    let config = topic.config().into_iter();
    TopicSpec {
        name: topic.name.to_owned(),
        partitions: topic.partitions,
        partitioning: Partitioning::ByKey,
        config: config.map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}
