//! `GET /v1/orders`.

use super::document::ProblemView;
use super::problem::Answer;
use super::view::OrderView;
use super::{Api, cursor};
use crate::app::OrdersQuery;
use crate::domain::Status;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which orders to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only those in this status.
    #[param(value_type = Option<String>, example = "placed")]
    status: Option<Status>,
    /// Only those of this restaurant.
    restaurant_id: Option<String>,
    /// Most orders on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before; the newest orders when absent.
    cursor: Option<String>,
}

/// One page of orders.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub struct PageView<'a> {
    /// The newest first, without their tasks.
    orders: Vec<OrderView<'a>>,
    /// Hand it back as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Lists orders, the newest first.
///
/// Orders placed while the pages are walked stand before the first page: no order is shown twice,
/// and none that was there is left out, except that a filter by status judges each order when its
/// page is read.
#[utoipa::path(
    get,
    path = "/v1/orders",
    operation_id = "list_orders",
    tag = "orders",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of orders", body = PageView),
        (status = 400, description = "Status, limit or cursor is none", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): Api, Query(query): Query<ListQuery>) -> Answer<Response> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("limit must lie between 1 and {MAX_LIMIT}: choose another");
        return Err(Problem::bad_request("invalid_query", detail).into());
    }
    let after = match query.cursor.as_deref().map(cursor::read) {
        Some(None) => {
            let detail = "cursor must be a next_cursor of this API: hand it back as it came";
            return Err(Problem::bad_request("invalid_cursor", detail).into());
        }
        after => after.flatten(),
    };
    let ListQuery { status, restaurant_id, .. } = query;
    let page = app.orders(OrdersQuery { status, restaurant_id, after, limit }).await?;
    let now = app.now();
    let last = page.orders.last().filter(|_| page.has_more);
    let view = PageView {
        orders: page.orders.iter().map(|order| OrderView::new(order, now)).collect(),
        next_cursor: last.map(cursor::after),
    };
    Ok(Json(view).into_response())
}
