//! Every refusal is a problem that says what is wrong and where.

use super::restaurants::pointers;
use super::*;
use crate::app::Failure;
use crate::domain::Rejection;
use axum::response::IntoResponse;
use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let takeaway = Takeaway::open().await;
    for (method, path, code) in [
        (Method::GET, "/v1/orders/none", "order_not_found"),
        (Method::GET, "/v1/orders/none/history", "order_not_found"),
        (Method::POST, "/v1/orders/none/accept", "order_not_found"),
        (Method::GET, "/v1/restaurants/none", "restaurant_not_found"),
        (Method::GET, "/v1/pizzas", "not_found"),
    ] {
        let problem = takeaway.call(method, path, None).await.refused(404);
        assert_eq!(problem["code"], code, "{path}");
    }
}

#[tokio::test]
async fn what_the_framework_refuses_is_a_problem_too() {
    let takeaway = Takeaway::open().await;
    let send = async |media_type: &str, body: String| {
        let mut request = takeaway.placing_request("key", &Value::Null);
        request.headers_mut().insert("content-type", media_type.parse().unwrap());
        *request.body_mut() = Body::from(body);
        takeaway.send(request).await
    };
    send("application/json", "{".to_owned()).await.refused(400);
    send("text/plain", dinner().to_string()).await.refused(415);
    send("application/json", " ".repeat(crate::http::BODY_LIMIT_BYTES + 1)).await.refused(413);
    takeaway.call(Method::DELETE, "/v1/orders", None).await.refused(405);
    let path = "/v1/orders/x/history?limit=501";
    takeaway.get(path).await.refused(400);
    let missing = json!({ "restaurant_id": "nino" });
    assert_eq!(takeaway.place("key", &missing).await.refused(422)["code"], "invalid_body");
    let mut unknown = dinner();
    unknown["items"][1]["price_minor"] = json!(1);
    let problem = takeaway.place("key", &unknown).await.refused(422);
    assert_eq!(pointers(&problem), ["/items/1/price_minor"], "prices come from the menu");
}

#[tokio::test]
async fn everything_wrong_with_an_order_is_told_at_once() {
    let takeaway = Takeaway::open().await;
    let wrong = json!({
        "restaurant_id": "",
        "customer": { "name": "", "email": "ada at example.org" },
        "items": [
            { "item_id": "margherita", "quantity": 0 },
            { "item_id": "", "quantity": 100 },
        ],
        "note": "x".repeat(501),
    });
    let problem = takeaway.place("wrong", &wrong).await.refused(422);
    assert_eq!(
        pointers(&problem),
        [
            "/restaurant_id",
            "/customer/name",
            "/customer/email",
            "/items/0/quantity",
            "/items/1/item_id",
            "/items/1/quantity",
            "/note",
        ]
    );
}

#[tokio::test]
async fn limits_of_an_order_are_exact() {
    let takeaway = Takeaway::open().await;
    let items = |lines: usize, quantity: i64| {
        let line = json!({ "item_id": "tiramisu", "quantity": quantity });
        Value::from_iter(std::iter::repeat_n(line, lines))
    };
    let mail = |local: &str| json!({ "name": "Ada", "email": local });
    for (at, (member, value, status)) in [
        ("items", items(0, 1), 422),
        ("items", items(1, 1), 201),
        ("items", items(50, 99), 201),
        ("items", items(51, 1), 422),
        ("items", items(1, 100), 422),
        ("note", Value::Null, 201),
        ("note", json!("ü".repeat(500)), 201),
        ("note", json!("ü".repeat(501)), 422),
        ("customer", mail("ada+dinner@mail.example.org"), 201),
        ("customer", mail("ada@"), 422),
        ("customer", mail("@example.org"), 422),
        ("customer", mail("ada@example.org\r\nBcc: eve@example.org"), 422),
        ("customer", mail("Ada <ada@example.org>"), 422),
    ]
    .into_iter()
    .enumerate()
    {
        let mut order = dinner();
        order[member] = value;
        let answer = takeaway.place(&format!("limit-{at}"), &order).await;
        assert_eq!(answer.status, status, "{at}: {}", answer.json());
    }
}

#[tokio::test]
async fn what_nobody_cooks_is_told_where_it_stands() {
    let takeaway = Takeaway::open().await;
    let mut order = dinner();
    order["items"][1]["item_id"] = json!("sushi");
    let problem = takeaway.place("sushi", &order).await.refused(422);
    assert_eq!(problem["code"], "unknown_item");
    assert_eq!(pointers(&problem), ["/items/1/item_id"]);
    order["restaurant_id"] = json!("nowhere");
    let problem = takeaway.place("nowhere", &order).await.refused(422);
    assert_eq!(problem["code"], "restaurant_not_found");
    assert_eq!(pointers(&problem), ["/restaurant_id"]);

    let mut gold = trattoria();
    gold["menu"][0]["price_minor"] = json!(i64::MAX);
    takeaway.call(Method::PUT, "/v1/restaurants/gold", Some(gold)).await.ok();
    let mut order = dinner();
    order["restaurant_id"] = json!("gold");
    let problem = takeaway.place("gold", &order).await.refused(422);
    assert_eq!((&problem["code"], pointers(&problem)), (&json!("total_too_large"), vec!["/items"]));
}

#[tokio::test]
async fn not_now_says_when_to_come_back() {
    let answer = |failure: Failure| super::super::problem::Refusal::from(failure).into_response();
    for (failure, status, retry) in [
        (Failure::Overloaded, 503, true),
        (Failure::Unavailable(std::fmt::Error.into()), 503, true),
        (Failure::Unreadable(std::fmt::Error.into()), 500, false),
        (Failure::Contended, 409, true),
        (Failure::Fenced, 503, true),
        (Failure::Rejected(Rejection::AlreadyPlaced), 409, false),
    ] {
        let name = failure.to_string();
        let response = answer(failure);
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert_eq!(response.headers().contains_key("retry-after"), retry, "{name}");
    }
}

/// What the document allows to be said is taken, whatever it is.
#[tokio::test]
async fn notes_that_the_document_allows_are_taken() {
    let takeaway = Takeaway::open().await;
    let schemas = takeaway.get("/openapi.json").await.ok()["components"]["schemas"].take();
    let notes_of = |schema: &str| {
        let pattern = schemas[schema]["properties"]["note"]["pattern"].as_str();
        // It makes whole texts, and knows no ends.
        let pattern = pattern.expect("a pattern").trim_start_matches('^').trim_end_matches('$');
        let notes = string_regex(pattern).expect("a pattern that texts can be made of");
        let mut runner = TestRunner::deterministic();
        (0..64).map(move |_| notes.new_tree(&mut runner).expect("a text").current())
    };
    for (at, note) in notes_of("NewOrder").enumerate() {
        let mut order = dinner();
        order["note"] = json!(note);
        assert_eq!(takeaway.place(&format!("note-{at}"), &order).await.status, 201, "{note:?}");
    }
    for (at, note) in notes_of("Refusal").enumerate() {
        let id = takeaway.dinner(&format!("reject-{at}")).await;
        let body = json!({ "reason": "other", "note": note });
        let rejected = takeaway.post(&format!("/v1/orders/{id}/reject"), body).await;
        assert_eq!(rejected.status, 200, "{note:?}");
    }
}
