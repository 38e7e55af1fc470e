//! `POST /v1/restaurants/{id}/feed-tickets`, and what a ticket stands for at the door.

use super::Api;
use super::document::ProblemView;
use super::policy::{judge_restaurant, restaurant_not_found};
use super::principal::{Caller, Principal};
use super::problem::{Answer, Refusal};
use super::view::Moment;
use crate::app::App;
use crate::domain::Timestamp;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::auth::Verified;
use chassis::http::{Json, Path, Problem};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A ticket for one stream.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedTicket)]
pub struct TicketView<'a> {
    /// Hand it over as `ticket` in the query: it is shown here and never again.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    ticket: &'a str,
    /// It is good before this moment.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
}

/// Gives a ticket for one stream of this restaurant's feed, to whoever cannot send a token there, such as a
/// browser's `EventSource`.
///
/// It is good for half a minute and for one connection, at any instance; the stream ends when the token that it
/// was asked for with expires. A connection that was cut needs another ticket.
#[utoipa::path(
    post,
    path = "/v1/restaurants/{id}/feed-tickets",
    operation_id = "issue_feed_ticket",
    tag = "restaurants",
    params(("id" = String, Path, description = "The restaurant's id")),
    responses(
        (status = 201, description = "The ticket", body = TicketView),
        (status = 404, description = "There is no such restaurant for the caller", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn issue(State(app): Api, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    app.restaurant(&id).await?.ok_or_else(restaurant_not_found)?;
    let holder = caller.ticket_holder(id, Timestamp(caller.until_us()));
    let (ticket, expires_at) = app.issue_ticket(holder).await?;
    let view = Json(TicketView { ticket: &ticket, expires_at: expires_at.into() });
    let private = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, private, view).into_response())
}

/// Whom this ticket stands for. It is taken by that.
///
/// # Errors
/// A problem with status 401 if it is not good, whyever.
pub async fn take(app: Arc<App>, ticket: String) -> Result<Verified<Principal>, Box<Problem>> {
    let taken = app.take_ticket(&ticket).await;
    let holder = taken.map_err(|failure| Refusal::from(failure).into_problem())?;
    let until_us = holder.as_ref().map_or(0, |holder| holder.until.0);
    let principal = holder.and_then(Principal::of_ticket).ok_or_else(|| Box::new(no_good()))?;
    Ok(Verified::new(principal, until_us))
}

fn no_good() -> Problem {
    let detail = "this ticket was taken, has expired, or is none: ask for a new one";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_ticket", detail)
        .challenge("Bearer realm=\"takeaway\"".to_owned())
}
