//! What the OpenAPI document says of every operation: the refusals that do not come from its handler.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

/// Adds to `operation` the statuses that extractors, limits and the router answer with, where it
/// does not tell of them itself. Their bodies are the schema `Problem`.
pub(super) fn describe_refusals(operation: &mut Operation) {
    let takes_body = operation.request_body.is_some();
    let takes_words = operation.parameters.as_ref().is_some_and(|words| !words.is_empty());
    let mut refusals = vec![
        ("500", "Something went wrong on our side"),
        ("503", "Not now: ask again after Retry-After"),
        ("504", "There was no answer in time: ask again"),
    ];
    if takes_body || takes_words {
        refusals.push(("400", "It cannot be understood"));
    }
    if takes_body {
        refusals.extend([
            ("408", "The body did not arrive in time"),
            ("413", "The body is too large"),
            ("415", "The body is not said to be JSON"),
            ("422", "The body makes no sense"),
        ]);
    }
    for (status, why) in refusals {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(why));
    }
}

/// A response that is a problem.
pub(super) fn problem(why: &str) -> RefOr<Response> {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new().description(why);
    response.content("application/problem+json", body).build().into()
}
