//! The feed of a restaurant as a client reads it.

use super::*;
use axum::body::BodyDataStream;
use chassis::ids::UuidV7Ids;
use futures::StreamExt;
use std::time::Instant;

const PATH: &str = "/v1/restaurants/nino/feed";

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A stream as it comes over the wire.
struct Listening {
    status: u16,
    headers: HeaderMap,
    body: BodyDataStream,
}

impl Listening {
    /// The next piece: an event with its fields, or a comment; `None` once the stream has ended.
    async fn next(&mut self) -> Option<Vec<(String, String)>> {
        let piece = self.body.next().await?.expect("bytes");
        let text = String::from_utf8(piece.to_vec()).expect("text");
        assert!(text.ends_with("\n\n"), "{text:?} is whole");
        let field = |line: &str| {
            let (name, value) = line.split_once(':').expect("a field");
            (name.to_owned(), value.trim_start().to_owned())
        };
        Some(text.trim_end().lines().map(field).collect())
    }

    /// The next event: its name, its id and its data.
    async fn event(&mut self) -> (String, i64, Value) {
        let fields = self.next().await.expect("the stream goes on");
        let of = |name: &str| {
            let field = fields.iter().find(|(other, _)| other == name);
            field.map(|(_, value)| value.clone()).unwrap_or_else(|| panic!("{name}: {fields:?}"))
        };
        (of("event"), of("id").parse().expect("a number"), of("data").parse().expect("JSON"))
    }
}

impl Takeaway {
    async fn listen(&self, token: &str, path: &str, last_event_id: Option<&str>) -> Listening {
        let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        Listening { status, headers, body: body.into_data_stream() }
    }

    fn chef(&self) -> String {
        self.token(Role::Restaurant, "chef")
    }
}

#[tokio::test]
async fn a_restaurant_is_told_what_happens_to_its_orders() {
    let takeaway = Takeaway::open().await;
    let mut feed = takeaway.listen(&takeaway.chef(), PATH, None).await;
    assert_eq!(feed.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(feed.headers[name], value);
    }
    let first = feed.next().await.expect("a beginning");
    let [retry, event, data, id] = ["retry", "event", "data", "id"]
        .map(|name| &first.iter().find(|(other, _)| other == name).expect(name).1);
    assert!((1_000..2_000).contains(&retry.parse().unwrap()), "{retry}");
    assert_eq!((&**event, &**data, &**id), ("ready", "{}", "0"));

    let order = takeaway.dinner("told").await;
    takeaway.post(&format!("/v1/orders/{order}/accept"), json!({})).await.ok();
    let (name, placed_id, placed) = feed.event().await;
    assert_eq!(name, "order_placed");
    let (name, accepted_id, accepted) = feed.event().await;
    assert_eq!((&*name, accepted_id > placed_id), ("order_accepted", true));
    let history = takeaway.get(&format!("/v1/orders/{order}/history")).await.ok();
    for (told, entry) in
        [&placed, &accepted].into_iter().zip(history["entries"].as_array().unwrap())
    {
        for field in ["event_id", "sequence", "event_type", "occurred_at", "status"] {
            assert_eq!(told[field], entry[field], "{field}");
        }
        assert_eq!(told["order_id"], json!(order));
        assert_eq!(told.as_object().unwrap().len(), 6, "and nothing else: {told}");
    }
}

