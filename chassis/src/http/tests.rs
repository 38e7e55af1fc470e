//! The router from outside: a small kitchen whose every refusal is a problem.

mod encryption;
mod pages;
mod refusals;
mod serving;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt;

use super::router::with_limits;
use super::{Health, Json, OptionalJson, Path, Problem, Query, RawJson};
use crate::telemetry::trace::TraceParent;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const BODY_LIMIT_BYTES: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    dish: String,
    quantity: u8,
}

#[derive(Deserialize)]
struct Page {
    limit: u8,
}

/// An answer as a client sees it.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

fn kitchen(health: Health) -> Router {
    let api = Router::new()
        .route("/orders", post(|Json(order): Json<Order>| async move { Json(order) }))
        .route("/raw", post(|order: RawJson<Order>| async move { order.bytes }))
        .route(
            "/optional",
            post(|OptionalJson(order): OptionalJson<Order>| async move {
                order.map_or(0, |order| order.items.len()).to_string()
            }),
        )
        .route("/orders", get(|Query(page): Query<Page>| async move { page.limit.to_string() }))
        .route("/orders/{number}", get(|Path(number): Path<u32>| async move { number.to_string() }))
        .route(
            "/trace",
            get(|Extension(trace): Extension<TraceParent>| async move { trace.to_string() }),
        )
        .route("/cold", get(cold))
        .route(
            "/fallen",
            get(|| async { Problem::internal(anyhow::anyhow!("sauce on the floor")) }),
        )
        .route("/full", get(|| async { Problem::unavailable("full", "come later").retry_after(7) }))
        .route(
            "/kept",
            get(|| async {
                ([("content-type", "application/problem+json")], "{\"code\":\"kept\"}")
            }),
        )
        .route(
            "/kept-refusal",
            get(|| async {
                let headers = [("content-type", "application/problem+json")];
                (StatusCode::CONFLICT, headers, "{\"code\":\"kept\"}")
            }),
        )
        .route("/plain", get(|| async { (StatusCode::FORBIDDEN, "not your table") }))
        .route("/unchanged", get(|| async { StatusCode::NOT_MODIFIED }))
        .route("/never", get(std::future::pending::<()>));
    let metrics = crate::metrics::install();
    with_limits(api, health, metrics, BODY_LIMIT_BYTES, Duration::from_millis(200))
}

async fn cold() -> StatusCode {
    panic!("the soup is cold")
}

async fn ask(request: Request<Body>) -> Answer {
    ask_at(kitchen(Health::new()), request).await
}

async fn ask_at(kitchen: Router, request: Request<Body>) -> Answer {
    let (parts, body) = kitchen.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

fn get_request(path: &str) -> Request<Body> {
    Request::get(path).header("traceparent", TRACEPARENT).body(Body::empty()).unwrap()
}

fn order(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/orders").header("content-type", "application/json");
    request.body(body.into()).unwrap()
}
