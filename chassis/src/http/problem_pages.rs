//! The pages that a problem's `type` leads to (RFC 9457, section 3.1.1): what a code means and what
//! to do about it, for people.

use std::fmt::Write;

use axum::Router;
use axum::response::Html;
use axum::routing::get;

use super::{Path, Problem};

/// What every problem of one code has in common.
#[derive(Debug, Clone, Copy)]
pub struct ProblemPage {
    /// The code: its page is `/problems/<code>`.
    pub code: &'static str,
    /// The status of the answers that carry it.
    pub status: u16,
    /// What it means.
    pub meaning: &'static str,
    /// What the caller can do.
    pub remedy: &'static str,
}

impl ProblemPage {
    /// The page of `code`. Plain text: no `<`, `>` or `&`.
    pub const fn new(
        code: &'static str,
        status: u16,
        meaning: &'static str,
        remedy: &'static str,
    ) -> Self {
        Self { code, status, meaning, remedy }
    }
}

/// The codes that every interface here can answer with.
pub(super) const GENERAL: &[ProblemPage] = &[
    ProblemPage::new(
        "bad_request",
        400,
        "The request cannot be understood.",
        "Correct what the detail names. The same request will fail again.",
    ),
    ProblemPage::new(
        "body_incomplete",
        400,
        "The connection ended before the whole body had come.",
        "Send the request again.",
    ),
    ProblemPage::new(
        "body_too_large",
        413,
        "The body has more bytes than this interface takes.",
        "Send less in one request; limit_bytes says how much fits.",
    ),
    ProblemPage::new(
        "body_too_slow",
        408,
        "The body did not arrive in time.",
        "Send the request again over a better connection.",
    ),
    ProblemPage::new(
        "conflict",
        409,
        "The request contradicts how things stand.",
        "Look at the present state and decide anew.",
    ),
    ProblemPage::new(
        "forbidden",
        403,
        "The caller may not do this.",
        "Use a token of somebody who may.",
    ),
    ProblemPage::new(
        "internal",
        500,
        "Something went wrong on our side.",
        "Try again with growing pauses. If it stays, report the trace_id.",
    ),
    ProblemPage::new(
        "invalid_body",
        422,
        "The body is JSON, but not what this route takes.",
        "Correct the places that errors lists, each a JSON pointer (RFC 6901).",
    ),
    ProblemPage::new(
        "invalid_cursor",
        400,
        "The cursor is not one that this listing gave out.",
        "Hand back a next_cursor as it came, with the filters and the sort it came with, or begin \
         without one.",
    ),
    ProblemPage::new(
        "invalid_json",
        400,
        "The body is not JSON.",
        "Correct it where the detail says.",
    ),
    ProblemPage::new(
        "invalid_path",
        400,
        "A part of the path is not what it should be.",
        "Correct the path: percent-encoding and UTF-8 included.",
    ),
    ProblemPage::new(
        "invalid_query",
        400,
        "The query string has an unknown parameter, or a value that makes no sense.",
        "Correct what the detail names; the OpenAPI document lists the parameters.",
    ),
    ProblemPage::new(
        "invalid_token",
        401,
        "The bearer token is malformed, expired, not yet good, for somebody else, or signed by a \
         key that is not known here.",
        "Ask the issuer for a new token.",
    ),
    ProblemPage::new(
        "keys_unavailable",
        503,
        "The keys that tokens are checked with are not at hand: whether the token is good is not known.",
        "Ask again after the seconds in Retry-After, with the same token.",
    ),
    ProblemPage::new(
        "method_not_allowed",
        405,
        "The path exists, the method does not.",
        "Use one of the methods in the header Allow.",
    ),
    ProblemPage::new(
        "not_for_role",
        403,
        "The caller's role may not do this, or not any more.",
        "Use a token of a role that may; the OpenAPI document names them beside each route.",
    ),
    ProblemPage::new(
        "not_found",
        404,
        "There is nothing at this path.",
        "Compare the path with the OpenAPI document.",
    ),
    ProblemPage::new(
        "not_ready",
        503,
        "The service is starting, or something it cannot do without is away.",
        "Send requests elsewhere until every check says ready.",
    ),
    ProblemPage::new(
        "precondition_failed",
        412,
        "What the caller believed to be the present state is not.",
        "Fetch the present state and decide anew.",
    ),
    ProblemPage::new(
        "refused",
        400,
        "The request was refused before anybody looked at it.",
        "Correct what the detail names.",
    ),
    ProblemPage::new(
        "timeout",
        504,
        "There was no answer in time. What was asked for may have been done or not.",
        "Ask again: decisions are the same answer when repeated, and what is created is created \
         once for each Idempotency-Key.",
    ),
    ProblemPage::new(
        "token_required",
        401,
        "The request has no bearer token.",
        "Send the header Authorization: Bearer, followed by a token.",
    ),
    ProblemPage::new(
        "too_many_requests",
        429,
        "The caller asks more often than it may.",
        "Come back after the seconds in Retry-After, and ask less often.",
    ),
    ProblemPage::new(
        "unauthorized",
        401,
        "It is not known who is calling.",
        "Send a token as the header WWW-Authenticate says.",
    ),
    ProblemPage::new(
        "unavailable",
        503,
        "This cannot be done at the moment: something we need is away.",
        "Ask again after the seconds in Retry-After. Nothing was done, or what was done is found \
         again by the same Idempotency-Key.",
    ),
    ProblemPage::new(
        "unprocessable",
        422,
        "The request can be read, and makes no sense.",
        "Correct what the detail names.",
    ),
    ProblemPage::new(
        "unsupported_media_type",
        415,
        "The body is not said to be JSON.",
        "Send the header Content-Type: application/json.",
    ),
];

/// `GET /problems`, which lists the general pages and `own`, and `GET /problems/{code}`, which shows
/// one. Where both have a code, the page of `own` is shown.
pub fn problem_pages<S>(own: &'static [ProblemPage]) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let list = move || async move { Html(list(own)) };
    let show = move |Path(code): Path<String>| async move { show(own, &code).map(Html) };
    Router::new().route("/problems", get(list)).route("/problems/{code}", get(show))
}

fn all(own: &'static [ProblemPage]) -> impl Iterator<Item = &'static ProblemPage> {
    own.iter().chain(GENERAL.iter().filter(|page| own.iter().all(|other| other.code != page.code)))
}

fn list(own: &'static [ProblemPage]) -> String {
    let mut pages: Vec<_> = all(own).collect();
    pages.sort_unstable_by_key(|page| page.code);
    let mut body = String::from("<ul>\n");
    for ProblemPage { code, status, meaning, .. } in pages {
        let _ = writeln!(
            body,
            "<li><a href=\"/problems/{code}\"><code>{code}</code></a> ({status}): {meaning}</li>"
        );
    }
    body.push_str("</ul>");
    html("Problems", &body)
}

fn show(own: &'static [ProblemPage], code: &str) -> Result<String, Problem> {
    let page = all(own).find(|page| page.code == code).ok_or_else(|| {
        Problem::not_found("not_found", "no problem has this code: /problems lists them all")
    })?;
    let ProblemPage { code, status, meaning, remedy } = page;
    let body = format!(
        "<p>{meaning}</p>\n<p><strong>What to do:</strong> {remedy}</p>\n\
         <p>Code <code>{code}</code>, status {status}. <a href=\"/problems\">All problems</a></p>"
    );
    Ok(html(&super::problem::title(code), &body))
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         </head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
}
