//! `GET` and `POST /answer/{link}`: a page on which whoever holds a link says yes or no to one order.
//!
//! Opening the page changes nothing: mail programs and scanners open every link they see. The answer is
//! a form. Nothing of the customer is shown, for a mail is passed on easily; the link itself is the
//! permission, and stands in no log.

mod html;

use super::cause;
use super::decide_order::RejectReason;
use super::decide_order::answer::refusal;
use super::problem::Refusal;
use crate::app::{App, BadLink, Failure, Said};
use crate::domain::{Actor, Decision, Order};
use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chassis::http::Path;
use chassis::telemetry::trace::TraceParent;
use std::sync::Arc;
use url::form_urlencoded;

/// Why a restaurant says no, in words that people read.
const REASONS: [(RejectReason, &str); 7] = [
    (RejectReason::TooBusy, "Too busy"),
    (RejectReason::Closing, "Closing soon"),
    (RejectReason::Closed, "Closed"),
    (RejectReason::CannotMeetInstructions, "What was asked for is not possible"),
    (RejectReason::AddressUnreachable, "Nobody delivers there"),
    (RejectReason::Technical, "Something does not work"),
    (RejectReason::Other, "Another reason, namely"),
];

/// In how many minutes the food may be said to be ready.
const READY_IN_MINUTES: [i64; 5] = [15, 30, 45, 60, 90];

/// The pages of `app`'s links. They belong beside the API, which is for programs.
pub fn answer_pages(app: App) -> Router {
    Router::new().route("/answer/{link}", get(show).post(answer)).with_state(Arc::new(app))
}

async fn show(State(app): State<Arc<App>>, Path(link): Path<String>) -> Response {
    match app.order_behind(&link).await {
        Ok(order) => page(StatusCode::OK, html::order(&order, app.now(), None)),
        Err(bad) => refused(bad),
    }
}

async fn answer(
    State(app): State<Arc<App>>,
    Path(link): Path<String>,
    Extension(trace): Extension<TraceParent>,
    form: Bytes,
) -> Response {
    let order = match app.order_behind(&link).await {
        Ok(order) => order,
        Err(bad) => return refused(bad),
    };
    let said = match said(&form, &app, &order) {
        Ok((decision, remark)) => Said { decision, remark, intervention: None },
        Err(why) => {
            let again = html::order(&order, app.now(), Some(why));
            return page(StatusCode::UNPROCESSABLE_ENTITY, again);
        }
    };
    let by = Actor::Restaurant(vec![order.restaurant_id.clone()]);
    let id = &order.order_id;
    match app.decide_as_said(id, said, by, cause(trace), None).await {
        // To the same page, whatever path leads to it: asking for it again answers nothing again.
        Ok(_) => (StatusCode::SEE_OTHER, [(LOCATION, link)]).into_response(),
        Err(Failure::Rejected(rejection)) => {
            let why = rejection.to_string();
            let now = app.order_behind(&link).await.unwrap_or(order);
            page(StatusCode::CONFLICT, html::order(&now, app.now(), Some(&why)))
        }
        Err(failure) => refused(failure.into()),
    }
}

/// `decision=accept` and perhaps `ready_in`, or `decision=reject`, `reason` and perhaps `note`: the
/// decision, and what the customer is to read.
///
/// # Errors
/// What is wrong with the form.
fn said(form: &[u8], app: &App, order: &Order) -> Result<(Decision, Option<String>), &'static str> {
    let given = |name: &str| {
        let mut fields = form_urlencoded::parse(form);
        let value = fields.find(|(key, _)| key == name)?.1.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    match given("decision").as_deref() {
        Some("accept") => {
            let minutes = given("ready_in").and_then(|text| text.parse().ok());
            let minutes = minutes.filter(|minutes| READY_IN_MINUTES.contains(minutes));
            let ready_by = minutes.map(|minutes| app.now().plus_ms(minutes * 60_000));
            let ready_by = ready_by.filter(|ready_by| *ready_by < order.complete_by);
            Ok((ready_by.map_or(Decision::Accept, Decision::AcceptReadyBy), None))
        }
        Some("reject") => {
            let (reason, note) = (given("reason").unwrap_or_default(), given("note"));
            let known = REASONS.iter().find(|(known, _)| known.as_str() == reason);
            let (reason, _) = known.ok_or("Choose a reason.")?;
            let decision = refusal(*reason, None, note.as_deref())
                .map_err(|_| "Say which reason, in at most 500 characters on one line.")?;
            Ok((decision, note))
        }
        _ => Err("Choose: accept or reject."),
    }
}

/// Why there is nothing to see. A failure has the status that it has everywhere, and goes along for the log.
fn refused(bad: BadLink) -> Response {
    let html = html::refusal(&bad.to_string());
    match bad {
        BadLink::Unknown => page(StatusCode::NOT_FOUND, html),
        BadLink::Over => page(StatusCode::GONE, html),
        BadLink::Failed(failure) => {
            let problem = Refusal::from(failure).into_problem();
            let mut response = page(problem.status, html);
            response.extensions_mut().insert(*problem);
            response
        }
    }
}

fn page(status: StatusCode, html: String) -> Response {
    // Base64 and words are always a header's value.
    let policy = HeaderValue::try_from(html::policy());
    let careful = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static("default-src 'none'"))),
    ];
    (status, careful, Html(html)).into_response()
}
