//! Completes problems, and makes problems of what the framework refuses in its own words.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::response::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;

use crate::http::Problem;
use crate::http::problem::PROBLEM_JSON;
use crate::telemetry::trace::TraceId;

/// More of the framework's own words than this is not read.
const LONGEST_TEXT: usize = 1_024;

/// The refusal with path and trace in its body, and the problem it was made of. A body that is a
/// problem already, such as one kept from an earlier answer, stays as it is; so does a page for people,
/// which the framework never makes, also where it was made of a problem.
pub(super) async fn complete(
    response: Response,
    method: &Method,
    path: &str,
    trace_id: TraceId,
    body_limit_bytes: usize,
) -> (Response, Option<Problem>) {
    let (mut parts, body) = response.into_parts();
    let mut problem = match parts.extensions.remove::<Problem>() {
        problem if is_page(&parts) => return (Response::from_parts(parts, body), problem),
        Some(problem) => problem,
        None if parts.headers.get(CONTENT_TYPE) == Some(&PROBLEM_JSON) => {
            return (Response::from_parts(parts, body), None);
        }
        None => translate(&parts, body, method, path).await,
    };
    if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
        problem = problem.with("limit_bytes", body_limit_bytes);
    }
    parts.headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    parts.headers.remove(CONTENT_LENGTH);
    let body = problem.body(Some((path, trace_id)));
    (Response::from_parts(parts, body), Some(problem))
}

fn is_page(parts: &Parts) -> bool {
    let is_html = |media_type: &HeaderValue| media_type.as_bytes().starts_with(b"text/html");
    parts.headers.get(CONTENT_TYPE).is_some_and(is_html)
}

async fn translate(parts: &Parts, body: Body, method: &Method, path: &str) -> Problem {
    let status = parts.status;
    match status {
        StatusCode::NOT_FOUND => {
            let detail = format!("there is nothing at {path}: look at /openapi.json");
            Problem::new(status, "not_found", detail)
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            // axum adds the header only after this layer.
            let detail = format!("{method} is not possible here: the header Allow says what is");
            Problem::new(status, "method_not_allowed", detail)
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = "the body is too large: send less in one request";
            Problem::new(status, "body_too_large", detail)
        }
        _ => Problem::new(status, code(status), text(parts, body).await),
    }
}

fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "bad_request",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::REQUEST_TIMEOUT => "timeout",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PRECONDITION_FAILED => "precondition_failed",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::UNPROCESSABLE_ENTITY => "unprocessable",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ if status.is_server_error() => "internal",
        _ => "refused",
    }
}

/// What the framework said; of our own faults only that they are ours.
async fn text(parts: &Parts, body: Body) -> String {
    let is_text = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/plain"));
    let read = match to_bytes(body, LONGEST_TEXT).await {
        Ok(bytes) if is_text && !parts.status.is_server_error() => {
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => String::new(),
    };
    if read.is_empty() { "the request was refused".to_owned() } else { read }
}
