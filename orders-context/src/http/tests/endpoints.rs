//! Endpoints of a restaurant, as its systems make, look at and change them.

use super::*;
use crate::app::{EndpointTest, Reach, Tried};
use crate::domain::{Attempt, Delivery, DeliveryState, Timestamp};
use crate::store::Deliveries;
use crate::store::contract::erasing::change_row;
use tokio::sync::mpsc;

const PATH: &str = "/v1/restaurants/nino/webhook-endpoints";

fn hooks() -> Value {
    json!({ "url": "https://nino.example/hooks" })
}

impl Takeaway {
    async fn as_chef(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_as(&self.token(Role::Restaurant, "chef"), method, path, body).await
    }

    async fn add(&self, key: &str, body: &Value) -> Answer {
        self.add_as(Role::Restaurant, key, body).await
    }

    async fn add_as(&self, role: Role, key: &str, body: &Value) -> Answer {
        let token = self.token(role, "chef");
        let request = Request::post(PATH)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()));
        self.send(request.expect("a request")).await
    }

    async fn added(&self, key: &str, body: &Value) -> (Value, String) {
        let made = self.add(key, body).await.ok();
        let path = format!("{PATH}/{}", made["id"].as_str().expect("an id"));
        (made, path)
    }

    /// From now on somebody sends the tests that are asked for: whoever has these.
    fn with_tests(&mut self) -> mpsc::Receiver<EndpointTest> {
        let (app, tests) = self.app.clone().reaching(Reach::PublicOnly);
        self.router = served(app, &self.issuer, &self.clock);
        tests
    }

    async fn do_to(&self, path: &str, what: &str) -> Answer {
        self.as_chef(Method::POST, &format!("{path}/{what}"), None).await
    }
}

#[tokio::test]
async fn an_endpoint_is_made_once_for_each_key_and_its_secret_is_shown_once() {
    let takeaway = Takeaway::open().await;
    let answer = takeaway.add("hooks", &hooks()).await;
    assert_eq!(answer.status, 201);
    let made = answer.ok();
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!((&made["signing"], &made["profile"]), (&json!("hmac"), &json!("urgent")));
    assert_eq!(made["events"].as_array().unwrap().len(), 11, "everything");
    let again = takeaway.add("hooks", &hooks()).await;
    assert_eq!((again.status, again.ok()), (201, made.clone()), "the same answer");
    let other = takeaway.add("hooks", &json!({ "url": "https://nino.example/other" })).await;
    assert_eq!(other.refused(422)["code"], "idempotency_key_reused");
    let shown = takeaway.as_chef(Method::GET, &path, None).await.ok();
    assert_eq!((&shown["id"], &shown["secret"]), (&made["id"], &Value::Null));
    let listed = takeaway.as_chef(Method::GET, PATH, None).await.ok();
    assert_eq!(listed, json!({ "endpoints": [shown] }));
    let keyless = takeaway.as_chef(Method::POST, PATH, Some(hooks())).await;
    assert_eq!(keyless.refused(400)["code"], "idempotency_key_required");
}

#[tokio::test]
async fn a_request_again_shows_no_secret_but_the_one_it_made() {
    let takeaway = Takeaway::open().await;
    let (made, path) = takeaway.added("hooks", &hooks()).await;
    takeaway.do_to(&path, "pause").await.ok();
    assert_eq!(takeaway.add("hooks", &hooks()).await.ok()["secret"], made["secret"]);
    takeaway.do_to(&path, "rotate-secret").await.ok();
    takeaway.do_to(&path, "resume").await.ok();
    let again = takeaway.add("hooks", &hooks()).await;
    assert_eq!(again.status, 201);
    let again = again.ok();
    assert_eq!((&again["id"], &again["secret"]), (&made["id"], &Value::Null));

    let (older, _) = takeaway.added("older", &hooks()).await;
    let forget = "UPDATE endpoints SET data = json_remove(data, '$.key_is_first')
         WHERE endpoint_id = ";
    let file = takeaway.folder.path().join("orders.db");
    change_row(&file, &format!("{forget}'{}'", older["id"].as_str().unwrap()));
    let again = takeaway.add("older", &hooks()).await.ok();
    assert_eq!(again["secret"], Value::Null, "nobody knows whether it was rotated");
}

#[tokio::test]
async fn a_key_is_of_one_role() {
    let takeaway = Takeaway::open().await;
    let of_chef = takeaway.add("hooks", &hooks()).await.ok();
    let of_operator = takeaway.add_as(Role::Operator, "hooks", &hooks()).await.ok();
    assert_ne!(of_operator["id"], of_chef["id"]);
    assert_ne!(of_operator["secret"], of_chef["secret"]);
}

