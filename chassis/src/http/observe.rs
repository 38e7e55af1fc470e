//! What happens to every request on its way in and out: one layer, so that it costs one.

mod headers;
mod measure;
mod refusal;

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::Problem;
use crate::supervisor::panic_message;
use crate::telemetry::trace::{TraceId, TraceParent};
use measure::Measures;

/// What the layer keeps from request to request.
pub(super) struct Observer {
    body_limit_bytes: usize,
    request_time: Duration,
    measures: Measures,
}

impl Observer {
    pub(super) fn new(body_limit_bytes: usize, request_time: Duration) -> Self {
        Self { body_limit_bytes, request_time, measures: Measures::default() }
    }
}

/// Traces, bounds, measures and logs a request, and completes its problem if it is refused.
pub(super) async fn observe(
    State(observer): State<Arc<Observer>>,
    mut request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let trace = trace_of(request.headers());
    request.extensions_mut().insert(trace);
    let trace_id = trace.trace_id();
    // Written for whoever looks closely: each field would otherwise be put into text for every request.
    let span = tracing::debug_span!("request", %method, path, %trace_id);

    async {
        let response = bounded(next.run(request), observer.request_time).await;
        let (mut response, refused) = if response.status().as_u16() < 400 {
            (response, None)
        } else {
            let limit = observer.body_limit_bytes;
            refusal::complete(response, &method, uri.path(), trace_id, limit).await
        };
        headers::add_careful(response.headers_mut());
        let elapsed = start.elapsed();
        observer.measures.record(&method, path, response.status(), elapsed);
        let said = Said { method: &method, path, trace_id, elapsed };
        said.log(response.status(), refused.as_ref());
        response
    }
    .instrument(span)
    .await
}

fn trace_of(headers: &HeaderMap) -> TraceParent {
    headers
        .get("traceparent")
        .and_then(|value| TraceParent::parse(value.to_str().ok()?))
        .map_or_else(TraceParent::new_root, |caller| caller.child())
}

/// The answer; a problem if there is none in time, or a panic.
async fn bounded(answer: impl Future<Output = Response>, limit: Duration) -> Response {
    match tokio::time::timeout(limit, catch_panic(answer)).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let cause = panic_message(panic.as_ref()).to_owned();
            Problem::internal(anyhow::anyhow!(cause).context("the handler panicked"))
                .into_response()
        }
        Err(_) => {
            let detail = format!("there was no answer within {limit:?}: ask what became of it");
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail).into_response()
        }
    }
}

async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    // A future that has panicked is dropped and never polled again, nor is what it borrowed.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// What a line of the log says of a request.
struct Said<'a> {
    method: &'a Method,
    path: &'a str,
    trace_id: TraceId,
    elapsed: Duration,
}

impl Said<'_> {
    /// One line for what is our fault, and one for what was not carried out with its cause. "Not now"
    /// without a cause is an answer that load gives, counted but not logged.
    fn log(&self, status: StatusCode, refused: Option<&Problem>) {
        let Self { method, path, trace_id, elapsed } = self;
        let duration_ms = elapsed.as_micros() as f64 / 1_000.0;
        let code = refused.map(|problem| problem.code);
        let cause = refused.and_then(Problem::cause);
        let status_code = status.as_u16();
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(
                status = status_code, %method, path, %trace_id, duration_ms, code, cause,
                "request failed"
            );
        } else if cause.is_some() {
            tracing::warn!(
                status = status_code, %method, path, %trace_id, duration_ms, code, cause,
                "request not carried out"
            );
        } else {
            tracing::debug!(status = status_code, duration_ms, code, "request answered");
        }
    }
}
