//! What the process tells over HTTP.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::ingest::{Statuses, TableStatus};

/// Largest body of a request; nothing here takes one.
pub const BODY_LIMIT_BYTES: usize = 1024;

/// `GET /v1/tables`: each table with its version, its files and its positions.
pub fn router(statuses: Statuses) -> Router {
    Router::new().route("/v1/tables", get(tables)).with_state(statuses)
}

#[derive(Serialize)]
struct Tables {
    tables: BTreeMap<String, TableStatus>,
}

async fn tables(State(statuses): State<Statuses>) -> Json<Tables> {
    Json(Tables { tables: statuses.all() })
}
