//! `/v1/restaurants/{id}/webhook-endpoints`: places that hear of a restaurant's orders, made, looked at
//! and removed. [`change`] has what is done to one, [`deliveries`] what it was told.

pub mod change;
pub mod deliveries;
mod request;
mod view;

use super::Api;
use super::document::ProblemView;
use super::idempotency::key;
use super::policy::judge_restaurant;
use super::principal::Caller;
use super::problem::Answer;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path};
use request::NewEndpoint;
use sha2::{Digest, Sha256};
use view::{EndpointView, EndpointsView};

/// Makes an endpoint. It hears of what happens to the restaurant's orders from now on, signed as
/// Standard Webhooks 1.0 has it, with a key of its own: its secret is in this answer and, until it has
/// another key, in the answer to the same request again, and in no other.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/webhook-endpoints",
    operation_id = "add_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("Idempotency-Key" = String, Header, description = "A new value for each endpoint; the same \
            value repeats the request", pattern = r#"^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$"#),
    ),
    request_body = NewEndpoint,
    responses(
        (status = 201, description = "The endpoint, with its secret", body = EndpointView,
            headers(("Location" = String, description = "Where it is looked at"))),
        (status = 400, description = "The Idempotency-Key is missing or none", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such restaurant for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "The restaurant has as many as it may", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "The endpoint makes no sense, leads where nothing may be sent, or \
            the key was used for another request", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn add(
    State(app): Api,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(new): Json<NewEndpoint>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let scope = format!("POST /v1/restaurants/{id}/webhook-endpoints");
    let key = key(&headers, &scope, &caller.key())?;
    // Text keys only: nothing in it can fail to be written.
    let request_hash = Sha256::digest(serde_json::to_vec(&new).unwrap_or_default()).to_vec();
    let wanted = new.wanted(id, app.reach())?;
    let endpoint = app.add_endpoint(wanted, key, request_hash).await?;
    let location = format!(
        "/v1/restaurants/{}/webhook-endpoints/{}",
        endpoint.restaurant_id, endpoint.endpoint_id
    );
    let view = match endpoint.key_is_first {
        true => EndpointView::new(&endpoint, app.now()),
        // Another request made its present key.
        false => EndpointView::of(&endpoint, app.now()),
    };
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(view)).into_response())
}

/// Lists the endpoints of a restaurant.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}/webhook-endpoints",
    operation_id = "list_webhook_endpoints",
    tag = "webhooks",
    params(("id" = String, Path, description = "The restaurant's id")),
    responses(
        (status = 200, description = "Its endpoints", body = EndpointsView),
        (status = 404, description = "There is no such restaurant for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): Api, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let endpoints = app.endpoints(&id).await.map_err(crate::app::EndpointRefusal::from)?;
    let now = app.now();
    let endpoints = endpoints.iter().map(|endpoint| EndpointView::of(endpoint, now)).collect();
    Ok(Json(EndpointsView { endpoints }).into_response())
}

/// Shows an endpoint, and whether it is sent to.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}",
    operation_id = "show_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
    ),
    responses(
        (status = 200, description = "The endpoint", body = EndpointView),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let endpoint = app.endpoint(&id, &endpoint_id).await?;
    Ok(Json(EndpointView::of(&endpoint, app.now())).into_response())
}

/// Removes an endpoint, and what it has not heard yet.
#[utoipa::path(
    delete,
    path = "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}",
    operation_id = "remove_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such endpoint for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    State(app): Api,
    caller: Caller,
    Path((id, endpoint_id)): Path<(String, String)>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    app.remove_endpoint(&id, &endpoint_id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
