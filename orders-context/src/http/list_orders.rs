//! `GET /v1/orders`.

use super::Api;
use super::document::ProblemView;
use super::policy::restaurant_not_found;
use super::principal::Caller;
use super::problem::Answer;
use super::view::OrderView;
use crate::app::{ListOrders, OrdersFilter, OrdersSort, TaskCondition};
use crate::domain::{Actor, FlowVersion, Status, Timestamp};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::clock::parse_rfc3339;
use chassis::http::{Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which orders to show: those for which everything holds that is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only those in one of these statuses, separated by commas.
    #[param(example = "placed,notified")]
    status: Option<String>,
    /// Only those of this restaurant. A token for several restaurants must name one.
    restaurant_id: Option<String>,
    /// Only those of this customer. Customers see their own in any case.
    customer_id: Option<String>,
    /// Only those placed at this moment or later.
    #[param(format = DateTime)]
    placed_from: Option<String>,
    /// Only those placed before this moment.
    #[param(format = DateTime)]
    placed_before: Option<String>,
    /// Only those that are not at rest and have been in their status for so many milliseconds or longer.
    #[param(minimum = 0)]
    age_ms: Option<i64>,
    /// Only those that are not at rest and whose deadline comes within so many milliseconds or has passed.
    #[param(minimum = 0)]
    deadline_within_ms: Option<i64>,
    /// Only those with a task that is `open`, `retrying` (open, and an attempt failed: not
    /// those that wait for an endpoint alone) or `given_up`.
    #[param(value_type = Option<String>, example = "given_up")]
    task: Option<TaskCondition>,
    /// Only those with a task that is not done and whose last attempt failed with this code; with
    /// `task` too, it is the same task.
    #[param(example = "http_503")]
    last_error: Option<String>,
    /// Only those that follow this flow.
    #[param(minimum = 1, example = 1)]
    flow_version: Option<i32>,
    /// `true`: only those that are not at rest and stand longer in their status than 99 of 100 orders that
    /// have left it, by `spent_p99_ms` of `GET /v1/flow` at this moment. In a status that no order has
    /// left yet, none is stuck.
    stuck: Option<bool>,
    /// `placed`, `deadline` or `age` (time in the present status), ascending, or descending with a `-`
    /// in front; `-placed`, the newest first, when absent. By `deadline` and `age` only orders that are
    /// not at rest are listed.
    #[param(value_type = Option<String>, example = "-placed")]
    sort: Option<OrdersSort>,
    /// Most orders on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before, asked for with the same filters and the same `sort`.
    cursor: Option<String>,
}

/// One page of orders.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub struct PageView<'a> {
    /// In the order asked for, without their tasks. May be fewer than `limit`, even none, while there
    /// is a `next_cursor`.
    orders: Vec<OrderView<'a>>,
    /// Hand it back as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Lists orders.
///
/// Orders placed or moved while the pages are walked do not move the place of a cursor: no order that
/// stays where it is is shown twice or left out. Whether an order is what is looked for is judged
/// when its page is read. Orders in compact history, where they go a day after they have come to rest,
/// are not listed; they are found by their id as before.
#[utoipa::path(
    get,
    path = "/v1/orders",
    operation_id = "list_orders",
    tag = "orders",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of orders", body = PageView),
        (status = 400, description = "A filter, sort or limit is none, or the cursor is of another \
            listing", body = ProblemView, content_type = "application/problem+json"),
        (status = 404, description = "There is no such restaurant or customer for the caller",
            body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): Api,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Answer<Response> {
    let query = query.narrowed_to(&caller.actor)?;
    let page = app.orders(query.question()?).await?;
    let now = app.now();
    let orders = page.orders.iter().map(|order| OrderView::new(order, now)).collect();
    Ok(Json(PageView { orders, next_cursor: page.next_cursor }).into_response())
}

impl ListQuery {
    /// The same, of those orders only that `actor` may know of.
    fn narrowed_to(mut self, actor: &Actor) -> Result<Self, Problem> {
        match actor {
            Actor::Customer(own) => match &self.customer_id {
                Some(other) if other != own => {
                    let detail = "There is no customer with this id.";
                    return Err(Problem::not_found("customer_not_found", detail));
                }
                _ => self.customer_id = Some(own.clone()),
            },
            Actor::Restaurant(own) => match (&self.restaurant_id, own.as_slice()) {
                (Some(wanted), own) if own.contains(wanted) => {}
                (Some(_), _) => return Err(restaurant_not_found()),
                (None, [only]) => self.restaurant_id = Some(only.clone()),
                (None, _) => {
                    let detail = "your token is for several restaurants: name restaurant_id";
                    return Err(Problem::bad_request("restaurant_required", detail));
                }
            },
            Actor::Operator | Actor::Service => {}
        }
        Ok(self)
    }

    fn question(self) -> Result<ListOrders, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(refused(format!("limit must lie between 1 and {MAX_LIMIT}")));
        }
        if self.age_ms.is_some_and(|ms| ms < 0) || self.deadline_within_ms.is_some_and(|ms| ms < 0)
        {
            return Err(refused("age_ms and deadline_within_ms must not be negative"));
        }
        let statuses = self.status.iter().flat_map(|words| words.split(','));
        let filter = OrdersFilter {
            status: statuses.map(status).collect::<Result<_, _>>()?,
            restaurant_id: self.restaurant_id,
            customer_id: self.customer_id,
            placed_from: moment("placed_from", self.placed_from)?,
            placed_before: moment("placed_before", self.placed_before)?,
            age_ms: self.age_ms,
            deadline_within_ms: self.deadline_within_ms,
            task: self.task,
            last_error: self.last_error,
            flow_version: self.flow_version.map(flow).transpose()?,
            stuck: self.stuck.unwrap_or_default(),
        };
        let sort = self.sort.unwrap_or(OrdersSort::Newest);
        Ok(ListOrders { filter, sort, cursor: self.cursor, limit })
    }
}

fn status(word: &str) -> Result<Status, Problem> {
    Status::from_word(word).ok_or_else(|| {
        let known: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        refused(format!("status knows {}, separated by commas", known.join(", ")))
    })
}

fn flow(number: i32) -> Result<FlowVersion, Problem> {
    FlowVersion::try_from(number).map_err(refused)
}

fn moment(name: &str, text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at = parse_rfc3339(&text).map(Timestamp);
    at.map(Some).ok_or_else(|| refused(format!("{name} must be a moment as in RFC 3339")))
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::bad_request("invalid_query", detail.into())
}
