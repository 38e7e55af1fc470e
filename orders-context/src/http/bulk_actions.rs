//! `/v1/bulk-actions`: one action on many orders, started, looked at, paused, resumed and cancelled.

mod policy;
mod request;
mod view;

use super::Api;
use super::document::ProblemView;
use super::idempotency::key;
use super::operate_order::Acting;
use super::principal::Caller;
use super::problem::Answer;
use crate::app::{App, Interrupt};
use crate::domain::Intervention;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::auth::Principal;
use chassis::http::{Json, Path, Problem, Query};
use request::BulkBody;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};
use view::{BulkView, DryRunView};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which bulk actions to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulkQuery {
    /// Most bulk actions on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before; the newest ones when absent.
    cursor: Option<String>,
}

/// One page of bulk actions.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkPage)]
pub struct BulkPageView<'a> {
    /// The newest first.
    bulk_actions: Vec<BulkView<'a>>,
    /// Hand it back as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<&'a str>,
}

/// Starts one action on many orders, or says what would come of it.
///
/// It runs in the background, at its rate, through every crash, the oldest orders first. Each order is
/// judged as it stands when its turn comes, also after a pause, and acted on once. Orders that are placed after
/// the start are not touched. With `dry_run` nothing is done: the matching orders are counted, and the action
/// is decided for a sample of them. Where counting takes more than three seconds, it is left (`matched` is null).
#[utoipa::path(
    post,
    path = "/v1/bulk-actions",
    operation_id = "start_bulk_action",
    tag = "operators",
    params(("Idempotency-Key" = Option<String>, Header, description = "A new value for each bulk \
        action; the same value repeats the request. Not needed for a dry run", pattern = r#"^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$"#)),
    request_body = BulkBody,
    responses(
        (status = 200, description = "What would come of it", body = DryRunView),
        (status = 202, description = "It was started, now or by the same request before",
            body = BulkView, headers(("Location" = String, description = "Where it is looked at"))),
        (status = 400, description = "The Idempotency-Key is missing or none", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Too many are open", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "Action or filter is none, there is no reason, or the key was used \
            for another request", body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn start(
    State(app): Api,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<BulkBody>,
) -> Answer<Response> {
    let request_hash = Sha256::digest(body.canonical()).to_vec();
    let dry_run = body.dry_run;
    let wanted = body.wanted(&caller)?;
    if dry_run {
        let dry = app.try_bulk(wanted).await?;
        return Ok(Json(DryRunView::new(&dry)).into_response());
    }
    let key = key(&headers, "POST /v1/bulk-actions", caller.subject())?;
    let bulk = app.start_bulk(wanted, key, request_hash).await?;
    let location = format!("/v1/bulk-actions/{}", bulk.bulk_id);
    let answer = (StatusCode::ACCEPTED, [(LOCATION, location)], Json(BulkView::new(&bulk)));
    Ok(answer.into_response())
}

/// Lists bulk actions, the newest first.
#[utoipa::path(
    get,
    path = "/v1/bulk-actions",
    operation_id = "list_bulk_actions",
    tag = "operators",
    params(BulkQuery),
    responses(
        (status = 200, description = "A page of bulk actions", body = BulkPageView),
        (status = 400, description = "The limit is none", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): Api, Query(query): Query<BulkQuery>) -> Answer<Response> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("limit must lie between 1 and {MAX_LIMIT}: choose another");
        return Err(Problem::bad_request("invalid_query", detail).into());
    }
    let bulks = app.bulks(query.cursor, limit + 1).await?;
    let page = bulks.get(..limit).unwrap_or(&bulks);
    let last = page.last().filter(|_| page.len() < bulks.len());
    let view = BulkPageView {
        bulk_actions: page.iter().map(BulkView::new).collect(),
        next_cursor: last.map(|bulk| bulk.bulk_id.as_str()),
    };
    Ok(Json(view).into_response())
}

/// Shows how far a bulk action has come, and what became of the orders.
#[utoipa::path(
    get,
    path = "/v1/bulk-actions/{id}",
    operation_id = "show_bulk_action",
    tag = "operators",
    params(("id" = String, Path, description = "The bulk action's id")),
    responses(
        (status = 200, description = "The bulk action", body = BulkView),
        (status = 404, description = "There is no such bulk action", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): Api, Path(bulk_id): Path<String>) -> Answer<Response> {
    let bulk = app.bulk(&bulk_id).await?;
    Ok(Json(BulkView::new(&bulk)).into_response())
}

/// Has a bulk action take no more orders until it is resumed. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/bulk-actions/{id}/pause",
    operation_id = "pause_bulk_action",
    tag = "operators",
    params(("id" = String, Path, description = "The bulk action's id")),
    request_body = Acting,
    responses(
        (status = 200, description = "The bulk action", body = BulkView),
        (status = 404, description = "There is no such bulk action", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "It has ended", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn pause(
    State(app): Api,
    caller: Caller,
    Path(bulk_id): Path<String>,
    Json(body): Json<Acting>,
) -> Answer<Response> {
    interrupt(&app, &bulk_id, Interrupt::Pause, body.intervention(&caller)?).await
}

/// Has a paused bulk action go on. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/bulk-actions/{id}/resume",
    operation_id = "resume_bulk_action",
    tag = "operators",
    params(("id" = String, Path, description = "The bulk action's id")),
    request_body = Acting,
    responses(
        (status = 200, description = "The bulk action", body = BulkView),
        (status = 404, description = "There is no such bulk action", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "It has ended", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn resume(
    State(app): Api,
    caller: Caller,
    Path(bulk_id): Path<String>,
    Json(body): Json<Acting>,
) -> Answer<Response> {
    interrupt(&app, &bulk_id, Interrupt::Resume, body.intervention(&caller)?).await
}

/// Ends a bulk action: it takes no more orders. What it has done stays done. Again: the same answer.
#[utoipa::path(
    post,
    path = "/v1/bulk-actions/{id}/cancel",
    operation_id = "cancel_bulk_action",
    tag = "operators",
    params(("id" = String, Path, description = "The bulk action's id")),
    request_body = Acting,
    responses(
        (status = 200, description = "The bulk action", body = BulkView),
        (status = 404, description = "There is no such bulk action", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "It has ended", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(app): Api,
    caller: Caller,
    Path(bulk_id): Path<String>,
    Json(body): Json<Acting>,
) -> Answer<Response> {
    interrupt(&app, &bulk_id, Interrupt::Cancel, body.intervention(&caller)?).await
}

async fn interrupt(
    app: &App,
    bulk_id: &str,
    interrupt: Interrupt,
    intervention: Intervention,
) -> Answer<Response> {
    let bulk = app.interrupt_bulk(bulk_id, interrupt, intervention).await?;
    Ok(Json(BulkView::new(&bulk)).into_response())
}
