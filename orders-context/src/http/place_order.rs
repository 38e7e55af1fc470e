//! `POST /v1/orders`.

use super::document::ProblemView;
use super::etag::etag;
use super::faults::{Faults, ID_RULE, MAIL_RULE, NAME_RULE, is_id, is_mail_address, is_name};
use super::principal::Caller;
use super::problem::Answer;
use super::view::OrderView;
use super::{Api, cause, idempotency};
use crate::app::Contact;
use crate::app::PlaceOrder;
use crate::domain::Actor;
use axum::Extension;
use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Problem, RawJson};
use chassis::telemetry::trace::TraceParent;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// What keys of this route begin with.
const SCOPE: &str = "POST /v1/orders";

/// What a customer asks for. Prices come from the menu.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Where.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "nino")]
    restaurant_id: String,
    /// How to reach who orders.
    customer: NewCustomer,
    /// What.
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<NewItem>,
    /// What the restaurant should know.
    #[schema(
        max_length = 500,
        example = "Second floor, the bell says Byron.",
        pattern = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"
    )]
    note: Option<String>,
}

/// How to reach who orders, whose id is that of the token. Name and address leave the orders context
/// in mail only.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    /// The person's name.
    #[schema(
        min_length = 1,
        max_length = 200,
        example = "Ada Lovelace",
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    /// Where news of the order goes.
    #[schema(format = "email", max_length = 254, example = "ada@example.org")]
    email: String,
}

/// A dish and how many of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// From the restaurant's menu.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$",
        example = "margherita"
    )]
    item_id: String,
    /// How many.
    #[schema(minimum = 1, maximum = 99, example = 2)]
    quantity: u32,
}

/// Places an order.
///
/// Once this answers 201, the order is durable. For a day the same request with the same key gets the same
/// answer again, whatever has become of the order meanwhile; then the key is forgotten.
#[utoipa::path(
    post,
    path = "/v1/orders",
    operation_id = "place_order",
    tag = "orders",
    request_body = NewOrder,
    params((
        "Idempotency-Key" = String, Header, description = "A new value for each new order, in \
            double quotes; the same value when the request is repeated. One that grows with time, as a UUIDv7 does, \
            costs less to keep than a random one", example = "\"b7f1-41\"", pattern = r#"^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$"#
    )),
    responses(
        (status = 201, description = "The order as it was placed", body = OrderView,
            headers(
                ("Location" = String, description = "Where the order is"),
                ("ETag" = String, description = "Names this state of the order"),
            )),
        (status = 400, description = "No key, or no JSON", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "The restaurant takes no orders now (`until` says until when, if it is \
            known) or no more (`capacity`), or the customer has as many open as one may", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "The order makes no sense, or the key was used for another",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now: repeat it after Retry-After with the same key",
            body = ProblemView, content_type = "application/problem+json"),
    )
)]
pub async fn place(
    State(app): Api,
    caller: Caller,
    Extension(trace): Extension<TraceParent>,
    headers: HeaderMap,
    body: RawJson<NewOrder>,
) -> Answer<Response> {
    let Actor::Customer(customer_id) = &*caller.actor else {
        return Err(nobody_elses().into());
    };
    let idempotency_key = idempotency::key(&headers, SCOPE, customer_id)?;
    let order = body.value;
    check(&order)?;
    let wanted = PlaceOrder {
        restaurant_id: order.restaurant_id,
        customer_id: customer_id.clone(),
        items: order.items.into_iter().map(|item| (item.item_id, item.quantity)).collect(),
        contact: Contact {
            name: order.customer.name,
            email: order.customer.email,
            note: order.note,
            remark: None,
        },
        idempotency_key,
        request_hash: Sha256::digest(&body.bytes).to_vec(),
    };
    let placed = app.place_order(wanted, cause(trace)).await?;
    let view = OrderView::as_placed(&placed.order);
    let location = format!("/v1/orders/{}", placed.order.order_id);
    let etag = etag(&view);
    Ok((StatusCode::CREATED, [(LOCATION, location)], [(ETAG, etag)], Json(view)).into_response())
}

/// The policy lets customers through alone.
fn nobody_elses() -> Problem {
    Problem::forbidden("not_for_role", "an order is placed by its customer")
}

fn check(order: &NewOrder) -> Answer<()> {
    let mut faults = Faults::default();
    if !is_id(&order.restaurant_id) {
        faults.at("/restaurant_id", ID_RULE);
    }
    check_customer(&order.customer, &mut faults);
    if !(1..=50).contains(&order.items.len()) {
        faults.at("/items", "must be 1 to 50 items");
    }
    for (at, item) in order.items.iter().enumerate() {
        if !is_id(&item.item_id) {
            faults.at(format!("/items/{at}/item_id"), ID_RULE);
        }
        if !(1..=99).contains(&item.quantity) {
            faults.at(format!("/items/{at}/quantity"), "must lie between 1 and 99");
        }
    }
    if order.note.as_ref().is_some_and(|note| note.chars().nth(500).is_some()) {
        faults.at("/note", "must be 500 characters or fewer");
    }
    let is_odd = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    if order.note.as_ref().is_some_and(|note| note.contains(is_odd)) {
        faults.at("/note", "must hold no control characters but line breaks");
    }
    faults.none()
}

fn check_customer(customer: &NewCustomer, faults: &mut Faults) {
    if !is_name(&customer.name) {
        faults.at("/customer/name", NAME_RULE);
    }
    if !is_mail_address(&customer.email) {
        faults.at("/customer/email", MAIL_RULE);
    }
}
