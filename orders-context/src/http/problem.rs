//! Every "no" of the application as a problem: the one place where failures get a status.

use super::policy::restaurant_not_found;
use crate::app::{BulkRefusal, EndpointRefusal, Failure};
use crate::domain::{Rejection, Shut, Status};
use axum::http::StatusCode;
use chassis::clock::rfc3339;
use chassis::http::Problem;

/// When to come back after "not now".
const COME_BACK_AFTER_SECONDS: u32 = 1;

/// When to come back to a restaurant that has as many orders in work as it takes.
const FULL_FOR_SECONDS: u32 = 60;

/// When to come back to one that does not say when it opens.
const AWAY_FOR_SECONDS: u32 = 600;

/// A handler's answer. Boxed, because a problem is large and rare.
pub type Answer<T> = Result<T, Refusal>;

/// A problem on its way out.
#[derive(Debug)]
pub struct Refusal(Box<Problem>);

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}

impl Refusal {
    /// What is answered.
    pub fn into_problem(self) -> Box<Problem> {
        self.0
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<BulkRefusal> for Refusal {
    fn from(refusal: BulkRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            BulkRefusal::Failed(failure) => failure.into(),
            BulkRefusal::Unknown => {
                Problem::new(StatusCode::NOT_FOUND, "bulk_action_not_found", detail).into()
            }
            BulkRefusal::TooMany => Problem::conflict("too_many_bulk_actions", detail).into(),
            BulkRefusal::Ended(state) => {
                let problem = Problem::conflict("bulk_action_ended", detail);
                problem.with("current_status", state.as_str()).into()
            }
        }
    }
}

impl From<EndpointRefusal> for Refusal {
    fn from(refusal: EndpointRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            // It is in the path, not in a body.
            EndpointRefusal::Failed(Failure::UnknownRestaurant) => restaurant_not_found().into(),
            EndpointRefusal::Failed(failure) => failure.into(),
            EndpointRefusal::Unknown => Problem::not_found("endpoint_not_found", detail).into(),
            EndpointRefusal::UnknownDelivery => {
                Problem::not_found("delivery_not_found", detail).into()
            }
            EndpointRefusal::TooMany => Problem::conflict("too_many_endpoints", detail).into(),
            EndpointRefusal::StillRotating => Problem::conflict("still_rotating", detail).into(),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        of_failure(&failure).into()
    }
}

fn of_failure(failure: &Failure) -> Problem {
    let detail = failure.to_string();
    match failure {
        Failure::Rejected(rejection) => of_rejection(rejection),
        Failure::UnknownRestaurant => Problem::unprocessable("restaurant_not_found", &*detail)
            .with_error("/restaurant_id", detail),
        Failure::KeyReused => Problem::unprocessable("idempotency_key_reused", detail),
        Failure::InvalidCursor => Problem::bad_request("invalid_cursor", detail),
        Failure::Contended => {
            Problem::conflict("contended", detail).retry_after(COME_BACK_AFTER_SECONDS)
        }
        Failure::Overloaded => {
            Problem::unavailable("overloaded", detail).retry_after(COME_BACK_AFTER_SECONDS)
        }
        Failure::Fenced => {
            Problem::unavailable("fenced", detail).retry_after(COME_BACK_AFTER_SECONDS)
        }
        Failure::Unreadable(cause) => Problem::internal(anyhow::anyhow!("{cause:#}")),
        Failure::Unavailable(cause) => {
            let problem = Problem::unavailable("unavailable", detail).because(cause);
            problem.retry_after(COME_BACK_AFTER_SECONDS)
        }
    }
}

/// Says when to try again: when the restaurant opens, or a guess.
fn of_shut(shut: Shut, code: &'static str, detail: String) -> Problem {
    let problem = Problem::conflict(code, detail);
    match shut {
        Shut::Full { capacity } => problem.with("capacity", capacity).retry_after(FULL_FOR_SECONDS),
        Shut::Away { until: None, .. } => problem.retry_after(AWAY_FOR_SECONDS),
        Shut::Away { until: Some(until), asked_at, .. } => {
            let left_s = ((until.0 - asked_at.0).max(1) + 999_999) / 1_000_000;
            let seconds = u32::try_from(left_s).unwrap_or(u32::MAX);
            problem.with("until", rfc3339(until.0)).retry_after(seconds)
        }
    }
}

fn of_rejection(rejection: &Rejection) -> Problem {
    let (code, detail) = (rejection.code(), rejection.to_string());
    let conflict = |status: &Status, detail| {
        Problem::conflict(code, detail).with("current_status", status.as_str())
    };
    match rejection {
        Rejection::UnknownOrder => Problem::new(StatusCode::NOT_FOUND, code, detail),
        Rejection::AlreadyPlaced | Rejection::TooManyOpen => Problem::conflict(code, detail),
        Rejection::RestaurantShut(shut) => of_shut(*shut, code, detail),
        Rejection::Changed => Problem::precondition_failed(code, detail),
        Rejection::NoItems | Rejection::TotalTooLarge => {
            Problem::unprocessable(code, &*detail).with_error("/items", detail)
        }
        Rejection::UnknownItem { at } => Problem::unprocessable(code, &*detail)
            .with_error(format!("/items/{at}/item_id"), detail),
        Rejection::DecidedOtherwise { status, decided_at: None } => conflict(status, detail),
        Rejection::DecidedOtherwise { status, decided_at: Some(at) } => {
            conflict(status, detail).with("decided_at", rfc3339(at.0))
        }
        Rejection::TooLate { status, deadline } => {
            conflict(status, detail).with("deadline", rfc3339(deadline.0))
        }
        Rejection::NotLater { status, deadline } => {
            conflict(status, detail).with("deadline", rfc3339(deadline.0))
        }
        Rejection::TooFar { status, limit, .. } => {
            conflict(status, detail).with("limit", rfc3339(limit.0))
        }
        Rejection::ReadyInThePast { status } => Problem::unprocessable(code, &*detail)
            .with("current_status", status.as_str())
            .with_error("/ready_by", detail),
        Rejection::ReadyTooLate { status, limit } => Problem::unprocessable(code, &*detail)
            .with("current_status", status.as_str())
            .with("limit", rfc3339(limit.0))
            .with_error("/ready_by", detail),
        Rejection::NotOrdered { status, at } => Problem::unprocessable(code, &*detail)
            .with("current_status", status.as_str())
            .with_error(format!("/items/{at}"), detail),
        Rejection::NotForRole { status, .. }
        | Rejection::NotYet { status }
        | Rejection::TaskNotGivenUp { status }
        | Rejection::NoPlace { status, .. }
        | Rejection::NoOpenTask { status } => conflict(status, detail),
    }
}
