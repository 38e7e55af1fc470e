//! `GET` and `PUT /v1/restaurants/{id}/availability`.

use super::Api;
use super::document::ProblemView;
use super::etag::{is_known, names_one};
use super::faults::{Faults, REASON_CODE_RULE, is_reason_code};
use super::policy::{judge_restaurant, restaurant_not_found};
use super::principal::Caller;
use super::problem::Answer;
use super::view::Moment;
use crate::app::{App, AppPresence, Failure, SetAvailability};
use crate::domain::{Availability, MOST_IN_WORK, Opening, Role, Timestamp};
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::clock::parse_rfc3339;
use chassis::http::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a restaurant wants to stand to new orders. What is left out is not kept from before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAvailability {
    /// `open`; `paused`, for a while; or `closed`.
    opening: OpeningWord,
    /// When it opens again by itself; only unless it is open. Without it, it stays so until it is opened.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// A code of the caller's choice, never a person's words; only unless it is open.
    #[schema(pattern = "^[a-z][a-z_]{1,39}$", example = "oven_broken")]
    reason: Option<String>,
    /// How many orders may be in work at once, those that wait for an answer included; any number if
    /// it is left out.
    #[schema(minimum = 1, maximum = 10_000, example = 20)]
    capacity: Option<u32>,
}

/// Whether a restaurant takes orders.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpeningWord {
    /// It does.
    Open,
    /// Not for a while.
    Paused,
    /// Not before it opens again.
    Closed,
}

/// How a restaurant stands to new orders.
#[derive(Serialize, ToSchema)]
#[schema(as = Availability)]
pub struct AvailabilityView<'a> {
    /// Whose.
    restaurant_id: &'a str,
    /// What was said last: `open`, `paused` or `closed`. Once `until` has come, it is open.
    #[schema(value_type = String, example = "paused")]
    opening: &'static str,
    /// When it opens by itself; null if it is open, or stays so until it is opened.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    until: Option<Moment>,
    /// Why: `no_answer` after orders that expired, `too_busy` or `closed` after such a rejection, or the
    /// code that was given.
    #[schema(required, example = "no_answer")]
    reason: Option<&'a str>,
    /// Who said so: `restaurant`, `operator`, or `system` for what came about by itself.
    #[schema(value_type = String, example = "system")]
    set_by: &'static str,
    /// When; null if nothing was ever said.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    since: Option<Moment>,
    /// How many orders may be in work at once; null for any number.
    #[schema(required)]
    capacity: Option<u32>,
    /// How many orders expired since it last answered one.
    expired_in_a_row: u32,
    /// Whether an app of it follows its feed.
    app_connected: bool,
    /// Since when it does, or does not any more; null if none is known to have.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    app_since: Option<Moment>,
}

/// Shows whether a restaurant takes orders, and why not.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}/availability",
    operation_id = "show_availability",
    tag = "restaurants",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that is known already"),
    ),
    responses(
        (status = 200, description = "How it stands", body = AvailabilityView,
            headers(("ETag" = String, description = "Changes whenever the answer does"))),
        (status = 304, description = "Nothing has changed"),
        (status = 404, description = "There is no such restaurant", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): Api, Path(id): Path<String>, headers: HeaderMap) -> Answer<Response> {
    let availability = app.availability(&id).await.map_err(in_path)?;
    let presence = app.app_presence(&id).await?;
    let tag = tag(&availability, presence);
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    Ok(answer(&id, &availability, presence))
}

