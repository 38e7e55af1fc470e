//! The HTTP interface of orders: what apps of customers, restaurants and operators call.
//!
//! A file for each use case; [`router`] lists them all. Every refusal is a problem (RFC 9457), made
//! in `problem.rs`. Handlers read the request, ask [`App`] and show the answer: no rule of the
//! business is here. Who may do what is not judged here either: a caller says in what capacity it acts.

mod bulk_actions;
mod decide_order;
mod document;
mod etag;
mod faults;
mod idempotency;
mod list_orders;
mod operate_order;
mod order_history;
mod place_order;
mod problem;
mod restaurants;
pub mod show_flow;
mod show_order;
mod view;

use crate::app::{App, Cause};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use chassis::telemetry::trace::TraceParent;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Enough for a menu of 500 dishes; an order is far smaller.
pub const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// The media type of the document that describes what is published on Kafka.
const ASYNCAPI: &str = "application/vnd.aai.asyncapi+json;version=3.1.0";

/// What the handlers share: one count per request instead of one for each part of [`App`].
type Api = axum::extract::State<Arc<App>>;

/// The routes, `/openapi.json`, which describes them, and `/asyncapi.json`, which describes the events. To be wrapped by
/// [`chassis::http::router`], which gives each request its trace context.
pub fn router(app: App) -> Router {
    let (routes, document) = described().split_for_parts();
    // Text keys only: nothing in the document can fail to be written.
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let show = move || async move { ([(CONTENT_TYPE, "application/json")], document) };
    let events = || async { ([(CONTENT_TYPE, ASYNCAPI)], schemas::asyncapi::COMMITTED) };
    routes
        .route("/openapi.json", get(show))
        .route("/asyncapi.json", get(events))
        .with_state(Arc::new(app))
}

/// The OpenAPI 3.1 document of the routes, as it is committed and served.
///
/// # Errors
/// None of its parts has a key that is not text, and nothing else can fail.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    described().split_for_parts().1.to_pretty_json().map(|text| text + "\n")
}

fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(document::Document::openapi())
        .routes(routes!(restaurants::register, restaurants::show))
        .routes(routes!(place_order::place, list_orders::list))
        .routes(routes!(show_order::show))
        .routes(routes!(decide_order::accept))
        .routes(routes!(decide_order::reject))
        .routes(routes!(decide_order::complete))
        .routes(routes!(decide_order::cancel))
        .routes(routes!(operate_order::redrive))
        .routes(routes!(operate_order::redrive_task))
        .routes(routes!(operate_order::retry))
        .routes(routes!(operate_order::extend))
        .routes(routes!(order_history::history))
        .routes(routes!(bulk_actions::start, bulk_actions::list))
        .routes(routes!(bulk_actions::show))
        .routes(routes!(bulk_actions::pause))
        .routes(routes!(bulk_actions::resume))
        .routes(routes!(bulk_actions::cancel))
        .routes(routes!(show_flow::show))
}

/// The request as the cause of what it changes.
fn cause(trace: TraceParent) -> Cause {
    Cause { traceparent: Some(trace.to_string()), causation_id: None }
}

#[cfg(test)]
mod tests;