#[tokio::test]
async fn with_ed25519_the_public_key_is_shown_always_and_the_private_never() {
    let takeaway = Takeaway::open().await;
    let wanted = json!({
        "url": "https://nino.example/books", "signing": "ed25519", "profile": "patient",
        "events": ["order_completed", "order_placed", "order_completed"],
    });
    let (made, path) = takeaway.added("books", &wanted).await;
    assert_eq!(made["events"], json!(["order_placed", "order_completed"]), "each once, in order");
    let public = made["public_key"].as_str().unwrap();
    assert!(public.starts_with("whpk_"));
    assert_eq!(takeaway.as_chef(Method::GET, &path, None).await.ok(), made);
    let rotated = takeaway.do_to(&path, "rotate-secret").await.ok();
    assert_ne!(rotated["public_key"], public);
    assert!(!rotated.to_string().contains("whsk_"));
}

#[tokio::test]
async fn an_older_key_signs_for_a_day_and_no_more_than_two_do() {
    let takeaway = Takeaway::open().await;
    let (made, path) = takeaway.added("hooks", &hooks()).await;
    let first = takeaway.do_to(&path, "rotate-secret").await.ok();
    assert_ne!(first["secret"], made["secret"]);
    assert_eq!(first["older_keys_until"], json!(["2026-09-22T18:00:00.000000Z"]));
    takeaway.do_to(&path, "rotate-secret").await.ok();
    let refused = takeaway.do_to(&path, "rotate-secret").await.refused(409);
    assert_eq!(refused["code"], "still_rotating");
    let at_once = Some(json!({ "overlap_seconds": 0 }));
    let rotate = format!("{path}/rotate-secret");
    let leaked = takeaway.as_chef(Method::POST, &rotate, at_once).await.ok();
    assert_eq!(leaked["older_keys_until"], json!([]));
    for (overlap, pointer) in
        [(json!(-1), "/overlap_seconds"), (json!(604_801), "/overlap_seconds")]
    {
        let body = Some(json!({ "overlap_seconds": overlap }));
        let problem = takeaway.as_chef(Method::POST, &rotate, body).await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{overlap}");
    }
}

#[tokio::test]
async fn a_pause_and_its_end_are_the_same_answer_again() {
    let takeaway = Takeaway::open().await;
    let (_, path) = takeaway.added("hooks", &hooks()).await;
    let paused = takeaway.do_to(&path, "pause").await.ok();
    assert_eq!(
        (&paused["state"], &paused["paused_because"]),
        (&json!("paused"), &json!("request"))
    );
    takeaway.clock.advance_us(1_000_000);
    assert_eq!(takeaway.do_to(&path, "pause").await.ok(), paused);
    let active = takeaway.do_to(&path, "resume").await.ok();
    assert_eq!((&active["state"], &active["paused_since"]), (&json!("active"), &Value::Null));
    assert_eq!(takeaway.do_to(&path, "resume").await.ok(), active);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let takeaway = Takeaway::open().await;
    let long = format!("https://nino.example/{}", "x".repeat(2_000));
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "url": "nino.example" }), "/url"),
        (json!({ "url": "ftp://nino.example/" }), "/url"),
        (json!({ "url": "https://nino.example/\0" }), "/url"),
        (json!({ "url": " https://nino.example/" }), "/url"),
        (json!({ "url": "https://nino:secret@nino.example/" }), "/url"),
        (json!({ "url": "http://127.0.0.1:8080/v1/orders" }), "/url"),
        (json!({ "url": "http://[::1]/" }), "/url"),
        (json!({ "url": "http://169.254.169.254/latest/meta-data" }), "/url"),
        (json!({ "url": long }), "/url"),
        (json!({ "url": "https://nino.example/", "events": [] }), "/events"),
        (json!({ "url": "https://nino.example/", "events": ["order_eaten"] }), "/events/0"),
        (json!({ "url": "https://nino.example/", "signing": "rot13" }), "/signing"),
        (json!({ "url": "https://nino.example/", "secret": "whsec_bWluZQ==" }), "/secret"),
    ] {
        let problem = takeaway.add("senseless", &body).await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let none = takeaway.as_chef(Method::GET, &format!("{PATH}/none"), None).await;
    assert_eq!(none.refused(404)["code"], "endpoint_not_found");
    let nobody = takeaway.get("/v1/restaurants/nobody/webhook-endpoints").await;
    assert_eq!(nobody.refused(404)["code"], "restaurant_not_found");
}

