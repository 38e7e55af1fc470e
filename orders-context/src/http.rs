//! The HTTP interface of orders: what apps of customers, restaurants and operators call.
//!
//! A file for each use case; [`router`] lists them all. Every refusal is a problem (RFC 9457), made
//! in `problem.rs`. Handlers read the request, ask [`App`] and show the answer: no rule of the
//! business is here. Who may do what stands in `policy.rs`; who is calling, in `principal.rs`.

mod answer_page;
mod availability;
mod bulk_actions;
mod decide_order;
mod document;
mod endpoints;
mod erasures;
mod etag;
mod faults;
mod feed;
mod feed_tickets;
mod idempotency;
mod if_match;
mod links;
mod list_orders;
mod operate_order;
mod order_history;
mod place_order;
mod policy;
mod principal;
mod problem;
mod problems;
mod restaurants;
pub mod show_flow;
mod show_order;
mod view;

use crate::app::{App, Cause};
pub use answer_page::answer_pages;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use chassis::http::auth::{Guard, Routes};
use chassis::http::problem_pages;
use chassis::telemetry::trace::TraceParent;
pub use principal::{Principal, Role};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::routes;

/// Enough for a menu of 500 dishes; an order is far smaller.
pub const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// The media type of the document that describes what is published on Kafka.
const ASYNCAPI: &str = "application/vnd.aai.asyncapi+json;version=3.1.0";

/// What the handlers share: one count per request instead of one for each part of [`App`].
type Api = axum::extract::State<Arc<App>>;

/// The routes, `/openapi.json`, which describes them, and `/asyncapi.json`, which describes the events. To be wrapped by
/// [`chassis::http::router`], which gives each request its trace context.
pub fn router(app: App, guard: Guard<Principal>) -> Router {
    let app = Arc::new(app);
    let taking = Arc::clone(&app);
    let guard = guard.with_tickets(move |ticket| feed_tickets::take(Arc::clone(&taking), ticket));
    let (routes, mut document) = described(guard).split();
    links::add(&mut document);
    // Text keys only: nothing in the document can fail to be written.
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let show = move || async move { ([(CONTENT_TYPE, "application/json")], document) };
    let events = || async { ([(CONTENT_TYPE, ASYNCAPI)], schemas::asyncapi::COMMITTED) };
    routes
        .route("/openapi.json", get(show))
        .route("/asyncapi.json", get(events))
        .merge(problem_pages(problems::PAGES))
        .with_state(app)
}

/// The OpenAPI 3.1 document of the routes, as it is committed and served.
///
/// # Errors
/// None of its parts has a key that is not text, and nothing else can fail.
pub fn openapi_json() -> anyhow::Result<String> {
    let mut document = described(Guard::against_everybody()?).split().1;
    links::add(&mut document);
    Ok(document.to_pretty_json()? + "\n")
}

/// The one table of routes: each stands behind its policy, and none can be added without one.
fn described(guard: Guard<Principal>) -> Routes<Arc<App>, Principal> {
    Routes::new(document::Document::openapi(), guard)
        .route(&policy::REGISTER, routes!(restaurants::register))
        .route(&policy::MENU, routes!(restaurants::show))
        .route(&policy::MENU, routes!(availability::show))
        .route(&policy::REGISTER, routes!(availability::set))
        .route(&policy::ENDPOINTS, routes!(endpoints::add))
        .route(&policy::ENDPOINTS, routes!(endpoints::list))
        .route(&policy::ENDPOINTS, routes!(endpoints::show))
        .route(&policy::ENDPOINTS, routes!(endpoints::remove))
        .route(&policy::ENDPOINTS, routes!(endpoints::change::rotate))
        .route(&policy::ENDPOINTS, routes!(endpoints::change::test))
        .route(&policy::ENDPOINTS, routes!(endpoints::change::pause))
        .route(&policy::ENDPOINTS, routes!(endpoints::change::resume))
        .route(&policy::ENDPOINTS, routes!(endpoints::deliveries::list))
        .route(&policy::ENDPOINTS, routes!(endpoints::deliveries::replay))
        .route_with_tickets(&policy::FOLLOW, routes!(feed::follow))
        .route(&policy::FOLLOW, routes!(feed_tickets::issue))
        .route(&policy::PLACE, routes!(place_order::place))
        .route(&policy::LIST, routes!(list_orders::list))
        .route(&policy::LOOK, routes!(show_order::show))
        .route(&policy::COOK, routes!(decide_order::accept))
        .route(&policy::COOK, routes!(decide_order::reject))
        .route(&policy::COOK, routes!(decide_order::complete))
        .route(&policy::CANCEL, routes!(decide_order::cancel))
        .route(&policy::OPERATE, routes!(operate_order::redrive))
        .route(&policy::OPERATE, routes!(operate_order::redrive_task))
        .route(&policy::OPERATE, routes!(operate_order::retry))
        .route(&policy::OPERATE, routes!(operate_order::extend))
        .route(&policy::LOOK, routes!(order_history::history))
        .route(&policy::BULK, routes!(bulk_actions::start))
        .route(&policy::BULK, routes!(bulk_actions::list))
        .route(&policy::BULK, routes!(bulk_actions::show))
        .route(&policy::BULK, routes!(bulk_actions::pause))
        .route(&policy::BULK, routes!(bulk_actions::resume))
        .route(&policy::BULK, routes!(bulk_actions::cancel))
        .route(&policy::FLOW, routes!(show_flow::show))
        .route(&policy::ERASE, routes!(erasures::request))
        .route(&policy::ERASE, routes!(erasures::show))
}

/// The request as the cause of what it changes.
fn cause(trace: TraceParent) -> Cause {
    Cause { traceparent: Some(trace.to_string()), causation_id: None }
}

#[cfg(test)]
mod tests;
