//! What an order lives by: a version of the flow and a policy.

use super::{Fixed, FlowVersion, Policy};
use serde::{Deserialize, Serialize};

/// The flow and the policy of an order, from its placing until an operator moves it to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The table of its moves.
    pub flow: FlowVersion,
    /// Its times.
    pub policy: Fixed<Policy>,
}

impl Terms {
    /// The newest flow with the standard times.
    #[must_use]
    pub fn standard() -> Self {
        Policy::standard().into()
    }
}

impl From<Policy> for Terms {
    fn from(policy: Policy) -> Self {
        Self { flow: FlowVersion::LATEST, policy: policy.into() }
    }
}