#[tokio::test]
async fn a_restaurant_has_five_and_room_again_when_one_is_removed() {
    let takeaway = Takeaway::open().await;
    for number in 0..5 {
        takeaway.add(&format!("hooks-{number}"), &hooks()).await.ok();
    }
    assert_eq!(takeaway.add("sixth", &hooks()).await.refused(409)["code"], "too_many_endpoints");
    let listed = takeaway.as_chef(Method::GET, PATH, None).await.ok();
    let path = format!("{PATH}/{}", listed["endpoints"][2]["id"].as_str().unwrap());
    assert_eq!(takeaway.as_chef(Method::DELETE, &path, None).await.status, 204);
    takeaway.as_chef(Method::DELETE, &path, None).await.refused(404);
    takeaway.add("sixth", &hooks()).await.ok();
}

#[tokio::test]
async fn a_test_says_what_came_of_it_and_does_not_wait_for_nobody() {
    let mut takeaway = Takeaway::open().await;
    let (made, path) = takeaway.added("hooks", &hooks()).await;
    takeaway.do_to(&path, "test").await.refused(503);
    let mut tests = takeaway.with_tests();
    let outcomes = [Ok(204), Err("http_500".to_owned())];
    let answering = tokio::spawn(async move {
        for outcome in outcomes {
            let test = tests.recv().await.expect("a test");
            assert_eq!(test.endpoint.endpoint_id, made["id"]);
            test.reply.send(Tried { outcome, duration_ms: 7 }).expect("somebody waits");
        }
    });
    let well = takeaway.do_to(&path, "test").await.ok();
    let said = json!({ "delivered": true, "status": 204, "error": null, "duration_ms": 7 });
    assert_eq!(well, said);
    let badly = takeaway.do_to(&path, "test").await.ok();
    let said = json!({ "delivered": false, "status": null, "error": "http_500", "duration_ms": 7 });
    assert_eq!(badly, said);
    answering.await.expect("both came");
}

#[tokio::test]
async fn what_was_told_is_listed_page_by_page_and_told_again() {
    let takeaway = Takeaway::open().await;
    let (made, path) = takeaway.added("hooks", &hooks()).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let store = Sqlite::open(&takeaway.folder.path().join("orders.db")).expect("the database");
    let new: Vec<_> = (1..=3).map(|number| to_tell(&id, number)).collect();
    assert!(store.add_deliveries(0, 1, new.clone()).await.expect("it answers"));
    for delivery in new {
        assert!(store.replace_delivery(failed(delivery)).await.expect("it answers"));
    }
    let list = async |query: &str| {
        takeaway.as_chef(Method::GET, &format!("{path}/deliveries{query}"), None).await
    };
    let first = list("?limit=2").await.ok();
    let shown = &first["deliveries"][0];
    assert_eq!((&shown["id"], &shown["webhook_id"]), (&json!("event-3"), &json!("msg_event-3")));
    assert_eq!(shown["last_attempts"][0]["error"], "http_500");
    assert_eq!((&shown["state"], &shown["next_attempt_at"]), (&json!("given_up"), &Value::Null));
    let second = list(&format!("?cursor={}", first["next_cursor"].as_str().unwrap())).await.ok();
    assert_eq!(second["deliveries"][0]["id"], "event-1");
    assert_eq!(
        (second["deliveries"].as_array().unwrap().len(), &second["next_cursor"]),
        (1, &Value::Null)
    );
    let replay = format!("{path}/deliveries/event-2/replay");
    let again = takeaway.as_chef(Method::POST, &replay, None).await.ok();
    assert_eq!((&again["state"], &again["attempts"]), (&json!("pending"), &json!(1)));
    let pending = list("?state=pending").await.ok();
    assert_eq!(pending["deliveries"], json!([again]));
    list("?state=lost").await.refused(400);
    list("?limit=0").await.refused(400);
    let none = format!("{path}/deliveries/none/replay");
    let none = takeaway.as_chef(Method::POST, &none, None).await;
    assert_eq!(none.refused(404)["code"], "delivery_not_found");
}

fn to_tell(endpoint_id: &str, number: i64) -> Delivery {
    let at = Timestamp(EVENING_US);
    Delivery {
        endpoint_id: endpoint_id.to_owned(),
        event_id: format!("event-{number}"),
        event_type: "order_placed".to_owned(),
        order_id: "order-1".to_owned(),
        sequence: number,
        occurred_at: at,
        traceparent: None,
        body: "{}".to_owned(),
        round: 1,
        state: DeliveryState::Pending,
        attempts: 0,
        recent: Vec::new(),
        next_attempt_at: at,
        give_up_at: at.plus_ms(600_000),
    }
}

/// It failed once, for good.
fn failed(delivery: Delivery) -> Delivery {
    let (at, outcome) = (delivery.occurred_at, Err("http_500".to_owned()));
    delivery.attempted(Attempt { at, outcome, duration_ms: 7 }, None)
}