/// Says whether a restaurant takes orders from now on. An order that comes in while it is paused, closed
/// or full is refused, with `Retry-After`; those in work are not touched.
#[utoipa::path(
    put,
    path = "/v1/restaurants/{id}/availability",
    operation_id = "set_availability",
    tag = "restaurants",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("If-Match" = Option<String>, Header, description = "An ETag: what it must still stand like. An app \
            that has come or gone since does not count, for this changes nothing of that"),
    ),
    request_body = NewAvailability,
    responses(
        (status = 200, description = "How it stands now", body = AvailabilityView,
            headers(("ETag" = String, description = "Changes whenever the answer does"))),
        (status = 404, description = "There is no such restaurant", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 409, description = "Others keep changing it", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 412, description = "It stands otherwise than If-Match says", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "What was said makes no sense", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn set(
    State(app): Api,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(new): Json<NewAvailability>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    let said = said(new, app.now(), caller.actor.role())?;
    let only_at = only_at(&app, &id, &headers).await?;
    match app.set_availability(&id, said, only_at).await.map_err(in_path)? {
        Some(availability) => Ok(answer(&id, &availability, app.app_presence(&id).await?)),
        None => Err(Problem::precondition_failed(
            "precondition_failed",
            "It stands otherwise by now: fetch it again, with its ETag, and decide anew.",
        )
        .into()),
    }
}

fn said(new: NewAvailability, now: Timestamp, by: Role) -> Answer<SetAvailability> {
    let mut faults = Faults::default();
    let NewAvailability { opening, until, reason, capacity } = new;
    let opening = opening.opening();
    if opening == Opening::Open {
        let rule = "belongs to paused and closed: leave it out";
        until.iter().for_each(|_| faults.at("/until", rule));
        reason.iter().for_each(|_| faults.at("/reason", rule));
    }
    let moment = until.as_deref().map(parse_rfc3339);
    if moment.is_some_and(|at| at.is_none_or(|at| at <= now.0)) {
        faults.at("/until", "must be a moment in RFC 3339 that is still to come");
    }
    if reason.as_deref().is_some_and(|reason| !is_reason_code(reason)) {
        faults.at("/reason", REASON_CODE_RULE);
    }
    if capacity.is_some_and(|capacity| !(1..=MOST_IN_WORK).contains(&capacity)) {
        faults.at("/capacity", "must be from 1 to 10000; leave it out for any number");
    }
    faults.none()?;
    Ok(SetAvailability { opening, until: moment.flatten().map(Timestamp), reason, capacity, by })
}

/// The version that may be changed: any, unless the request names the present one or another. Whether an app
/// is connected is part of the tag, and of nothing that is overwritten.
async fn only_at(app: &App, id: &str, headers: &HeaderMap) -> Answer<Option<i64>> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let present = app.availability(id).await.map_err(in_path)?;
    let such = version_tag(&present);
    let is_named = names_one(headers, |tag| tag.starts_with(&such) && tag.ends_with('"'));
    Ok(is_named.map(|is_named| if is_named { present.version } else { NO_VERSION }))
}

/// Nothing has this version.
const NO_VERSION: i64 = -1;

fn answer(id: &str, availability: &Availability, presence: AppPresence) -> Response {
    let tag = [(ETAG, tag(availability, presence))];
    (tag, Json(AvailabilityView::of(id, availability, presence))).into_response()
}

/// Every change gives another version; an app that comes or goes does so at another moment.
fn tag(availability: &Availability, presence: AppPresence) -> HeaderValue {
    let AppPresence { is_connected, since } = presence;
    let app = if is_connected { "on" } else { "off" };
    let since_us = since.map_or(0, |since| since.0);
    let text = format!("{}{app}-{since_us}\"", version_tag(availability));
    // Letters, digits and quotes are always a header's value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// How every tag of this version begins.
fn version_tag(availability: &Availability) -> String {
    format!("\"availability-{}-", availability.version)
}

/// The restaurant is in the path here, not in a body.
fn in_path(failure: Failure) -> super::problem::Refusal {
    match failure {
        Failure::UnknownRestaurant => restaurant_not_found().into(),
        failure => failure.into(),
    }
}

impl OpeningWord {
    fn opening(self) -> Opening {
        match self {
            Self::Open => Opening::Open,
            Self::Paused => Opening::Paused,
            Self::Closed => Opening::Closed,
        }
    }
}

impl<'a> AvailabilityView<'a> {
    fn of(restaurant_id: &'a str, availability: &'a Availability, presence: AppPresence) -> Self {
        let said_ever = availability.since != Timestamp::beginning();
        Self {
            restaurant_id,
            opening: availability.opening.as_str(),
            until: availability.until.map(Moment::from),
            reason: availability.reason.as_deref(),
            set_by: availability.set_by.as_str(),
            since: said_ever.then(|| availability.since.into()),
            capacity: availability.capacity,
            expired_in_a_row: availability.expired_in_a_row,
            app_connected: presence.is_connected,
            app_since: presence.since.map(Moment::from),
        }
    }
}
