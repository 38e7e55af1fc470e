//! `GET /v1/flow`.

use super::Api;
use super::document::ProblemView;
use super::problem::Answer;
use super::view::Moment;
use crate::app::{Counter, FlowFigures, TaskCondition};
use crate::domain::flow::FLOW;
use crate::domain::{Status, Timestamp};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The flow of orders with what stands where.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub struct FlowView {
    /// Every status, in reading order.
    pub statuses: Vec<StatusView>,
    /// Every way from one status to the next.
    arrows: Vec<ArrowView>,
    /// Calls to the outside that went wrong.
    pub tasks: TroubleView,
    /// How many orders have a moment that has come and was not acted on yet; 100000 stands for that many
    /// or more.
    pub due: i64,
    /// The moment by which ages are judged.
    #[schema(value_type = String, format = DateTime)]
    server_time: Moment,
}

/// One status of the flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowStatus)]
pub struct StatusView {
    /// Its word. More words may come.
    #[schema(value_type = String, example = "notified")]
    pub status: &'static str,
    /// Nothing happens there by itself any more.
    at_rest: bool,
    /// How many orders stand there, exactly.
    pub orders: i64,
    /// How long the one has stood there that came first, in milliseconds; null where there is none, and
    /// at rest.
    #[schema(required)]
    pub oldest_age_ms: Option<i64>,
    /// Half of the orders that left it had stood there for so many milliseconds or less, to an eighth;
    /// null while none has left it.
    #[schema(required)]
    pub spent_p50_ms: Option<i64>,
    /// The same for 99 of 100. Who stands there longer is stuck.
    #[schema(required)]
    pub spent_p99_ms: Option<i64>,
}

/// One arrow of the flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowArrow)]
pub struct ArrowView {
    /// Where the order stands.
    #[schema(value_type = String, example = "notified")]
    from: &'static str,
    /// What happens.
    #[schema(value_type = String, example = "accept")]
    on: &'static str,
    /// Where it stands then.
    #[schema(value_type = String, example = "accepted")]
    to: &'static str,
    /// Who may cause it.
    #[schema(value_type = Vec<String>)]
    by: Vec<&'static str>,
}

/// Tasks in trouble.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FlowTasks)]
pub struct TroubleView {
    /// An attempt failed, and there will be another.
    pub retrying: i64,
    /// Will not be tried again by themselves.
    pub given_up: i64,
}

/// Shows the flow with what stands where: exact, and as cheap however many orders there are.
#[utoipa::path(
    get,
    path = "/v1/flow",
    operation_id = "show_flow",
    tag = "flow",
    responses(
        (status = 200, description = "The flow", body = FlowView),
        (status = 503, description = "The database does not answer", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): Api) -> Answer<Response> {
    let figures = app.flow().await?;
    Ok(Json(FlowView::new(&figures, app.now())).into_response())
}

impl FlowView {
    /// The flow as of `now`.
    #[must_use]
    pub fn new(figures: &FlowFigures, now: Timestamp) -> Self {
        let tasks = |condition| figures.counters.get(Counter::Tasks(condition));
        let arrows = FLOW.iter().map(|arrow| ArrowView {
            from: arrow.from.as_str(),
            on: arrow.on.as_str(),
            to: arrow.to.as_str(),
            by: arrow.by.iter().map(|role| role.as_str()).collect(),
        });
        Self {
            statuses: Status::ALL.iter().map(|of| StatusView::new(*of, figures, now)).collect(),
            arrows: arrows.collect(),
            tasks: TroubleView {
                retrying: tasks(TaskCondition::Retrying),
                given_up: tasks(TaskCondition::GivenUp),
            },
            due: figures.due,
            server_time: now.into(),
        }
    }
}

impl StatusView {
    fn new(status: Status, figures: &FlowFigures, now: Timestamp) -> Self {
        let spent = figures.counters.spent(status);
        let oldest = figures.oldest.iter().find(|(of, _)| *of == status);
        let age_ms = |since: Timestamp| (now.0.saturating_sub(since.0) / 1_000).max(0);
        Self {
            status: status.as_str(),
            at_rest: status.is_at_rest(),
            orders: figures.counters.get(Counter::Orders(status)),
            oldest_age_ms: oldest.map(|(_, since)| age_ms(*since)),
            spent_p50_ms: spent.percentile_ms(50),
            spent_p99_ms: spent.percentile_ms(99),
        }
    }
}
