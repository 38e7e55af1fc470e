//! `GET /v1/customers/{customer_id}/vouchers`.

use axum::extract::State;
use chassis::clock::rfc3339;
use chassis::http::{Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::principal::Caller;
use super::{Api, cursor};
use crate::domain::Voucher;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// Which page to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Most vouchers on the page; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; the newest vouchers when absent.
    cursor: Option<String>,
}

/// One page of a customer's vouchers.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoucherPage {
    /// The newest first.
    vouchers: Vec<VoucherView>,
    /// Hand it back as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A voucher, for its customer's eyes.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoucherView {
    /// Its id, a UUID.
    voucher_id: String,
    /// What the customer types in to spend it.
    #[schema(example = "7Q4M-0ZKD-91XW-W")]
    code: String,
    /// `issued`: it can be spent. `expired`: its time is over. More states will come.
    #[schema(example = "issued")]
    state: &'static str,
    /// What it is worth, in minor units of `currency`.
    value_minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// The smallest order it can be spent on, in minor units of `currency`.
    minimum_minor: i64,
    /// The first moment at which it cannot be spent any more.
    #[schema(format = "date-time")]
    valid_until: String,
    /// The order that earned it.
    order_id: String,
}

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
    code: String,
    /// The path that was asked for.
    instance: Option<String>,
    /// What to quote when reporting it.
    trace_id: Option<String>,
}

/// Shows a customer's vouchers, the newest first.
///
/// A customer without vouchers gets an empty list; to anybody else there is no such customer.
#[utoipa::path(
    get,
    operation_id = "list_vouchers",
    path = "/v1/customers/{customer_id}/vouchers",
    params(("customer_id" = String, Path, description = "Opaque id of the customer"), PageQuery),
    responses(
        (status = 200, description = "A page of vouchers", body = VoucherPage),
        (status = 400, description = "The limit or the cursor is none", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(customer_id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<VoucherPage>, Problem> {
    if !caller.knows(&customer_id) {
        let detail = "There is no customer with this id.";
        return Err(Problem::not_found("customer_not_found", detail));
    }
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("limit must lie between 1 and {MAX_LIMIT}: choose another");
        return Err(Problem::bad_request("invalid_query", detail));
    }
    let after = match query.cursor.as_deref().map(cursor::read) {
        Some(None) => {
            let detail = "cursor must be a next_cursor of this API: hand it back as it came";
            return Err(Problem::bad_request("invalid_cursor", detail));
        }
        after => after.flatten(),
    };
    let list_vouchers = api.list_vouchers.clone();
    let list = move || list_vouchers.run(&customer_id, after.as_ref(), limit);
    let page = tokio::task::spawn_blocking(list)
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let now_us = api.clock.now_us();
    Ok(Json(VoucherPage {
        next_cursor: page.next.as_ref().map(cursor::write),
        vouchers: page.vouchers.into_iter().map(|voucher| view(voucher, now_us)).collect(),
    }))
}

fn view(voucher: Voucher, now_us: i64) -> VoucherView {
    VoucherView {
        state: voucher.state_at(now_us).as_str(),
        code: voucher.code.to_string(),
        voucher_id: voucher.issued.voucher_id,
        value_minor: voucher.issued.value_minor,
        currency: voucher.issued.currency,
        minimum_minor: voucher.issued.minimum_minor,
        valid_until: rfc3339(voucher.issued.valid_until_us),
        order_id: voucher.issued.order_id,
    }
}
