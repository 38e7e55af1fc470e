//! The front page of the OpenAPI document, and what a problem looks like in it.

use utoipa::{OpenApi, ToSchema};

/// The document without its paths, which the routes add.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Takeaway orders",
        description = "Places orders and carries them through to their end. Money is in minor \
            units of an ISO 4217 currency, times are RFC 3339 in UTC. A refusal is a problem \
            (RFC 9457): decide by its `code`. What was answered with a 2xx is durable. Asking \
            again after a 503, a 504 or no answer at all is safe: a decision repeated is the same \
            answer, an order is placed once per Idempotency-Key.",
        version = "1",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "orders", description = "The life of an order"),
        (name = "operators", description = "What operators do about an order. Each names who acts \
            and why, stands in the order's history, and is the same answer when it is repeated"),
        (name = "flow", description = "What stands where"),
        (name = "persons", description = "What is kept of persons, and how it is erased"),
        (name = "webhooks", description = "Places that hear of a restaurant's orders (Standard Webhooks 1.0)"),
        (name = "restaurants", description = "Who cooks, and where prices come from"),
    ),
    components(schemas(super::feed::NewsView<'_>))
)]
pub struct Document;

/// A refusal (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "it describes what chassis writes")]
pub struct ProblemView {
    /// `/problems/<code>`.
    r#type: String,
    /// The same for every problem of this code.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What is wrong this time and what to do about it.
    detail: String,
    /// What programs decide by.
    #[schema(example = "decided_otherwise")]
    code: String,
    /// The path that was asked for.
    #[schema(nullable = false)]
    instance: Option<String>,
    /// What to quote when reporting it.
    #[schema(nullable = false)]
    trace_id: Option<String>,
    /// Which parts of the body are wrong.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldErrorView>>,
    /// Where the order stands, when that is the reason.
    #[schema(nullable = false)]
    current_status: Option<String>,
    /// When another decision was made, if by a person.
    #[schema(nullable = false, format = DateTime)]
    decided_at: Option<String>,
    /// The moment that has passed, or that the deadline is at.
    #[schema(nullable = false, format = DateTime)]
    deadline: Option<String>,
    /// The last moment that a deadline may be moved to.
    #[schema(nullable = false, format = DateTime)]
    limit: Option<String>,
    /// When the restaurant takes orders again.
    #[schema(nullable = false, format = DateTime)]
    until: Option<String>,
    /// How many open orders the restaurant takes at once.
    #[schema(nullable = false)]
    capacity: Option<u32>,
    /// How large a body may be, in bytes.
    #[schema(nullable = false)]
    limit_bytes: Option<usize>,
}

/// One wrong part of a body.
#[derive(ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "it describes what chassis writes")]
pub struct FieldErrorView {
    /// Where it is: a JSON pointer (RFC 6901).
    #[schema(example = "/items/0/quantity")]
    pointer: String,
    /// What is wrong there.
    detail: String,
}
