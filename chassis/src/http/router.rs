//! Puts an API between what all of them share.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use super::observe::{Observer, observe};
use super::{Health, health};
use crate::metrics::MetricsHandle;

/// How long a handler may take to begin its answer. A stream may then last longer.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Adds to `api`, which must have no fallback of its own:
///
/// - `/livez`, `/readyz`, `/metrics`;
/// - problems for all that is refused: no such path (404), no such method (405), larger than
///   `body_limit_bytes` (413), no answer in time (504), a panic (500);
/// - the request extension [`TraceParent`](crate::telemetry::trace::TraceParent), a step of the
///   caller's trace if it sent one;
/// - the metrics `http_requests_total` and `http_request_duration_seconds` by matched path.
pub fn router(
    api: Router,
    health: Health,
    metrics: MetricsHandle,
    body_limit_bytes: usize,
) -> Router {
    with_limits(api, health, metrics, body_limit_bytes, REQUEST_TIME)
}

/// The same with a time limit.
pub(super) fn with_limits(
    api: Router,
    health: Health,
    metrics: MetricsHandle,
    body_limit_bytes: usize,
    request_time: Duration,
) -> Router {
    let show = move || async move {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
    };
    let observer = Arc::new(Observer::new(body_limit_bytes, request_time));
    api.route("/livez", get(health::livez))
        .route("/readyz", get(move || async move { health::readyz(&health) }))
        .route("/metrics", get(show))
        // In one layer: each one is cloned and boxed for every request.
        .layer((from_fn_with_state(observer, observe), DefaultBodyLimit::max(body_limit_bytes)))
}
