//! Extractors whose refusals are problems that say what to do.

use std::error::Error;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::Problem;

/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A JSON body, in and out. Refuses another content type (415), what is too large (413) or comes
/// too slowly (408), what is no JSON (400) and what is not a `T` (422, with a JSON pointer).
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

/// A JSON body, refused as [`Json`] refuses it, with the bytes it came in.
#[derive(Debug, Clone)]
pub struct RawJson<T> {
    /// What it says.
    pub value: T,
    /// How it was written.
    pub bytes: Bytes,
}

/// A JSON body, refused as [`Json`] refuses it, or none at all: `None` when it is `null`, or empty,
/// whatever its content type.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptionalJson<T>(pub Option<T>);

/// The parts of the matched path, or a problem with status 400.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// The query string, or a problem with status 400.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        RawJson::from_request(request, state).await.map(|raw| Self(raw.value))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for RawJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if !is_json(request.headers()) {
            return Err(not_said_to_be_json());
        }
        let bytes = read(request, state, BODY_TIME).await?;
        let value = parse(&bytes).map_err(Problem::into_response)?;
        Ok(Self { value, bytes })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let said_to_be_json = is_json(request.headers());
        let bytes = read(request, state, BODY_TIME).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if !said_to_be_json {
            return Err(not_said_to_be_json());
        }
        parse(&bytes).map(Self).map_err(Problem::into_response)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(refusal) if refusal.status().is_server_error() => {
                Err(Problem::internal(anyhow::anyhow!(refusal.body_text())))
            }
            Err(refusal) => Err(Problem::bad_request("invalid_path", told(&refusal, "path"))),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(refusal) => Err(Problem::bad_request("invalid_query", told(&refusal, "query"))),
        }
    }
}

/// What serde said of this part of the URL, without axum's preface.
fn told(refusal: &dyn Error, part: &str) -> String {
    let mut cause = refusal;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("correct the {part}: {cause}")
}

fn not_said_to_be_json() -> Response {
    let detail = "send JSON with the header Content-Type: application/json";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, "unsupported_media_type", detail).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = value.split_once(';').map_or(value, |(media_type, _)| media_type).trim();
    let is = |wanted: &str| media_type.eq_ignore_ascii_case(wanted);
    let suffix = media_type.len().checked_sub("+json".len()).and_then(|at| media_type.get(at..));
    is("application/json") || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}

/// The body in at most `limit`.
pub(super) async fn read<S: Send + Sync>(
    request: Request,
    state: &S,
    limit: Duration,
) -> Result<Bytes, Response> {
    match tokio::time::timeout(limit, Bytes::from_request(request, state)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(refusal)) if refusal.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = "the body is too large: send less in one request";
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Err(Problem::new(status, "body_too_large", detail).into_response())
        }
        Ok(Err(_)) => {
            let detail = "the body ended before it was complete: send it again";
            Err(Problem::bad_request("body_incomplete", detail).into_response())
        }
        Err(_) => {
            let detail = format!("the body did not arrive within {limit:?}: send it again");
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail);
            // RFC 9110, section 15.5.9: the rest of the body is not waited for.
            Err(([(CONNECTION, "close")], problem).into_response())
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // The plain way is the fast one; only what fails is read again to find out where.
    serde_json::from_slice(body).or_else(|_| explain(body))
}

fn explain<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let cause = match serde_path_to_error::deserialize(&mut json) {
        Err(cause) => cause,
        Ok(value) => {
            return match json.end() {
                Ok(()) => Ok(value),
                Err(cause) => Err(not_json(&cause)),
            };
        }
    };
    if !cause.inner().is_data() {
        return Err(not_json(cause.inner()));
    }
    let pointer = pointer(cause.path());
    let at = if pointer.is_empty() { "the body" } else { &pointer };
    let detail = format!("correct {at}: {}", cause.inner());
    Err(Problem::unprocessable("invalid_body", detail)
        .with_error(pointer, cause.inner().to_string()))
}

fn not_json(cause: &serde_json::Error) -> Problem {
    let detail = format!("the body is not JSON: {cause}; correct it there");
    Problem::bad_request("invalid_json", detail).with_error("", cause.to_string())
}

/// RFC 6901, section 3.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            // An enum's variant is no level of the document, and what is unknown has no name.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}