#[tokio::test]
async fn who_comes_back_says_where_they_were_and_else_is_told_to_look() {
    let takeaway = Takeaway::open().await;
    for key in ["first", "second", "third"] {
        takeaway.dinner(key).await;
    }
    let chef = takeaway.chef();
    let query = |id: &str| format!("{PATH}?last_event_id={id}");
    for (header, path, first, then) in [
        (None, PATH.to_owned(), ("ready", 3), None),
        (Some(""), PATH.to_owned(), ("ready", 3), None),
        (Some("1"), PATH.to_owned(), ("ready", 1), Some(2)),
        (None, query("2"), ("ready", 2), Some(3)),
        (Some("2"), query("1"), ("ready", 2), Some(3)),
        (None, query(""), ("ready", 3), None),
        (Some("4"), PATH.to_owned(), ("reset", 3), None),
        (Some("-1"), PATH.to_owned(), ("reset", 3), None),
        (Some("one"), PATH.to_owned(), ("reset", 3), None),
        (None, query("99999999999999999999"), ("reset", 3), None),
    ] {
        let mut feed = takeaway.listen(&chef, &path, header).await;
        let (name, id, _) = feed.event().await;
        assert_eq!((&*name, id), first, "{header:?} {path}");
        if let Some(then) = then {
            assert_eq!(feed.event().await.1, then, "{header:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_feed_ends_with_its_token_and_with_its_time() {
    let takeaway = Takeaway::open().await;
    let claims = Map::from_iter([
        ("role".to_owned(), json!("restaurant")),
        ("restaurants".to_owned(), json!(["nino"])),
    ]);
    let minute = Duration::from_secs(60);
    let short = takeaway.issuer.mint("takeaway", "waiter", claims, EVENING_US, minute).unwrap();
    let mut expiring = takeaway.listen(&short, PATH, None).await;
    let mut lasting = takeaway.listen(&takeaway.chef(), PATH, None).await;
    expiring.event().await;
    lasting.event().await;
    takeaway.clock.advance_us(89_000_000);
    takeaway.dinner("in-time").await;
    assert_eq!(expiring.event().await.0, "order_placed");
    takeaway.clock.advance_us(1_000_000);
    assert_eq!(expiring.next().await, None, "a minute, and half a minute for its issuer's clock");
    assert_eq!(lasting.event().await.0, "order_placed");
    takeaway.clock.advance_us(3_600_000_000);
    assert_eq!(lasting.next().await, None, "an hour is enough");
}

#[tokio::test]
async fn one_principal_holds_so_many_feeds_and_no_more() {
    let takeaway = Takeaway::open().await;
    let chef = takeaway.chef();
    let mut feeds = Vec::new();
    for _ in 0..10 {
        feeds.push(takeaway.listen(&chef, PATH, None).await);
    }
    let refused = takeaway.call_as(&chef, Method::GET, PATH, None).await;
    assert_eq!(refused.refused(429)["code"], "too_many_streams");
    assert_eq!(refused.header("retry-after"), "5");
    let waiter = takeaway.token(Role::Restaurant, "waiter");
    assert_eq!(takeaway.listen(&waiter, PATH, None).await.status, 200, "somebody else");
    feeds.pop();
    assert_eq!(takeaway.listen(&chef, PATH, None).await.status, 200);
}

#[tokio::test]
async fn there_is_no_feed_of_what_is_not_there() {
    let takeaway = Takeaway::open().await;
    let nowhere = takeaway.get("/v1/restaurants/nowhere/feed").await.refused(404);
    assert_eq!(nowhere["code"], "restaurant_not_found");
    let unknown = takeaway.get(&format!("{PATH}?since=1")).await.refused(400);
    assert_eq!(unknown["code"], "invalid_query");
}

#[tokio::test]
async fn a_restaurant_says_whether_its_app_is_connected() {
    let takeaway = Takeaway::open().await;
    tokio::spawn(takeaway.app.clone().note_presences(UuidV7Ids, Shutdown::new()));
    let stands = async || {
        let answer = takeaway.get("/v1/restaurants/nino/availability").await;
        (answer.header("etag").to_owned(), answer.ok())
    };
    // Who comes is written down at once, for a minute of the clock: it stands still meanwhile. Only who
    // goes is waited for.
    let until = async |is_connected: bool| {
        let began = Instant::now();
        loop {
            let (tag, said) = stands().await;
            if said["app_connected"] == json!(is_connected) {
                return (tag, said["app_since"].clone());
            }
            assert!(began.elapsed() < LIMIT, "waited in vain for {is_connected}");
            if !is_connected {
                takeaway.clock.advance_us(1_000_000);
            }
            tokio::task::yield_now().await;
        }
    };
    let (never, since) = until(false).await;
    assert_eq!(since, Value::Null);
    // An operator looks on, with a ticket too.
    let operator = takeaway.token(Role::Operator, "operator-7");
    let _looking_on = takeaway.listen(&operator, PATH, None).await;
    let tickets = format!("{PATH}-tickets");
    let given = takeaway.call_as(&operator, Method::POST, &tickets, None).await.ok();
    let path = format!("{PATH}?ticket={}", given["ticket"].as_str().unwrap());
    let request = Request::get(path).body(Body::empty()).unwrap();
    let with_ticket = takeaway.router.clone().oneshot(request).await.unwrap();
    assert_eq!(with_ticket.status(), 200);
    assert_eq!(takeaway.app.feeds().connected(), [].into());
    assert_eq!(stands().await.0, never);
    let feed = takeaway.listen(&takeaway.chef(), PATH, None).await;
    let (on, since) = until(true).await;
    assert!(since.is_string() && on != never, "{since}");
    assert_eq!(until(true).await, (on.clone(), since.clone()), "nothing has changed");
    drop(feed);
    let (off, gone) = until(false).await;
    assert!(gone.as_str() > since.as_str() && off != on && off != never, "{gone}");
    // That it has gone is nothing that a change overwrites; the change is.
    let pause = json!({ "opening": "paused" });
    takeaway.stand(&on, pause.clone()).await.ok();
    for before in [never, on, off] {
        takeaway.stand(&before, pause.clone()).await.refused(412);
    }
}
