//! Deployment: the shipped schemas of one context, brought to the registry.

use super::{RegistryClient, RegistryError};
use crate::topics::{Owner, owned_by};

/// What became of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new to the registry.
    Registered,
    /// The registry had it already.
    Unchanged,
}

/// One version of one subject, as the registry has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// `<topic>-value`.
    pub subject: &'static str,
    /// The shipped version, from 1.
    pub version: usize,
    /// The id under which the registry has it.
    pub id: u32,
    /// Whether it was there before.
    pub outcome: Outcome,
}

/// Brings every shipped version of the owner's subjects to the registry, in order. Can be repeated at will;
/// once it returns, each subject is `FULL_TRANSITIVE` and knows every version.
pub async fn apply(registry: &RegistryClient, owner: Owner) -> Result<Vec<Applied>, RegistryError> {
    let mut applied = Vec::new();
    for subject in owned_by(owner).filter_map(|topic| topic.subject) {
        registry.set_full_transitive(subject.name).await?;
        for (schema, version) in subject.versions.iter().zip(1..) {
            let (id, outcome) = match registry.id_of(subject.name, schema).await {
                Ok(known) => (known.id, Outcome::Unchanged),
                Err(RegistryError::NotFound { .. }) => {
                    (registry.register(subject.name, schema).await?, Outcome::Registered)
                }
                Err(error) => return Err(error),
            };
            tracing::info!(subject = subject.name, version, id, ?outcome, "schema applied");
            applied.push(Applied { subject: subject.name, version, id, outcome });
        }
    }
    Ok(applied)
}
