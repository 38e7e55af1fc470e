//! A bulk action as the API shows it.

use super::super::view::Moment;
use super::policy::PolicyBody;
use crate::app::{Bulk, DryRun, OrdersFilter, Tally};
use crate::domain::{Action, FlowVersion, Until};
use serde::Serialize;
use utoipa::ToSchema;

/// One action on many orders, and how far it has come.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkAction)]
pub struct BulkView<'a> {
    /// UUIDv7.
    id: &'a str,
    /// `running`, `paused`, `cancelled` or `done`.
    #[schema(value_type = String, example = "running")]
    state: &'static str,
    /// What is done to each order.
    action: ActionView<'a>,
    /// Which orders; what it says of time is meant as of `created_at`.
    #[schema(value_type = Object)]
    filter: FilterView<'a>,
    /// Who started it.
    #[schema(example = "operator-7")]
    actor: &'a str,
    /// And why.
    reason: &'a str,
    /// How many orders a second are taken at most.
    per_second: u32,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// When it was done or cancelled; null before.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    ended_at: Option<Moment>,
    /// How many orders matched when it was started; null where they could not be counted within three seconds.
    #[schema(required, example = 240)]
    matched: Option<u64>,
    /// How many it has dealt with: `acted`, `unchanged` and `refused` together.
    taken: u64,
    /// How many it is dealing with, or would after a resume.
    under_way: usize,
    #[serde(flatten)]
    tally: TallyView<'a>,
    /// Who paused, resumed or cancelled it, the newest last.
    interruptions: Vec<InterruptionView<'a>>,
}

/// What a dry run found.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkDryRun)]
pub struct DryRunView<'a> {
    /// How many orders match at this moment, exactly; null where they could not be counted within three seconds.
    #[schema(required, example = 240)]
    matched: Option<u64>,
    /// How many of them were looked at: the oldest.
    sampled: u64,
    #[serde(flatten)]
    tally: TallyView<'a>,
}

/// What became of orders, or would.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkTally)]
struct TallyView<'a> {
    /// How many the action changed.
    acted: u64,
    /// How many stood so already.
    unchanged: u64,
    /// How many were refused, by cause.
    refused: Vec<RefusedView<'a>>,
}

/// Orders that were refused for one cause.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkRefused)]
struct RefusedView<'a> {
    /// The code of the cause, as a problem has it; or `unreadable` for what is stored and cannot be understood, or
    /// `no_longer_matches` for what was taken and no longer matched the filter when its turn came.
    #[schema(example = "deadline_passed")]
    code: &'a str,
    /// How many.
    count: u64,
    /// The first few of them.
    order_ids: &'a [String],
}

/// Somebody paused, resumed or cancelled it.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkInterruption)]
struct InterruptionView<'a> {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Moment,
    /// How it stood afterwards.
    #[schema(value_type = String, example = "paused")]
    to: &'static str,
    /// Who.
    actor: &'a str,
    /// And why.
    reason: &'a str,
}

/// What is done to an order.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkActionKind)]
struct ActionView<'a> {
    /// `redrive`, `redrive_task`, `retry_now`, `extend`, `cancel` or `migrate`. More words may come.
    #[schema(value_type = String, example = "extend")]
    r#type: &'static str,
    /// Which deadline is moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    deadline: Option<&'static str>,
    /// The moment it is moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    to: Option<Moment>,
    /// Or how much later it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by_ms: Option<i64>,
    /// The code of the reason for calling off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'a str>,
    /// What the orders are moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    policy: Option<PolicyBody>,
}

/// A filter without what it does not say.
#[derive(Serialize)]
struct FilterView<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restaurant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_from: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_before: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_within_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_version: Option<i32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stuck: bool,
}

impl<'a> BulkView<'a> {
    /// The bulk action as it stands.
    pub fn new(bulk: &'a Bulk) -> Self {
        let interruptions = bulk.interruptions.iter().map(|each| InterruptionView {
            at: each.at.into(),
            to: each.to.as_str(),
            actor: &each.intervention.actor,
            reason: &each.intervention.reason,
        });
        Self {
            id: &bulk.bulk_id,
            state: bulk.state.as_str(),
            action: ActionView::new(&bulk.action),
            filter: FilterView::new(&bulk.filter),
            actor: &bulk.intervention.actor,
            reason: &bulk.intervention.reason,
            per_second: bulk.per_second,
            created_at: bulk.created_at.into(),
            ended_at: bulk.ended_at.map(Moment::from),
            matched: bulk.matched,
            taken: bulk.taken(),
            under_way: bulk.portion.order_ids.len(),
            tally: TallyView::new(&bulk.tally),
            interruptions: interruptions.collect(),
        }
    }
}

impl<'a> DryRunView<'a> {
    /// What it found.
    pub fn new(dry: &'a DryRun) -> Self {
        let DryRun { matched, sampled, tally } = dry;
        Self { matched: *matched, sampled: *sampled, tally: TallyView::new(tally) }
    }
}

impl<'a> TallyView<'a> {
    fn new(tally: &'a Tally) -> Self {
        let refused = tally.refused.iter().map(|(code, refused)| RefusedView {
            code,
            count: refused.count,
            order_ids: &refused.order_ids,
        });
        Self { acted: tally.acted, unchanged: tally.unchanged, refused: refused.collect() }
    }
}

impl<'a> ActionView<'a> {
    fn new(action: &'a Action) -> Self {
        let plain = Self {
            r#type: action.as_str(),
            deadline: None,
            to: None,
            by_ms: None,
            reason: None,
            policy: None,
        };
        match action {
            Action::Redrive | Action::RedriveTask | Action::RetryNow => plain,
            Action::Extend { deadline, until } => {
                let (to, by_ms) = match until {
                    Until::Moment(to) => (Some(Moment::from(*to)), None),
                    Until::Later { by_ms } => (None, Some(*by_ms)),
                };
                Self { deadline: Some(deadline.as_str()), to, by_ms, ..plain }
            }
            Action::Cancel { reason } => Self { reason: Some(reason), ..plain },
            Action::Migrate { to } => Self { policy: Some(PolicyBody::of(to)), ..plain },
        }
    }
}

impl<'a> FilterView<'a> {
    fn new(filter: &'a OrdersFilter) -> Self {
        Self {
            status: filter.status.iter().map(|status| status.as_str()).collect(),
            restaurant_id: filter.restaurant_id.as_deref(),
            customer_id: filter.customer_id.as_deref(),
            placed_from: filter.placed_from.map(Moment::from),
            placed_before: filter.placed_before.map(Moment::from),
            age_ms: filter.age_ms,
            deadline_within_ms: filter.deadline_within_ms,
            task: filter.task.map(|task| task.as_str()),
            last_error: filter.last_error.as_deref(),
            flow_version: filter.flow_version.map(FlowVersion::number),
            stuck: filter.stuck,
        }
    }
}
