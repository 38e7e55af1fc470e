//! The HTTP interface of promotions: what customers' apps read. Refusals are problems (RFC 9457).

mod cursor;
mod principal;
mod vouchers;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use chassis::clock::Clock;
use chassis::http::auth::{Guard, Routes};
use chassis::http::{ProblemPage, problem_pages};
use utoipa::OpenApi;
use utoipa_axum::routes;

use crate::app::ListVouchers;
pub use principal::{Principal, Role};

/// Nothing here takes a body; this bounds what is read of one all the same.
pub const BODY_LIMIT_BYTES: usize = 16 * 1024;

/// What the handlers need.
#[derive(Clone)]
pub struct Api {
    /// Lists a customer's vouchers.
    pub list_vouchers: ListVouchers,
    /// Tells which vouchers are expired.
    pub clock: Arc<dyn Clock>,
}

/// The pages of the problems that only promotions has.
const PAGES: &[ProblemPage] = &[ProblemPage::new(
    "customer_not_found",
    404,
    "There is no such customer, or none that the caller may know of.",
    "Compare the id; a customer sees their own vouchers.",
)];

#[derive(OpenApi)]
#[openapi(info(
    title = "Takeaway promotions",
    description = "Vouchers that customers earn with completed orders.",
    version = "1",
))]
struct Document;

/// The routes and `/openapi.json`, which describes them.
pub fn router(api: Api, guard: Guard<Principal>) -> Router {
    let (router, document) = described(guard).split();
    let document = Arc::new(document);
    router
        .route(
            "/openapi.json",
            get(move || {
                let document = Arc::clone(&document);
                async move { axum::Json((*document).clone()) }
            }),
        )
        .merge(problem_pages(PAGES))
        .with_state(api)
}

/// The OpenAPI 3.1 document of the routes.
///
/// # Errors
/// None of its parts has a key that is not text, and nothing else can fail.
pub fn openapi_json() -> anyhow::Result<String> {
    Ok(described(Guard::against_everybody()?).split().1.to_pretty_json()?)
}

/// The one table of routes: each stands behind its policy, and none can be added without one.
fn described(guard: Guard<Principal>) -> Routes<Api, Principal> {
    Routes::new(Document::openapi(), guard).route(&principal::LOOK, routes!(vouchers::list))
}

#[cfg(test)]
mod tests;
