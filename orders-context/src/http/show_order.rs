//! `GET /v1/orders/{id}`.

use super::Api;
use super::document::ProblemView;
use super::etag::{etag, is_known};
use super::policy::judge_order;
use super::principal::Caller;
use super::problem::Answer;
use super::view::OrderView;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path};

/// Shows an order with its tasks.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}",
    operation_id = "show_order",
    tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that is known already"),
    ),
    responses(
        (status = 200, description = "The order as it stands", body = OrderView,
            headers(("ETag" = String, description = "Changes whenever anything but server_time \
                does"))),
        (status = 304, description = "Nothing has changed"),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let found = app.order(&order_id).await?;
    judge_order(&caller.actor, &found.order)?;
    let view = OrderView::with_tasks(&found.order, &found.tasks, app.now());
    let etag = etag(&view);
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(([(ETAG, etag)], Json(view)).into_response())
}
