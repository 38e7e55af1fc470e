//! Routes that are going to go, and say so themselves: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), `Link`.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{HeaderName, LINK};
use axum::middleware::map_response_with_state;
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Deprecated, Object, RefOr, Type};
use utoipa_axum::router::UtoipaMethodRouter;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// What a route says of itself that nobody should begin to use any more.
#[derive(Debug)]
pub struct Deprecation {
    /// Since when, in seconds since 1970.
    pub since_s: i64,
    /// From when on it may be gone, in seconds since 1970.
    pub sunset_s: i64,
    /// The path of what does it better.
    pub successor: &'static str,
    /// Where it is explained how to change over.
    pub explained_at: &'static str,
}

impl Deprecation {
    /// Has every answer of these routes say it, refusals too, and their description.
    pub(super) fn told_by<S: Clone + Send + Sync + 'static>(
        &'static self,
        (schemas, mut paths, methods): UtoipaMethodRouter<S>,
    ) -> UtoipaMethodRouter<S> {
        paths.paths.values_mut().flat_map(operations).for_each(describe);
        let headers = self.headers();
        let tell = |State(headers): State<[_; 3]>, mut answer: Response| async move {
            for (name, value) in headers {
                answer.headers_mut().append::<HeaderName>(name, value);
            }
            answer
        };
        (schemas, paths, methods.route_layer(map_response_with_state(headers, tell)))
    }

    fn headers(&self) -> [(HeaderName, HeaderValue); 3] {
        let Self { since_s, sunset_s, successor, explained_at } = self;
        let sunset = Timestamp::from_second(*sunset_s).unwrap_or(Timestamp::MAX);
        let sunset = DateTimePrinter::new().timestamp_to_rfc9110_string(&sunset);
        let link = format!(
            "<{successor}>; rel=\"successor-version\", <{explained_at}>; rel=\"deprecation\", \
             <{explained_at}>; rel=\"sunset\""
        );
        // What is written in the table of routes has no line breaks.
        let value = |text: String| {
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
        };
        [
            (DEPRECATION, value(format!("@{since_s}"))),
            (SUNSET, value(sunset.unwrap_or_default())),
            (LINK, value(link)),
        ]
    }
}

/// Each operation of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, head, .. } = item;
    [get, put, post, delete, patch, head].into_iter().flatten()
}

fn describe(operation: &mut Operation) {
    operation.deprecated = Some(Deprecated::True);
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (name, says) in [
            ("Deprecation", "Since when nobody should begin to use it (RFC 9745)"),
            ("Sunset", "From when on it may be gone (RFC 8594)"),
            ("Link", "What does it better, and how to change over"),
        ] {
            let header = HeaderBuilder::new().schema(Some(Object::with_type(Type::String)));
            let header = header.description(Some(says)).build();
            response.headers.insert(name.to_owned(), header.into());
        }
    }
}
