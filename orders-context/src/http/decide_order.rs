//! `POST /v1/orders/{id}/accept`, `reject`, `complete` and `cancel`.

pub(super) mod answer;

use super::document::ProblemView;
use super::faults::{Faults, REASON_CODE_RULE, is_reason_code};
use super::if_match::{IfMatchHeader, only_at};
use super::principal::{Caller, Principal};
use super::problem::Answer;
use super::view::OrderView;
use super::{Api, cause};
use crate::app::{App, Said};
use crate::domain::{Action, Actor, Decision, Intervention};
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, OptionalJson, Path};
use chassis::telemetry::trace::TraceParent;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Why a restaurant refuses an order.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// A dish has run out.
    ItemUnavailable,
    /// The kitchen cannot take more.
    TooBusy,
    /// The kitchen closes before it could be done.
    Closing,
    /// The kitchen is closed.
    Closed,
    /// What the customer asked for is not possible.
    CannotMeetInstructions,
    /// The menu is out of date.
    PriceMismatch,
    /// Nobody delivers there.
    AddressUnreachable,
    /// Something does not work.
    Technical,
    /// None of these.
    Other,
}

/// When the food is ready. May be left out altogether by restaurants.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// When the food is ready: still to come, and before the order's `complete_by`. The customer is told.
    #[schema(format = DateTime)]
    ready_by: Option<String>,
    /// Why, in the operator's words, which name nobody; only from operators, and
    /// required of them.
    /// It is kept in the order's history, for operators and services, and published nowhere.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    explanation: Option<String>,
}

/// Only operators need to say anything. May be left out altogether by others.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Why, in the operator's words, which name nobody; only from operators, and
    /// required of them.
    /// It is kept in the order's history, for operators and services, and published nowhere.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    explanation: Option<String>,
}

/// Why an order is refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Why.
    reason: RejectReason,
    /// Ids of the order's items that have run out, each once; only with `item_unavailable`.
    #[schema(min_items = 1, max_items = 50, example = json!(["tiramisu"]))]
    items: Option<Vec<String>>,
    /// What the customer is to read, on one line; required with `other`. It is in no event, and
    /// erased with the customer's address.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    note: Option<String>,
    /// Why, in the operator's words, which name nobody; only from operators, and
    /// required of them.
    /// It is kept in the order's history, for operators and services, and published nowhere.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    explanation: Option<String>,
}

/// Why an order is called off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// A code of the caller's choice, never a person's words.
    #[schema(pattern = "^[a-z][a-z_]{1,39}$", example = "changed_mind")]
    reason: String,
    /// Why, in the operator's words, which name nobody; only from operators, and
    /// required of them.
    /// It is kept in the order's history, for operators and services, and published nowhere.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    explanation: Option<String>,
}

/// The restaurant takes the order, before `accept_by`. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/accept",
    operation_id = "accept_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id"), IfMatchHeader),
    request_body = Option<Acceptance>,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 412, description = "The order is not in a state that If-Match names",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too late, or not for this role any more",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "`ready_by` has passed, or is after the order's time, or an \
            operator does not say why",
            body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn accept(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    headers: HeaderMap,
    Extension(trace): Extension<TraceParent>,
    OptionalJson(body): OptionalJson<Acceptance>,
) -> Answer<Response> {
    let Acceptance { ready_by, explanation } = body.unwrap_or_default();
    let decision = answer::acceptance(ready_by.as_deref())?;
    let intervention = explained(&caller, explanation)?;
    let said = Said { decision, remark: None, intervention };
    decide(&app, &order_id, said, &caller, &headers, trace).await
}

