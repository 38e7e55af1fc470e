//! What is asked for: an action, and the orders it is for.

use super::super::faults::{Faults, REASON_CODE_RULE, is_reason_code};
use super::super::operate_order::DeadlineWord;
use super::super::principal::Principal;
use super::super::problem::Answer;
use super::policy::PolicyBody;
use crate::app::{BulkWanted, OrdersFilter, TaskCondition};
use crate::domain::{Action, FlowVersion, Status, Terms, Timestamp, Until};
use chassis::clock::parse_rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DEFAULT_RATE: u32 = 50;
const MAX_RATE: u32 = 1_000;

const MOMENT_RULE: &str = "must be a moment in RFC 3339, like 2026-11-23T20:45:00Z";

/// One action on many orders.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody {
    /// Why, in the operator's words, which name nobody. It is kept in the history of every order,
    /// for operators and services, and published nowhere.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "The kitchens of the harbour have no power",
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    reason: String,
    /// What is done to each order.
    action: ActionBody,
    /// Which orders: those for which everything holds that is given. Something must be.
    filter: FilterBody,
    /// How many orders a second are taken at most; 50 when absent.
    #[schema(minimum = 1, maximum = 1000)]
    per_second: Option<u32>,
    /// Whether only to say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is done to an order.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionBody {
    /// Set going again what expired or timed out.
    Redrive {},
    /// Have the task that was given up tried again.
    RedriveTask {},
    /// Have what waits for its next attempt tried at once.
    RetryNow {},
    /// Give more time: up to a moment, or so many milliseconds more. One of the two.
    Extend {
        /// Which deadline moves.
        deadline: DeadlineWord,
        /// The moment it is moved to.
        #[schema(format = DateTime)]
        to: Option<String>,
        /// How much later it is than it was.
        #[schema(minimum = 1)]
        by_ms: Option<i64>,
    },
    /// Call off.
    Cancel {
        /// A code, never a person's words.
        #[schema(pattern = "^[a-z][a-z_]{1,39}$", example = "restaurant_closed")]
        reason: String,
    },
    /// Move to another flow, another policy, or both.
    Migrate {
        /// What the orders live by from then on, as a policy file has it.
        policy: PolicyBody,
    },
}

/// Which orders, as in the listing of orders.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterBody {
    /// Those in one of these statuses; in any, when empty.
    #[schema(value_type = Vec<String>, example = json!(["placed", "notified"]))]
    status: Vec<Status>,
    /// Those of this restaurant.
    restaurant_id: Option<String>,
    /// Those of this customer.
    customer_id: Option<String>,
    /// Those placed at this moment or later.
    #[schema(format = DateTime)]
    placed_from: Option<String>,
    /// Those placed before this moment.
    #[schema(format = DateTime)]
    placed_before: Option<String>,
    /// Those not at rest and in their status for so many milliseconds or longer when the bulk action
    /// is started.
    #[schema(minimum = 0)]
    age_ms: Option<i64>,
    /// Those not at rest and whose deadline comes within so many milliseconds of the start.
    #[schema(minimum = 0)]
    deadline_within_ms: Option<i64>,
    /// Those with a task that is `open`, `retrying` or `given_up`.
    #[schema(value_type = Option<String>, example = "given_up")]
    task: Option<TaskCondition>,
    /// Those with a task that is not done and whose last attempt failed with this code.
    #[schema(example = "http_503")]
    last_error: Option<String>,
    /// Those that follow this flow.
    #[schema(minimum = 1, example = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_version: Option<i32>,
    /// `true`: those not at rest and longer in their status, when the bulk action is started, than 99 of
    /// 100 orders that have left it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stuck: bool,
}

impl BulkBody {
    /// The same for requests that ask for the same.
    pub fn canonical(&self) -> Vec<u8> {
        // Text keys only: nothing in it can fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What is asked for, and that it is `caller` who asks.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn wanted(self, caller: &Principal) -> Answer<BulkWanted> {
        let mut faults = Faults::default();
        let intervention = caller.intervention(self.reason);
        faults.in_intervention(&intervention, "/reason");
        let per_second = self.per_second.unwrap_or(DEFAULT_RATE);
        if !(1..=MAX_RATE).contains(&per_second) {
            faults.at("/per_second", format!("must lie between 1 and {MAX_RATE}"));
        }
        let action = self.action.action(&mut faults);
        let filter = self.filter.filter(&mut faults);
        faults.none()?;
        Ok(BulkWanted { action, filter, intervention, per_second })
    }
}

impl ActionBody {
    fn action(self, faults: &mut Faults) -> Action {
        match self {
            Self::Redrive {} => Action::Redrive,
            Self::RedriveTask {} => Action::RedriveTask,
            Self::RetryNow {} => Action::RetryNow,
            Self::Extend { deadline, to, by_ms } => {
                let until = match (to, by_ms) {
                    (Some(to), None) => {
                        let at = moment(Some(to), "/action/to", faults);
                        Until::Moment(at.unwrap_or(Timestamp::beginning()))
                    }
                    (None, Some(by_ms)) => {
                        if by_ms < 1 {
                            faults.at("/action/by_ms", "must be above 0");
                        }
                        Until::Later { by_ms }
                    }
                    _ => {
                        faults.at("/action", "must have either `to` or `by_ms`");
                        Until::Later { by_ms: 0 }
                    }
                };
                Action::Extend { deadline: deadline.into(), until }
            }
            Self::Cancel { reason } => {
                if !is_reason_code(&reason) {
                    faults.at("/action/reason", REASON_CODE_RULE);
                }
                Action::Cancel { reason }
            }
            Self::Migrate { policy } => {
                // With faults nothing is done, whatever the terms.
                let to = policy.terms("/action/policy", faults);
                Action::Migrate { to: to.unwrap_or_else(Terms::standard) }
            }
        }
    }
}

impl FilterBody {
    fn filter(self, faults: &mut Faults) -> OrdersFilter {
        for (name, ms) in [("age_ms", self.age_ms), ("deadline_within_ms", self.deadline_within_ms)]
        {
            if ms.is_some_and(|ms| ms < 0) {
                faults.at(format!("/filter/{name}"), "must not be negative");
            }
        }
        let flow_version = self.flow_version.map(FlowVersion::try_from).transpose();
        let filter = OrdersFilter {
            flow_version: flow_version.unwrap_or_else(|what| {
                faults.at("/filter/flow_version", what);
                None
            }),
            stuck: self.stuck,
            status: self.status,
            restaurant_id: self.restaurant_id,
            customer_id: self.customer_id,
            placed_from: moment(self.placed_from, "/filter/placed_from", faults),
            placed_before: moment(self.placed_before, "/filter/placed_before", faults),
            age_ms: self.age_ms,
            deadline_within_ms: self.deadline_within_ms,
            task: self.task,
            last_error: self.last_error,
        };
        if filter == OrdersFilter::default() {
            faults.at("/filter", "must say which orders: every order there is, is too many");
        }
        filter
    }
}

fn moment(text: Option<String>, pointer: &str, faults: &mut Faults) -> Option<Timestamp> {
    let text = text?;
    let at = parse_rfc3339(&text).map(Timestamp);
    if at.is_none() {
        faults.at(pointer, MOMENT_RULE);
    }
    at
}
