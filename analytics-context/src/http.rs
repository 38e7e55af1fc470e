//! What the process tells over HTTP.

use std::collections::BTreeMap;

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

/// Largest body of a request; nothing here takes one.
pub const BODY_LIMIT_BYTES: usize = 1024;

/// `GET /v1/tables`: each table by name, as `status` knows them at that moment.
pub fn router<Status, Known>(status: Status) -> Router
where
    Status: Fn() -> BTreeMap<String, Known> + Clone + Send + Sync + 'static,
    Known: Serialize + Send + 'static,
{
    Router::new()
        .route("/v1/tables", get(move || async move { Json(Tables { tables: status() }) }))
        .merge(chassis::http::problem_pages(&[]))
}

#[derive(Serialize)]
struct Tables<Known> {
    tables: BTreeMap<String, Known>,
}
