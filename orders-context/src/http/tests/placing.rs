//! Placing an order: once for each key, whatever happens on the way.

use super::*;
use axum::http::Method;
use std::collections::HashSet;
use tokio::task::JoinSet;

#[tokio::test]
async fn an_order_is_answered_as_it_was_placed() {
    let takeaway = Takeaway::open().await;
    let answer = takeaway.place("\"first\"", &dinner()).await;
    assert_eq!(answer.status, 201);
    let order = answer.json();
    let id = order["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/orders/{id}"));
    assert_eq!(
        order,
        json!({
            "id": id,
            "status": "placed",
            "version": 1,
            "restaurant_id": "nino",
            "customer_id": "c-1815",
            "items": [
                {
                    "item_id": "margherita",
                    "name": "Pizza Margherita",
                    "quantity": 2,
                    "unit_price_minor": 950,
                },
                {
                    "item_id": "tiramisu",
                    "name": "Tiramisù",
                    "quantity": 1,
                    "unit_price_minor": 550,
                },
            ],
            "total_minor": 2450,
            "currency": "EUR",
            "placed_at": "2026-09-21T18:00:00.000000Z",
            "accept_by": "2026-09-21T18:10:00.000000Z",
            "complete_by": "2026-09-21T20:00:00.000000Z",
            "flow_version": 1,
            "policy_version": 1,
            "server_time": "2026-09-21T18:00:00.000000Z",
            "tasks": [{
                "kind": "notify_restaurant",
                "state": "open",
                "attempts": 0,
                "next_attempt_at": "2026-09-21T18:00:00.000000Z",
                "last_error": null,
            }],
        })
    );
    let shown = takeaway.get(answer.header("location")).await;
    assert_eq!((shown.status, &shown.body), (200, &answer.body), "it is shown as it was answered");
    assert_eq!(shown.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn a_restaurant_without_a_channel_has_nothing_to_be_told() {
    let takeaway = Takeaway::open().await;
    let mut quiet = trattoria();
    quiet["webhook"] = Value::Null;
    quiet["mail"] = Value::Null;
    takeaway.call(Method::PUT, "/v1/restaurants/quiet", Some(quiet)).await.ok();
    let mut order = dinner();
    order["restaurant_id"] = json!("quiet");
    let placed = takeaway.place("quiet", &order).await;
    assert_eq!(placed.ok()["tasks"], json!([]));
    let shown = takeaway.get(placed.header("location")).await;
    assert_eq!(shown.body, placed.body);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_bytes_whatever_has_happened_since() {
    let takeaway = Takeaway::open().await;
    let first = takeaway.place("\"twice\"", &dinner()).await;
    let id = first.ok()["id"].as_str().unwrap().to_owned();
    takeaway.clock.advance_us(60_000_000);
    takeaway.post(&format!("/v1/orders/{id}/accept"), json!({})).await.ok();
    let mut shorter = trattoria();
    shorter["menu"] = json!([{ "item_id": "margherita", "name": "Pizza", "price_minor": 1_200 }]);
    takeaway.call(Method::PUT, "/v1/restaurants/nino", Some(shorter)).await.ok();

    for key in ["\"twice\"", "twice"] {
        let again = takeaway.place(key, &dinner()).await;
        assert_eq!((again.status, &again.body), (201, &first.body), "{key}");
        for header in ["location", "etag", "content-type"] {
            assert_eq!(again.header(header), first.header(header), "{key}");
        }
    }
    assert_eq!(takeaway.get("/v1/orders").await.ok()["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hundred_requests_at_once_with_one_key_make_one_order() {
    let takeaway = Takeaway::open().await;
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let router = takeaway.router.clone();
        let request = takeaway.placing_request("\"rush\"", &dinner());
        requests.spawn(async move {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            (status, to_bytes(response.into_body(), usize::MAX).await.unwrap())
        });
    }
    let answers: HashSet<_> = requests.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1, "they differ: {answers:?}");
    assert!(answers.iter().all(|(status, _)| *status == 201));
    assert_eq!(takeaway.get("/v1/orders").await.ok()["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let takeaway = Takeaway::open().await;
    takeaway.place("\"mine\"", &dinner()).await.ok();
    let mut other = dinner();
    other["items"][0]["quantity"] = json!(3);
    let problem = takeaway.place("\"mine\"", &other).await.refused(422);
    assert_eq!(problem["code"], "idempotency_key_reused");
    takeaway.place("\"another\"", &other).await.ok();
}

#[tokio::test]
async fn a_key_is_required_and_must_be_one() {
    let takeaway = Takeaway::open().await;
    let without = takeaway.post("/v1/orders", dinner()).await.refused(400);
    assert_eq!(without["code"], "idempotency_key_required");
    let mut two = takeaway.placing_request("one", &dinner());
    two.headers_mut().append("idempotency-key", "two".parse().unwrap());
    assert_eq!(takeaway.send(two).await.refused(400)["code"], "idempotency_key_required");
    let long = "k".repeat(256);
    for wrong in ["", "\"\"", "\"open", "two words", "a\"b", "\"a\\b\"", "\"a\";b=1", &long] {
        let problem = takeaway.place(wrong, &dinner()).await.refused(400);
        assert_eq!(problem["code"], "invalid_idempotency_key", "{wrong}");
    }
    for right in ["\"two words\"", "\"a \\\"quoted\\\" \\\\\"", &long[..255]] {
        takeaway.place(right, &dinner()).await.ok();
    }
}

#[tokio::test]
async fn the_callers_trace_goes_into_the_journal() {
    let takeaway = Takeaway::open().await;
    let mut request = takeaway.placing_request("traced", &dinner());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", trace.parse().unwrap());
    let placed = takeaway.send(request).await.ok();
    let history = takeaway.app.history(placed["id"].as_str().unwrap(), 0, 1).await.unwrap();
    let traceparent = history[0].traceparent.as_deref().unwrap();
    assert!(traceparent.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{traceparent}");
}
