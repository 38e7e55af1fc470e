//! `GET /v1/orders/{id}/history`.

mod data;

use super::Api;
use super::document::ProblemView;
use super::policy::{judge_order, judge_owner};
use super::principal::Caller;
use super::problem::Answer;
use super::view::Moment;
use crate::app::JournalRow;
use crate::domain::Actor;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path, Problem, Query};
use data::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// Which part of the history to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only what came after this sequence; everything when absent.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Most entries on the page; 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// What happened to an order.
#[derive(Serialize, ToSchema)]
#[schema(as = History)]
pub struct HistoryView<'a> {
    /// In the order in which it happened.
    entries: Vec<EntryView<'a>>,
    /// Hand it back as `after` for the next page; null when there is none at present.
    #[schema(required)]
    next_after: Option<i64>,
}

/// One fact.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
pub struct EntryView<'a> {
    /// From 1, without gaps.
    sequence: i64,
    /// UUIDv7; the same as on the topic.
    event_id: &'a str,
    /// What happened. More types may come.
    #[schema(value_type = String, example = "order_accepted")]
    event_type: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Moment,
    /// In what capacity it was caused: `customer`, `restaurant`, `operator` or `system`.
    #[schema(example = "restaurant")]
    actor: &'a str,
    /// Where the order stood afterwards.
    #[schema(value_type = String, example = "accepted")]
    status: &'static str,
    /// What belongs to this type of event.
    #[schema(value_type = Object)]
    data: Data<'a>,
}

/// Shows what happened to an order, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}/history",
    operation_id = "order_history",
    tag = "orders",
    params(("id" = String, Path, description = "The order's id"), HistoryQuery),
    responses(
        (status = 200, description = "A page of the order's history", body = HistoryView),
        (status = 400, description = "The limit is none", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such order", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn history(
    State(app): Api,
    caller: Caller,
    Path(order_id): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Answer<Response> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("limit must lie between 1 and {MAX_LIMIT}: choose another");
        return Err(Problem::bad_request("invalid_query", detail).into());
    }
    if query.after.is_some_and(|after| after < 0) {
        let detail = "after must be a sequence: 0 or more";
        return Err(Problem::bad_request("invalid_query", detail).into());
    }
    let rows = app.history(&order_id, query.after.unwrap_or(0), limit + 1).await?;
    match rows.first() {
        Some(row) => judge_owner(&caller.actor, &row.customer_id, &row.restaurant_id)?,
        None => judge_order(&caller.actor, &app.order(&order_id).await?.order)?,
    }
    // Who of the staff acted, and why, is for those who look after orders.
    let sees_who_and_why = matches!(*caller.actor, Actor::Operator | Actor::Service);
    let page = rows.get(..limit).unwrap_or(&rows);
    let last = page.last().filter(|_| page.len() < rows.len());
    let view = HistoryView {
        entries: page.iter().map(|row| EntryView::new(row, sees_who_and_why)).collect(),
        next_after: last.map(|row| row.sequence),
    };
    Ok(Json(view).into_response())
}

impl<'a> EntryView<'a> {
    fn new(row: &'a JournalRow, sees_who_and_why: bool) -> Self {
        let data = Data::of(&row.event);
        Self {
            sequence: row.sequence,
            event_id: &row.event_id,
            event_type: row.event.event_type(),
            occurred_at: row.occurred_at.into(),
            actor: &row.actor,
            status: row.status.as_str(),
            data: if sees_who_and_why { data } else { data.without_intervention() },
        }
    }
}
