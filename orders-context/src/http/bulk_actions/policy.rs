//! What orders are moved to, as a policy file has it.

use super::super::faults::Faults;
use crate::domain::{FlowVersion, Policy, Terms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A policy with the flow beside it.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Policy)]
pub struct PolicyBody {
    /// Names these times: another number for other times.
    #[schema(value_type = i64, minimum = 1, maximum = 4_294_967_295_i64, example = 2)]
    version: u32,
    /// How long the restaurant may take to answer, in milliseconds from placing, or from a redrive.
    #[schema(minimum = 1, example = 900_000)]
    accept_within_ms: i64,
    /// How long the whole order may take, in milliseconds from placing, or from a redrive.
    #[schema(minimum = 1, example = 7_200_000)]
    complete_within_ms: i64,
    /// When the restaurant is reminded, in milliseconds from the same moment, rising.
    #[schema(example = json!([90_000, 180_000, 480_000]))]
    remind_after_ms: Vec<i64>,
    /// How long telling the customer is worth trying, in milliseconds.
    #[schema(minimum = 1, example = 86_400_000)]
    tell_user_within_ms: i64,
    /// The version of the flow; the newest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    flow: Option<i32>,
}

impl PolicyBody {
    /// The same as `terms`.
    pub fn of(terms: &Terms) -> Self {
        let Policy {
            version,
            accept_within_ms,
            complete_within_ms,
            remind_after_ms,
            tell_user_within_ms,
        } = (*terms.policy).clone();
        Self {
            version,
            accept_within_ms,
            complete_within_ms,
            remind_after_ms,
            tell_user_within_ms,
            flow: Some(terms.flow.number()),
        }
    }

    /// What orders live by under it; `None` if none can, which `faults` tell at `pointer` then.
    pub fn terms(self, pointer: &str, faults: &mut Faults) -> Option<Terms> {
        let flow = self.flow.map_or(Ok(FlowVersion::LATEST), FlowVersion::try_from);
        let policy = Policy {
            version: self.version,
            accept_within_ms: self.accept_within_ms,
            complete_within_ms: self.complete_within_ms,
            remind_after_ms: self.remind_after_ms,
            tell_user_within_ms: self.tell_user_within_ms,
        };
        let problems = policy.problems();
        problems.iter().for_each(|what| faults.at(pointer, *what));
        match flow {
            Ok(flow) if problems.is_empty() => Some(Terms { flow, policy: policy.into() }),
            Ok(_) => None,
            Err(what) => {
                faults.at(format!("{pointer}/flow"), what);
                None
            }
        }
    }
}