/// The restaurant refuses the order, before `accept_by`. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/reject",
    operation_id = "reject_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id"), IfMatchHeader),
    request_body = Refusal,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 412, description = "The order is not in a state that If-Match names",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too late, or not for this role any more",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "The reason is none of the list, or what is said beside it \
            does not belong to it", body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn reject(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    headers: HeaderMap,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Refusal>,
) -> Answer<Response> {
    let Refusal { reason, items, note, explanation } = body;
    let decision = answer::refusal(reason, items, note.as_deref())?;
    let intervention = explained(&caller, explanation)?;
    let said = Said { decision, remark: note, intervention };
    decide(&app, &order_id, said, &caller, &headers, trace).await
}

/// The order was delivered, before `complete_by`. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/complete",
    operation_id = "complete_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id"), IfMatchHeader),
    request_body = Option<Completion>,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 412, description = "The order is not in a state that If-Match names",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too early, too late, or not for this \
            role", body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "An operator does not say why", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn complete(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    headers: HeaderMap,
    Extension(trace): Extension<TraceParent>,
    OptionalJson(body): OptionalJson<Completion>,
) -> Answer<Response> {
    let intervention = explained(&caller, body.unwrap_or_default().explanation)?;
    let said = Said { decision: Decision::Complete, remark: None, intervention };
    decide(&app, &order_id, said, &caller, &headers, trace).await
}

/// The order is called off: by the customer before it is accepted, by restaurant or operator until
/// it is completed. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/cancel",
    operation_id = "cancel_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id"), IfMatchHeader),
    request_body = Cancellation,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 412, description = "The order is not in a state that If-Match names",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too late, or not for this role any more",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "The reason is no code", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    headers: HeaderMap,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Cancellation>,
) -> Answer<Response> {
    let mut faults = Faults::default();
    if !is_reason_code(&body.reason) {
        faults.at("/reason", REASON_CODE_RULE);
    }
    let Cancellation { reason, explanation } = body;
    let intervention = intervention(&caller, explanation, &mut faults);
    faults.none()?;
    if let Some(intervention) = intervention {
        let action = Action::Cancel { reason };
        let only_at = only_at(&headers, &app, &caller.actor, &order_id).await?;
        let order = app.act_at(&order_id, &action, intervention, cause(trace), only_at).await?;
        return Ok(Json(OrderView::new(&order, app.now())).into_response());
    }
    decide(&app, &order_id, Decision::Cancel { reason }.into(), &caller, &headers, trace).await
}

/// What an operator answers for, who must say why; nobody else may.
fn intervention(
    caller: &Principal,
    explanation: Option<String>,
    faults: &mut Faults,
) -> Option<Intervention> {
    if *caller.actor == Actor::Operator {
        let intervention = caller.intervention(explanation.unwrap_or_default());
        faults.in_intervention(&intervention, "/explanation");
        return Some(intervention);
    }
    if explanation.is_some() {
        faults.at("/explanation", "is for operators alone: leave it out");
    }
    None
}

/// The same, where nothing else can be wrong any more.
fn explained(caller: &Principal, explanation: Option<String>) -> Answer<Option<Intervention>> {
    let mut faults = Faults::default();
    let intervention = intervention(caller, explanation, &mut faults);
    faults.none()?;
    Ok(intervention)
}

/// The answer is made of what was committed: the store is not asked again.
async fn decide(
    app: &App,
    order_id: &str,
    said: Said,
    caller: &Principal,
    headers: &HeaderMap,
    trace: TraceParent,
) -> Answer<Response> {
    let only_at = only_at(headers, app, &caller.actor, order_id).await?;
    let (by, cause) = (Arc::clone(&caller.actor), cause(trace));
    let order = app.decide_as_said(order_id, said, by, cause, only_at).await?;
    Ok(Json(OrderView::new(&order, app.now())).into_response())
}

impl RejectReason {
    /// The code of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ItemUnavailable => "item_unavailable",
            Self::TooBusy => "too_busy",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::CannotMeetInstructions => "cannot_meet_instructions",
            Self::PriceMismatch => "price_mismatch",
            Self::AddressUnreachable => "address_unreachable",
            Self::Technical => "technical",
            Self::Other => "other",
        }
    }
}
