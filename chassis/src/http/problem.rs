//! Refusals that say what the caller can do: RFC 9457, `application/problem+json`.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::telemetry::trace::TraceId;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal, as its receiver reads it.
///
/// The router adds `instance` (the path) and `trace_id` on the way out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Problem {
    /// The status of the answer, repeated in its body.
    pub status: StatusCode,
    /// What programs decide by: stable, `snake_case`. `type` is `/problems/<code>`, `title` the
    /// same in words.
    pub code: &'static str,
    /// What is wrong this time and what to do about it.
    pub detail: String,
    /// Which parts of the body are wrong.
    pub errors: Vec<FieldError>,
    /// Further members, such as `current_status`.
    pub extra: Map<String, Value>,
    retry_after_seconds: Option<u32>,
    beside: Option<Box<Beside>>,
}

/// What is not in the body, and rare.
#[derive(Debug, Clone, Default)]
struct Beside {
    /// For the log.
    cause: Option<String>,
    /// For `WWW-Authenticate`.
    challenge: Option<String>,
}

/// One wrong part of a body.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Where it is: a JSON pointer (RFC 6901); the empty one is the whole body.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// A refusal with this status and stable code. `detail` says what is wrong and what to do.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            extra: Map::new(),
            retry_after_seconds: None,
            beside: None,
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 403: the caller may not do this, and may know that it exists.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 409: it contradicts the present state.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412: what the caller believed to be the present version is not.
    pub fn precondition_failed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, code, detail)
    }

    /// 422: understood, but it makes no sense.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 503: not now. Say when to come back with [`Problem::retry_after`].
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }

    /// 500: our fault. `cause` goes to the log with its whole chain, once, and never to the caller.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let detail = "something went wrong on our side: try again, and report the trace_id if \
                      it stays";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).because(&cause.into())
    }

    /// The same with what led to it, which goes to the log with its whole chain and never to the caller.
    #[must_use]
    pub fn because(mut self, cause: &anyhow::Error) -> Self {
        self.beside.get_or_insert_default().cause = Some(format!("{cause:#}"));
        self
    }

    /// The same with the member `key`.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(key.into(), value.into());
        self
    }

    /// The same with one more wrong part of the body.
    #[must_use]
    pub fn with_error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// The same with a `Retry-After` of so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The same with a `WWW-Authenticate` of this text (RFC 9110, section 11.6.1).
    #[must_use]
    pub fn challenge(mut self, text: String) -> Self {
        self.beside.get_or_insert_default().challenge = Some(text);
        self
    }

    pub(super) fn cause(&self) -> Option<&str> {
        self.beside.as_ref()?.cause.as_deref()
    }

    /// The body with what only the router knows.
    pub(super) fn body(&self, request: Option<(&str, TraceId)>) -> Body {
        match serde_json::to_vec(&Document { problem: self, request }) {
            Ok(bytes) => Body::from(bytes),
            // No map here has a key that is not text, and nothing else can fail.
            Err(_) => Body::empty(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body(None));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        let challenge = self.beside.as_ref().and_then(|beside| beside.challenge.as_deref());
        if let Some(Ok(challenge)) = challenge.map(HeaderValue::from_str) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        // For the router, which completes the body.
        response.extensions_mut().insert(self);
        response
    }
}

struct Document<'a> {
    problem: &'a Problem,
    request: Option<(&'a str, TraceId)>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let problem = self.problem;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", problem.code))?;
        map.serialize_entry("title", &title(problem.code))?;
        map.serialize_entry("status", &problem.status.as_u16())?;
        map.serialize_entry("detail", &problem.detail)?;
        if let Some((instance, trace_id)) = self.request {
            map.serialize_entry("instance", instance)?;
            map.serialize_entry("trace_id", &format_args!("{trace_id}"))?;
        }
        map.serialize_entry("code", problem.code)?;
        if !problem.errors.is_empty() {
            map.serialize_entry("errors", &problem.errors)?;
        }
        for (key, value) in &problem.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// `order_already_decided` → `Order already decided`.
pub(super) fn title(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}
