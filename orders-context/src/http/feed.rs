//! `GET /v1/restaurants/{id}/feed`: the events of a restaurant's orders, as a stream of server-sent
//! events (WHATWG HTML, section 9.2).

use super::Api;
use super::document::ProblemView;
use super::policy::{judge_restaurant, restaurant_not_found};
use super::principal::Caller;
use super::problem::{Answer, Refusal};
use super::view::Moment;
use crate::app::feed::{Begin, Feed, Listener, News, NoFeed, NoSeat, Told};
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chassis::clock::Clock;
use chassis::http::{Path, Problem, Query};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// How often something is sent, so that a connection that was cut is noticed, at both ends.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// After how long those who were cut off come back, at least; each waits up to twice that, so that they
/// do not all come at once.
const COME_BACK_AFTER_MS: u64 = 1_000;

/// When to come back after "not now".
const NOT_NOW_SECONDS: u32 = 5;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Tells nginx, and what behaves like it, to hold nothing back.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Where to begin.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// The id of the last event that is known already, for clients that cannot send the header
    /// `Last-Event-ID`; where that is sent too, it counts.
    #[param(example = "1815")]
    last_event_id: Option<String>,
    /// The guard has taken it.
    #[param(ignore)]
    #[serde(rename = "ticket")]
    _ticket: Option<String>,
}

/// One event of the stream, its fields as names and values.
#[derive(ToSchema)]
#[schema(as = FeedPiece)]
#[expect(dead_code, reason = "it describes what axum writes")]
pub struct PieceView {
    /// A place in the journal: what to come back with. A piece that has nothing else says that nothing
    /// up to it concerned this restaurant. A `heartbeat` has none.
    #[schema(nullable = false, pattern = "^[0-9]+$", example = "1815")]
    id: Option<String>,
    /// `ready`, `reset`, `heartbeat`, or what happened to an order.
    #[schema(nullable = false, example = "order_placed")]
    event: Option<String>,
    /// A `FeedEvent` as JSON; of `ready`, `reset` and `heartbeat` an empty object.
    #[schema(nullable = false, example = "{}")]
    data: Option<String>,
    /// After how many milliseconds to come back when the connection is cut.
    #[schema(nullable = false, minimum = 0)]
    retry: Option<u64>,
}

/// What the `data` of an event says. Ask for the order, or its history, for more.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedEvent)]
pub struct NewsView<'a> {
    /// Of which order: `GET /v1/orders/{id}` shows it.
    order_id: &'a str,
    /// UUIDv7; the same as in the history and on the topic.
    event_id: &'a str,
    /// From 1 for each order, without gaps.
    sequence: i64,
    /// What happened: the name of the event too. More types may come.
    #[schema(value_type = String, example = "order_placed")]
    event_type: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Moment,
    /// Where the order stood afterwards.
    #[schema(value_type = String, example = "placed")]
    status: &'static str,
}

/// Tells a restaurant what happens to its orders, as it happens, in a stream of server-sent events.
///
/// The first event is `ready`, or `reset`. Behind `ready` nothing is missing: without `Last-Event-ID` the
/// stream begins with the present, with it behind that event. `reset` means that something may have been
/// missed, because too much has happened since or the id was none of ours: list the open orders
/// (`GET /v1/orders?restaurant_id=…`), and go on with the stream. Every other event has the type of what
/// happened to an order as its name, a place in the journal as its id, and a `FeedEvent` as its data. Each is
/// told once. When nothing happens, a `heartbeat` without an id comes every ten seconds: who hears nothing for
/// half a minute has lost the connection. Comments, and ids without data, may come now and then.
///
/// Who cannot send a token, such as a browser's `EventSource`, brings a ticket instead, as `ticket` in the query.
///
/// The stream ends when the token expires, after an hour, and when the server stops or the client is too slow:
/// come back with `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}/feed",
    operation_id = "follow_restaurant",
    tag = "restaurants",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that is \
            known already"),
        FeedQuery,
    ),
    responses(
        (status = 200, description = "The events, as long as the connection stays: the schema is that of \
            each of them", body = PieceView,
            content_type = "text/event-stream"),
        (status = 404, description = "There is no such restaurant for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many requests, or too many streams of the caller",
            body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now: come back after Retry-After", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn follow(
    State(app): Api,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    app.restaurant(&id).await?.ok_or_else(restaurant_not_found)?;
    let begin = begin(&headers, query.last_event_id.as_deref());
    let listener = match caller.is_of_restaurant() {
        true => Listener::App(caller.key()),
        false => Listener::Other(caller.key()),
    };
    let feed = app.feeds().listen(&id, listener, begin).await?;
    let lasts_us = i64::try_from(app.feeds().limits().lasts.as_micros()).unwrap_or(i64::MAX);
    let until_us = caller.until_us().min(app.now().0.saturating_add(lasts_us));
    let events = events(feed, Arc::clone(app.clock()), until_us);
    let stream =
        Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).event(heartbeat()));
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("no-store")), UNBUFFERED];
    Ok((headers, stream).into_response())
}

/// The header counts: a browser that comes back by itself repeats the query it began with.
fn begin(headers: &HeaderMap, in_query: Option<&str>) -> Begin {
    let in_header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    match in_header.or(in_query) {
        None | Some("") => Begin::Now,
        Some(id) => match id.parse() {
            Ok(position @ 0..) => Begin::After(position),
            _ => Begin::Unknown,
        },
    }
}

/// What is told until that moment.
fn events(
    feed: Feed,
    clock: Arc<dyn Clock>,
    until_us: i64,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let told = stream::unfold(feed, |mut feed| async {
        let told = feed.next().await?;
        Some((event(&told), feed))
    });
    told.take_until(Box::pin(async move { clock.sleep_until(until_us).await }))
}

fn event(told: &Told) -> Result<Event, axum::Error> {
    let event = Event::default().id(told.position().to_string());
    match told {
        Told::Ready(_) => Ok(event.event("ready").retry(come_back_after()).data("{}")),
        Told::Reset(_) => Ok(event.event("reset").retry(come_back_after()).data("{}")),
        Told::News(news) => event.event(news.event_type).json_data(NewsView::of(news)),
        // The id alone: it is remembered, and nothing is shown (section 9.2.6).
        Told::Mark(_) => Ok(event),
    }
}

/// A comment would do for a connection; a page in a browser is told of events only.
fn heartbeat() -> Event {
    Event::default().event("heartbeat").data("{}")
}

fn come_back_after() -> Duration {
    Duration::from_millis(COME_BACK_AFTER_MS + rand::random_range(0..COME_BACK_AFTER_MS))
}

impl<'a> NewsView<'a> {
    fn of(news: &'a News) -> Self {
        Self {
            order_id: &news.order_id,
            event_id: &news.event_id,
            sequence: news.sequence,
            event_type: news.event_type,
            occurred_at: news.occurred_at.into(),
            status: news.status.as_str(),
        }
    }
}

impl From<NoFeed> for Refusal {
    fn from(refusal: NoFeed) -> Self {
        let detail = refusal.to_string();
        match refusal {
            NoFeed::Failed(failure) => failure.into(),
            NoFeed::NoSeat(NoSeat::OfPrincipal(_)) => {
                let problem =
                    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail);
                problem.retry_after(NOT_NOW_SECONDS).into()
            }
            NoFeed::NoSeat(NoSeat::InAll) => {
                Problem::unavailable("overloaded", detail).retry_after(NOT_NOW_SECONDS).into()
            }
        }
    }
}
