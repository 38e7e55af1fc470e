//! `POST /v1/orders/{id}/redrive`, `redrive-task`, `retry` and `extend`: what an operator does about
//! one order.

use super::document::ProblemView;
use super::faults::Faults;
use super::principal::{Caller, Principal};
use super::problem::Answer;
use super::view::OrderView;
use super::{Api, cause};
use crate::app::App;
use crate::domain::{Action, Deadline, Intervention, Timestamp, Until};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::clock::parse_rfc3339;
use chassis::http::{Json, Path};
use chassis::telemetry::trace::TraceParent;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an operator acts. Who it is stands in the token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acting {
    /// Why, in the operator's words, which name nobody. It is kept in the order's history,
    /// for operators and services, and published nowhere.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "The printer of the kitchen was out of paper",
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    reason: String,
}

/// Which deadline is moved, and up to when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extending {
    /// Why, in the operator's words, which name nobody.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "The driver has a flat tyre",
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    reason: String,
    /// Which one.
    deadline: DeadlineWord,
    /// The moment it is moved to: later than it is. `accept_by` goes as far as `complete_by`, and
    /// that as far as a day after the order was placed or last redriven.
    #[schema(format = DateTime, example = "2026-11-23T20:45:00Z")]
    to: String,
}

/// A promise about time.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineWord {
    /// Until when the restaurant may answer.
    AcceptBy,
    /// Until when the order may be completed.
    CompleteBy,
}

/// Gives an order that expired or timed out another chance. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/redrive",
    operation_id = "redrive_order",
    tag = "operators",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Acting,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "It neither expired nor timed out", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "There is no reason", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn redrive(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Acting>,
) -> Answer<Response> {
    act(&app, &order_id, &Action::Redrive, body.intervention(&caller)?, trace).await
}

/// Has the task that was given up tried again: the announcement while the restaurant knows nothing
/// of the order, the last reminder, or the letter about where the order stands. Again: the same
/// answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/redrive-task",
    operation_id = "redrive_task",
    tag = "operators",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Acting,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Nothing that would help was given up, or it is too late",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "There is no reason", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn redrive_task(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Acting>,
) -> Answer<Response> {
    act(&app, &order_id, &Action::RedriveTask, body.intervention(&caller)?, trace).await
}

/// Has what waits for its next attempt tried at once. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/retry",
    operation_id = "retry_now",
    tag = "operators",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Acting,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "No task waits, or it is too late", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "There is no reason", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn retry(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Acting>,
) -> Answer<Response> {
    act(&app, &order_id, &Action::RetryNow, body.intervention(&caller)?, trace).await
}

/// Gives an order more time to be answered, or to be completed. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/extend",
    operation_id = "extend_deadline",
    tag = "operators",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Extending,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "The order no longer waits for it, the moment is not later or \
            too far, or it is too late", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "There is no reason, or the moment is none",
            body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn extend(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Extending>,
) -> Answer<Response> {
    let Extending { reason, deadline, to } = body;
    let intervention = caller.intervention(reason);
    let mut faults = Faults::default();
    faults.in_intervention(&intervention, "/reason");
    let to = parse_rfc3339(&to);
    if to.is_none() {
        faults.at("/to", "must be a moment in RFC 3339, like 2026-11-23T20:45:00Z");
    }
    faults.none()?;
    let until = Until::Moment(Timestamp(to.unwrap_or_default()));
    let action = Action::Extend { deadline: deadline.into(), until };
    act(&app, &order_id, &action, intervention, trace).await
}

/// The answer is made of what was committed: the store is not asked again.
async fn act(
    app: &App,
    order_id: &str,
    action: &Action,
    intervention: Intervention,
    trace: TraceParent,
) -> Answer<Response> {
    let order = app.act(order_id, action, intervention, cause(trace)).await?;
    Ok(Json(OrderView::new(&order, app.now())).into_response())
}

impl Acting {
    /// Why, and that it is `caller` who acts.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn intervention(self, caller: &Principal) -> Answer<Intervention> {
        let intervention = caller.intervention(self.reason);
        let mut faults = Faults::default();
        faults.in_intervention(&intervention, "/reason");
        faults.none()?;
        Ok(intervention)
    }
}

impl From<DeadlineWord> for Deadline {
    fn from(word: DeadlineWord) -> Self {
        match word {
            DeadlineWord::AcceptBy => Self::AcceptBy,
            DeadlineWord::CompleteBy => Self::CompleteBy,
        }
    }
}
