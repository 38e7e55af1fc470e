//! `POST /v1/erasure-requests` and `GET /v1/erasure-requests/{id}`.

mod receipt;

use super::document::ProblemView;
use super::faults::{Faults, ID_RULE, is_id};
use super::principal::Caller;
use super::problem::Answer;
use super::{Api, idempotency};
use crate::app::Person;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path, Problem};
use receipt::ReceiptView;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Builder;

/// What keys of this route begin with.
const SCOPE: &str = "POST /v1/erasure-requests";

/// Who is to be erased: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewErasure {
    /// The customer's id: all their orders.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:-]+$", example = "c-1815")]
    customer_id: Option<String>,
    /// A mail address: the orders that give it.
    #[schema(format = "email", max_length = 254, example = "ada@example.org")]
    email: Option<String>,
}

/// Asks for a person to be erased.
///
/// Once this answers 202, it will be done, also after a crash: everything that can be read, and what
/// cannot is told as `unreadable`. `Location` leads to the receipt. The same request under the same key is the
/// same erasure; another person under a used key is another erasure, and no 422, for nothing is kept by which
/// an erased person could be compared.
#[utoipa::path(
    post,
    path = "/v1/erasure-requests",
    operation_id = "request_erasure",
    tag = "persons",
    request_body = NewErasure,
    params((
        "Idempotency-Key" = String, Header, description = "A new value for each new request, in \
            double quotes; the same value when it is repeated", example = "\"erase-41\"", pattern = r#"^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$"#
    )),
    responses(
        (status = 202, description = "The receipt so far", body = ReceiptView,
            headers(("Location" = String, description = "Where the receipt is"))),
        (status = 400, description = "No key, or no JSON", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "It names nobody, or two", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn request(
    State(app): Api,
    caller: Caller,
    headers: HeaderMap,
    Json(new): Json<NewErasure>,
) -> Answer<Response> {
    let key = idempotency::key(&headers, SCOPE, &caller.key())?;
    let (person, named) = person(new)?;
    // The same request under the same key is the same erasure; of whom it was, nothing else is kept.
    let hash = Sha256::digest(format!("{key}\n{named}"));
    let id = Builder::from_custom_bytes(std::array::from_fn(|at| hash[at])).into_uuid().to_string();
    let erasure = app.ask_erasure(&id, person).await?;
    let location = format!("/v1/erasure-requests/{id}");
    let receipt = Json(ReceiptView::of(&erasure));
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], receipt).into_response())
}

/// Shows what has been erased, and where was looked for it.
#[utoipa::path(
    get,
    path = "/v1/erasure-requests/{id}",
    operation_id = "show_erasure",
    tag = "persons",
    params(("id" = String, Path, description = "The request's id")),
    responses(
        (status = 200, description = "The receipt", body = ReceiptView),
        (status = 404, description = "There is no such request", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): Api, Path(id): Path<String>) -> Answer<Response> {
    let erasure = app.erasure(&id).await?.ok_or_else(|| {
        let detail = "There is no request to erase somebody with this id.";
        Problem::not_found("erasure_not_found", detail)
    })?;
    Ok(Json(ReceiptView::of(&erasure)).into_response())
}

fn person(new: NewErasure) -> Answer<(Person, String)> {
    let mut faults = Faults::default();
    let person = match (new.customer_id, new.email) {
        (Some(id), None) => {
            if !is_id(&id) {
                faults.at("/customer_id", ID_RULE);
            }
            Some((Person::Customer(id.clone()), id))
        }
        (None, Some(email)) => {
            if email.parse::<lettre::Address>().is_err() {
                faults.at("/email", "must be a mail address");
            }
            Some((Person::Mail(email.clone()), email))
        }
        _ => {
            faults.at("", "must have customer_id or email, and not both");
            None
        }
    };
    faults.none()?;
    person.ok_or_else(|| Problem::unprocessable("invalid_body", "it names nobody").into())
}
