//! Tickets: one stream each, for their restaurant, for half a minute.

use super::*;

const PATH: &str = "/v1/restaurants/nino/feed";
const TICKETS: &str = "/v1/restaurants/nino/feed-tickets";

impl Takeaway {
    async fn ticket(&self) -> String {
        let chef = self.token(Role::Restaurant, "chef");
        let given = self.call_as(&chef, Method::POST, TICKETS, None).await;
        assert_eq!((given.status, given.header("cache-control")), (201, "no-store"));
        given.json()["ticket"].as_str().expect("a ticket").to_owned()
    }

    /// The status that somebody gets who has no token.
    async fn knock(&self, path: &str) -> (u16, Option<Value>) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        if status == 200 {
            return (status, None);
        }
        let challenged = response.headers().get("www-authenticate").map(|value| value.as_bytes());
        assert_eq!(status == 401, challenged.is_some_and(|value| value.starts_with(b"Bearer")));
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let problem: Value = serde_json::from_slice(&body).expect("a problem");
        (status, Some(problem["code"].clone()))
    }
}

fn with(path: &str, ticket: &str) -> String {
    format!("{path}?ticket={ticket}")
}

const NO_GOOD: &str = "invalid_ticket";

#[tokio::test]
async fn a_ticket_opens_one_feed_once() {
    let takeaway = Takeaway::open().await;
    let ticket = takeaway.ticket().await;
    assert_eq!(ticket.len(), 43, "256 bits");
    assert_eq!(takeaway.knock(&with(PATH, &ticket)).await, (200, None));
    assert_eq!(takeaway.knock(&with(PATH, &ticket)).await, (401, Some(json!(NO_GOOD))));
    let another = takeaway.ticket().await;
    assert_ne!(another, ticket);
    let behind = format!("{PATH}?last_event_id=1&ticket={another}");
    assert_eq!(takeaway.knock(&behind).await, (200, None), "wherever it stands");
}

#[tokio::test]
async fn of_many_who_come_with_a_ticket_one_gets_in() {
    let takeaway = Arc::new(Takeaway::open().await);
    let path = with(PATH, &takeaway.ticket().await);
    let knock = || {
        let (takeaway, path) = (Arc::clone(&takeaway), path.clone());
        tokio::spawn(async move { takeaway.knock(&path).await.0 })
    };
    let mut knocking: Vec<_> = (0..8).map(|_| knock()).collect();
    let mut statuses = Vec::new();
    for one in knocking.drain(..) {
        statuses.push(one.await.expect("an answer"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn a_ticket_is_good_for_half_a_minute() {
    let takeaway = Takeaway::open().await;
    let chef = takeaway.token(Role::Restaurant, "chef");
    let given = takeaway.call_as(&chef, Method::POST, TICKETS, None).await.ok();
    assert_eq!(given["expires_at"], "2026-09-21T18:00:30.000000Z");
    let (in_time, late) = (takeaway.ticket().await, takeaway.ticket().await);
    takeaway.clock.advance_us(29_999_999);
    assert_eq!(takeaway.knock(&with(PATH, &in_time)).await.0, 200);
    takeaway.clock.advance_us(1);
    assert_eq!(takeaway.knock(&with(PATH, &late)).await, (401, Some(json!(NO_GOOD))));
    assert_eq!(takeaway.app.forget_tickets(10).await.unwrap(), 1, "the first, which nobody took");
}

#[tokio::test]
async fn a_ticket_opens_nothing_else() {
    let takeaway = Takeaway::open().await;
    takeaway.call(Method::PUT, "/v1/restaurants/bombay", Some(trattoria())).await.ok();
    for path in ["/v1/orders", "/v1/restaurants/nino", TICKETS] {
        let ticket = takeaway.ticket().await;
        let refused = takeaway.knock(&with(path, &ticket)).await;
        assert!(refused.0 == 401 || refused.0 == 405, "{path}: {refused:?}");
        assert_eq!(takeaway.knock(&with(PATH, &ticket)).await.0, 200, "it was not taken there");
    }
    for holder in [Role::Restaurant, Role::Operator] {
        let token = takeaway.token(holder, "somebody");
        let given = takeaway.call_as(&token, Method::POST, TICKETS, None).await.ok();
        let ticket = given["ticket"].as_str().unwrap();
        let elsewhere = with("/v1/restaurants/bombay/feed", ticket);
        let request = Request::get(elsewhere).body(Body::empty()).unwrap();
        assert_eq!(takeaway.send(request).await.refused(404)["code"], "restaurant_not_found");
    }
    for nonsense in ["", "x", "%00", &"x".repeat(43), &"x".repeat(300)] {
        assert_eq!(takeaway.knock(&with(PATH, nonsense)).await.0, 401, "{nonsense}");
    }
}

#[tokio::test]
async fn a_token_counts_before_a_ticket_and_leaves_it() {
    let takeaway = Takeaway::open().await;
    let path = with(PATH, &takeaway.ticket().await);
    let customer = takeaway.token(Role::Customer, "c-1815");
    takeaway.call_as(&customer, Method::GET, &path, None).await.refused(403);
    takeaway.call_as("nonsense", Method::GET, &path, None).await.refused(401);
    assert_eq!(takeaway.knock(&path).await.0, 200);
}
