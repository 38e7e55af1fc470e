//! What an endpoint was told, attempt by attempt, and telling it again.

use super::super::Api;
use super::super::document::ProblemView;
use super::super::policy::judge_restaurant;
use super::super::principal::Caller;
use super::super::problem::Answer;
use super::super::view::Moment;
use crate::app::ListDeliveries;
use crate::domain::{Attempt, Delivery, DeliveryState};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which deliveries to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Only those in this state; all when absent.
    state: Option<DeliveryState>,
    /// Most deliveries on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before; the newest ones when absent.
    cursor: Option<String>,
}

/// One event for one endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView<'a> {
    /// The id of the event.
    id: &'a str,
    /// The header `webhook-id` of each attempt.
    webhook_id: String,
    /// What happened.
    #[schema(example = "order_placed")]
    event_type: &'a str,
    /// To which order.
    order_id: &'a str,
    /// The event's place in the order, from 1.
    sequence: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Moment,
    /// How it stands.
    state: DeliveryState,
    /// How many attempts were made.
    attempts: u32,
    /// The last ten of them, the newest last.
    last_attempts: Vec<AttemptView<'a>>,
    /// When the next one is due; null unless it is pending.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Moment>,
    /// From this moment on it is tried no more.
    #[schema(value_type = String, format = DateTime)]
    give_up_at: Moment,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub struct AttemptView<'a> {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Moment,
    /// The status of the answer that took it; null if none did.
    #[schema(required)]
    status: Option<u16>,
    /// Why it was not taken: `http_500` and the like, `timeout`, `connect`, …; null if it was.
    #[schema(required, example = "http_500")]
    error: Option<&'a str>,
    /// How long it took.
    duration_ms: i64,
}

/// One page of deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveryPage)]
pub struct DeliveryPageView<'a> {
    /// The newest event first.
    deliveries: Vec<DeliveryView<'a>>,
    /// Hand it back as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<&'a str>,
}

/// Lists what an endpoint was told within a week, and is to be told, with the attempts.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/deliveries",
    operation_id = "list_webhook_deliveries",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
        DeliveriesQuery,
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryPageView),
        (status = 400, description = "The limit or the state is none", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
    Query(query): Query<DeliveriesQuery>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("limit must lie between 1 and {MAX_LIMIT}: choose another");
        return Err(Problem::bad_request("invalid_query", detail).into());
    }
    let wanted = ListDeliveries { state: query.state, before: query.cursor, limit: limit + 1 };
    let found = app.deliveries(&id, &endpoint_id, wanted).await?;
    let page = found.get(..limit).unwrap_or(&found);
    let last = page.last().filter(|_| page.len() < found.len());
    let view = DeliveryPageView {
        deliveries: page.iter().map(DeliveryView::of).collect(),
        next_cursor: last.map(|delivery| delivery.event_id.as_str()),
    };
    Ok(Json(view).into_response())
}

/// Tells an endpoint of an event once more, however that delivery stands: at once, under the same
/// `webhook-id`, by which a receiver knows it again. Where the endpoint is paused, when it is resumed.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay",
    operation_id = "replay_webhook_delivery",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
        ("delivery_id" = String, Path, description = "The delivery's id"),
    ),
    responses(
        (status = 200, description = "The delivery, due at once", body = DeliveryView),
        (status = 404, description = "There is no such delivery for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Others keep changing it", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn replay(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id, delivery_id)): Path<(String, String, String)>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let delivery = app.replay_delivery(&id, &endpoint_id, &delivery_id).await?;
    Ok(Json(DeliveryView::of(&delivery)).into_response())
}

impl<'a> DeliveryView<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: &delivery.event_id,
            webhook_id: delivery.webhook_id(),
            event_type: &delivery.event_type,
            order_id: &delivery.order_id,
            sequence: delivery.sequence,
            occurred_at: delivery.occurred_at.into(),
            state: delivery.state,
            attempts: delivery.attempts,
            last_attempts: delivery.recent.iter().map(AttemptView::of).collect(),
            next_attempt_at: is_pending.then(|| delivery.next_attempt_at.into()),
            give_up_at: delivery.give_up_at.into(),
        }
    }
}

impl<'a> AttemptView<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        Self {
            at: attempt.at.into(),
            status: attempt.outcome.as_ref().ok().copied(),
            error: attempt.outcome.as_ref().err().map(String::as_str),
            duration_ms: attempt.duration_ms,
        }
    }
}
