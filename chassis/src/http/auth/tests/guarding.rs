//! A route behind a policy.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use tower::ServiceExt;
use utoipa::OpenApi;
use utoipa_axum::routes;

use super::*;
use crate::http::auth::{Caller, Guard, Policy, Quota, Rate, Routes};
use crate::http::{Health, router};

const SEASON: Policy<Rank> = Policy { roles: &[Rank::Chef], objects: "every dish" };

#[derive(OpenApi)]
struct Document;

/// Seasons a dish.
#[utoipa::path(post, path = "/dishes/{name}", responses((status = 200, description = "Seasoned")))]
async fn season(cook: Caller<Cook>) -> String {
    cook.name.clone()
}

fn kitchen(signer: &Signer) -> Routes<(), Cook> {
    kitchen_by(signer, &evening())
}

fn kitchen_by(signer: &Signer, clock: &ManualClock) -> Routes<(), Cook> {
    let verifier = verifier(Keys::fixed(&jwks(&[signer])).unwrap(), clock);
    let quota = Quota { role: Rank::Chef, rate: Rate::per_minute(2) };
    Routes::new(Document::openapi(), Guard::new(verifier, vec![quota]))
        .route(&SEASON, routes!(season))
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn ask(signer: &Signer, method: Method, authorization: &[&str]) -> Answer {
    let (routes, _) = kitchen(signer).split();
    let app = router(routes, Health::new(), crate::metrics::install(), 1_024);
    let mut request = Request::builder().method(method).uri("/dishes/dal");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

#[tokio::test]
async fn the_guard_lets_through_whom_the_policy_names() {
    let signer = Signer::ed25519("d");
    let chef = signer.sign(&claims());
    let apprentice = signer.sign(&with("role", json!("apprentice")));
    let bearer = |token: &str| format!("Bearer {token}");
    for (authorization, status, code, challenge) in [
        (vec![], 401, "token_required", "Bearer realm=\"takeaway\""),
        (vec!["Basic bm9ubmE6YmFzaWxpY28=".to_owned()], 401, "token_required", "Bearer"),
        (vec![bearer("x")], 401, "invalid_token", "error=\"invalid_token\""),
        (vec![bearer("")], 401, "invalid_token", "error=\"invalid_token\""),
        (vec![bearer(&chef), bearer(&chef)], 401, "invalid_token", "error=\"invalid_token\""),
        (vec![bearer(&apprentice)], 403, "not_for_role", "error=\"insufficient_scope\""),
    ] {
        let values: Vec<&str> = authorization.iter().map(String::as_str).collect();
        let answer = ask(&signer, Method::POST, &values).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains(&format!("\"code\":\"{code}\"")), "{}", answer.body);
        let said = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(said.contains(challenge), "{said}");
        assert!(!answer.body.contains(&chef));
    }
    for authorization in [format!("Bearer {chef}"), format!("bearer  {chef}")] {
        let answer = ask(&signer, Method::POST, &[&authorization]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "nonna"));
    }
    assert_eq!(
        ask(&signer, Method::GET, &[]).await.status,
        405,
        "the guard is for routes there are"
    );
}

#[tokio::test]
async fn a_handler_without_a_guard_answers_nobody() {
    let routes = axum::Router::new().route("/dishes/{name}", axum::routing::post(season));
    let request = Request::post("/dishes/dal").body(Body::empty()).unwrap();
    assert_eq!(routes.oneshot(request).await.unwrap().status(), 401);
}

#[test]
fn the_policy_is_printed_beside_its_route() {
    let (_, document) = kitchen(&Signer::ed25519("d")).split();
    let document = serde_json::to_value(document).unwrap();
    let operation = &document["paths"]["/dishes/{name}"]["post"];
    assert_eq!(operation["x-policy"], json!({ "roles": ["chef"], "objects": "every dish" }));
    assert_eq!(operation["security"], json!([{ "token": [] }]));
    assert_eq!(operation["responses"]["401"]["description"], "No token, or not a good one");
    let scheme = &document["components"]["securitySchemes"]["token"];
    assert_eq!(*scheme, json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }));
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let signer = Signer::ed25519("d");
    let (routes, _) = kitchen(&signer).split();
    let app = router(routes, Health::new(), crate::metrics::install(), 1_024);
    let season = async |claims: Value| {
        let request = Request::post("/dishes/dal")
            .header("authorization", format!("Bearer {}", signer.sign(&claims)))
            .body(Body::empty());
        app.clone().oneshot(request.unwrap()).await.unwrap()
    };
    for (left, full) in [(1, 30), (0, 60)] {
        let answer = season(claims()).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"principal\";q=2;w=60");
        let told = format!("\"principal\";r={left};t={full}");
        assert_eq!(answer.headers()["ratelimit"], told.as_str());
    }
    // Another token of the same person does not help.
    let refused = season(with("jti", json!("another"))).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "30");
    assert_eq!(refused.headers()["ratelimit"], "\"principal\";r=0;t=60");
    assert_eq!(season(with("sub", json!("luigi"))).await.status(), 200, "others may still ask");
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_nobody_wait() {
    let (signer, clock) = (Signer::ed25519("d"), evening());
    let (routes, _) = kitchen_by(&signer, &clock).split();
    let season = async || {
        let request = Request::post("/dishes/dal")
            .header("authorization", format!("Bearer {}", signer.sign(&claims())))
            .body(Body::empty());
        routes.clone().oneshot(request.unwrap()).await.unwrap()
    };
    assert_eq!(season().await.headers()["ratelimit"], "\"principal\";r=1;t=30");
    clock.advance_us(-3_600_000_000);
    assert_eq!(season().await.headers()["ratelimit"], "\"principal\";r=0;t=60");
    assert_eq!(season().await.headers()["retry-after"], "30");
}
