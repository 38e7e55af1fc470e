//! `POST /v1/orders/{id}/accept`, `reject`, `complete` and `cancel`.

use super::document::ProblemView;
use super::faults::{Faults, REASON_CODE_RULE, is_reason_code};
use super::problem::Answer;
use super::view::OrderView;
use super::{Api, cause};
use crate::app::App;
use crate::domain::{Action, Decision, Intervention, Role};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, OptionalJson, Path};
use chassis::telemetry::trace::TraceParent;
use serde::Deserialize;
use utoipa::ToSchema;

/// In what capacity somebody decides.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Who ordered.
    Customer,
    /// Who cooks.
    Restaurant,
    /// Who looks after the system.
    Operator,
}

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

/// Who accepts or completes. May be left out altogether.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The restaurant, if absent.
    by: Option<By>,
}

/// Who refuses, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The restaurant, if absent.
    by: Option<By>,
    /// Why.
    reason: RejectReason,
}

/// Who calls off, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// The customer, if absent.
    by: Option<By>,
    /// A code of the caller's choice, never a person's words.
    #[schema(pattern = "^[a-z][a-z_]{1,39}$", example = "changed_mind")]
    reason: String,
    /// An opaque id of the operator; only with `by: operator`, and required then.
    #[schema(nullable = false, pattern = "^[A-Za-z0-9._:-]{1,64}$", example = "operator-7")]
    actor: Option<String>,
    /// Why, in the operator's words, which name nobody; only with `by: operator`, and required then.
    /// It is kept in the order's history and published nowhere.
    #[schema(nullable = false, max_length = 500)]
    explanation: Option<String>,
}

/// The restaurant takes the order, before `accept_by`. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/accept",
    operation_id = "accept_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Option<Consent>,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too late, or not for this role",
            body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn accept(
    State(app): Api,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    OptionalJson(body): OptionalJson<Consent>,
) -> Answer<Response> {
    let by = body.unwrap_or_default().by.unwrap_or(By::Restaurant);
    decide(&app, &order_id, Decision::Accept, by, trace).await
}

/// The restaurant refuses the order, before `accept_by`. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/reject",
    operation_id = "reject_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Refusal,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too late, or not for this role",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "The reason is none of the list", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn reject(
    State(app): Api,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Refusal>,
) -> Answer<Response> {
    let decision = Decision::Reject { reason: body.reason.as_str().to_owned() };
    decide(&app, &order_id, decision, body.by.unwrap_or(By::Restaurant), trace).await
}

/// The order was delivered, before `complete_by`. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/complete",
    operation_id = "complete_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Option<Consent>,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too early, too late, or not for this \
            role", body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn complete(
    State(app): Api,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    OptionalJson(body): OptionalJson<Consent>,
) -> Answer<Response> {
    let by = body.unwrap_or_default().by.unwrap_or(By::Restaurant);
    decide(&app, &order_id, Decision::Complete, by, trace).await
}

/// The order is called off: by the customer before it is accepted, by restaurant or operator until
/// it is completed. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/cancel",
    operation_id = "cancel_order",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id")),
    request_body = Cancellation,
    responses(
        (status = 200, description = "The order as it stands, without its tasks", body = OrderView),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Decided otherwise, too late, or not for this role",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "The reason is no code", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(app): Api,
    Path(order_id): Path<String>,
    Extension(trace): Extension<TraceParent>,
    Json(body): Json<Cancellation>,
) -> Answer<Response> {
    let mut faults = Faults::default();
    if !is_reason_code(&body.reason) {
        faults.at("/reason", REASON_CODE_RULE);
    }
    let Cancellation { by, reason, actor, explanation } = body;
    match by.unwrap_or(By::Customer) {
        By::Operator => {
            let intervention = Intervention {
                actor: actor.unwrap_or_default(),
                reason: explanation.unwrap_or_default(),
            };
            faults.in_intervention(&intervention, "/explanation");
            faults.none()?;
            let action = Action::Cancel { reason };
            let order = app.act(&order_id, &action, intervention, cause(trace)).await?;
            Ok(Json(OrderView::new(&order, app.now())).into_response())
        }
        by => {
            if actor.is_some() || explanation.is_some() {
                faults.at("/by", "must be operator where an actor or an explanation is given");
            }
            faults.none()?;
            decide(&app, &order_id, Decision::Cancel { reason }, by, trace).await
        }
    }
}

/// The answer is made of what was committed: the store is not asked again.
async fn decide(
    app: &App,
    order_id: &str,
    decision: Decision,
    by: By,
    trace: TraceParent,
) -> Answer<Response> {
    let order = app.decide_order(order_id, decision, by.role(), cause(trace)).await?;
    Ok(Json(OrderView::new(&order, app.now())).into_response())
}

impl By {
    fn role(self) -> Role {
        match self {
            Self::Customer => Role::Customer,
            Self::Restaurant => Role::Restaurant,
            Self::Operator => Role::Operator,
        }
    }
}

impl RejectReason {
    fn as_str(self) -> &'static str {
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
