//! What is done to an endpoint: other keys, a test, a pause.

use super::super::Api;
use super::super::document::ProblemView;
use super::super::policy::judge_restaurant;
use super::super::principal::Caller;
use super::super::problem::Answer;
use super::request::Rotation;
use super::view::{EndpointView, TestView};
use crate::app::{App, EndpointChange};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, OptionalJson, Path};

/// Gives an endpoint a new key. The one before it signs too for a while, so that the receiver can
/// change over; with an overlap of 0 it does not, nor does any older one. Each time another key.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/rotate-secret",
    operation_id = "rotate_webhook_secret",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
    ),
    request_body = Option<Rotation>,
    responses(
        (status = 200, description = "The endpoint, with its new secret", body = EndpointView),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Two older keys sign still", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "The overlap is none", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn rotate(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let overlap_ms = rotation.unwrap_or_default().overlap_ms()?;
    let endpoint = app.rotate_key(&id, &endpoint_id, overlap_ms).await?;
    Ok(Json(EndpointView::new(&endpoint, app.now())).into_response())
}

/// Sends a signed `webhook.test` at once, also to an endpoint that is paused, and says what came of it.
/// It is not repeated.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/test",
    operation_id = "test_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
    ),
    responses(
        (status = 200, description = "What came of it", body = TestView),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn test(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let tried = app.test_endpoint(&id, &endpoint_id).await?;
    Ok(Json(TestView::from(tried)).into_response())
}

/// Has nothing sent to an endpoint until it is resumed. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/pause",
    operation_id = "pause_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
    ),
    responses(
        (status = 200, description = "The endpoint", body = EndpointView),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Others keep changing it", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn pause(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    interrupt(&app, &id, &endpoint_id, EndpointChange::Pause).await
}

/// Has an endpoint sent to again, whoever or whatever paused it. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/resume",
    operation_id = "resume_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
    ),
    responses(
        (status = 200, description = "The endpoint", body = EndpointView),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Others keep changing it", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn resume(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    interrupt(&app, &id, &endpoint_id, EndpointChange::Resume).await
}

async fn interrupt(
    app: &App,
    id: &str,
    endpoint_id: &str,
    change: EndpointChange,
) -> Answer<Response> {
    let endpoint = app.interrupt_endpoint(id, endpoint_id, change).await?;
    Ok(Json(EndpointView::of(&endpoint, app.now())).into_response())
}
