//! The API as its clients see it, through the whole router.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chassis::clock::ManualClock;
use chassis::http::Health;
use chassis::http::auth::{Guard, Keys, LocalIssuer, Verifier};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::domain::{Code, VoucherIssued};
use crate::store::Store;
use crate::store::testing::new_store;
use crate::store::vouchers::insert_voucher;

const DAY_US: i64 = 86_400 * 1_000_000;

fn keep(store: &Store, number: i64, customer: &str) {
    let issued = VoucherIssued {
        voucher_id: format!("voucher-{number}"),
        campaign_id: "thanks".into(),
        order_id: format!("dumplings-{number}"),
        customer_id: customer.into(),
        value_minor: 500,
        currency: "EUR".into(),
        minimum_minor: 1500,
        issued_at_us: number * DAY_US,
        valid_until_us: (number + 30) * DAY_US,
    };
    let mut writer = store.writer().unwrap();
    let tx = writer.begin().unwrap();
    let code = Code::from_bits(number.unsigned_abs());
    insert_voucher(&tx, &issued, code, &number.to_be_bytes()).unwrap();
    tx.commit().unwrap();
}

async fn get(store: &Store, clock: &ManualClock, uri: &str) -> (StatusCode, Value) {
    get_as("customer", "amira", store, clock, uri).await
}

async fn get_as(
    role: &str,
    subject: &str,
    store: &Store,
    clock: &ManualClock,
    uri: &str,
) -> (StatusCode, Value) {
    let folder = tempfile::tempdir().unwrap();
    let issuer = LocalIssuer::open(&folder.path().join("token.key")).unwrap();
    let claims = serde_json::Map::from_iter([("role".to_owned(), role.into())]);
    let hundred_days = std::time::Duration::from_secs(100 * 86_400);
    let token = issuer.mint("takeaway", subject, claims, 0, hundred_days).unwrap();
    let keys = Keys::fixed(&issuer.keys()).unwrap();
    let time = Arc::new(clock.clone());
    let verifier = Verifier::new(keys, "takeaway-local", "takeaway", time);
    let api = Api {
        list_vouchers: ListVouchers::new(store.reader().unwrap()),
        clock: Arc::new(clock.clone()),
    };
    let metrics = chassis::metrics::install();
    let app = chassis::http::router(
        router(api, Guard::new(verifier, Vec::new())),
        Health::new(),
        metrics,
        BODY_LIMIT_BYTES,
    );
    let request = Request::get(uri).header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_customer_reads_their_vouchers_with_code_and_state() {
    let (_directory, store) = new_store();
    keep(&store, 1, "amira");
    keep(&store, 2, "bela");
    let clock = ManualClock::at(31 * DAY_US - 1);
    let uri = "/v1/customers/amira/vouchers";
    let (status, body) = get(&store, &clock, uri).await;
    assert_eq!(status, StatusCode::OK);
    let expected = serde_json::json!({
        "vouchers": [{
            "voucher_id": "voucher-1",
            "code": "0000-0000-0001-2",
            "state": "issued",
            "value_minor": 500,
            "currency": "EUR",
            "minimum_minor": 1500,
            "valid_until": "1970-02-01T00:00:00.000000Z",
            "order_id": "dumplings-1",
        }],
        "next_cursor": null,
    });
    assert_eq!(body, expected);
    clock.advance_us(1);
    let (_, body) = get(&store, &clock, uri).await;
    assert_eq!(body["vouchers"][0]["state"], "expired");
}

#[tokio::test]
async fn a_customer_sees_only_their_own_and_others_what_is_for_them() {
    let (_directory, store) = new_store();
    keep(&store, 1, "bela");
    for (role, subject, status, code) in [
        ("customer", "bela", 200, ""),
        ("customer", "amira", 404, "customer_not_found"),
        ("customer", "Bela", 404, "customer_not_found"),
        ("restaurant", "bela", 403, "not_for_role"),
        ("operator", "olga", 200, ""),
        ("service", "mailer", 200, ""),
        ("waiter", "bela", 401, "invalid_token"),
    ] {
        let clock = ManualClock::at(0);
        let uri = "/v1/customers/bela/vouchers";
        let (answered, body) = get_as(role, subject, &store, &clock, uri).await;
        assert_eq!(answered.as_u16(), status, "{role} {subject}: {body}");
        assert_eq!(body["code"].as_str().unwrap_or_default(), code, "{role} {subject}");
    }
}

#[tokio::test]
async fn a_customer_nobody_has_heard_of_has_no_vouchers() {
    let (_directory, store) = new_store();
    let clock = ManualClock::at(0);
    let uri = "/v1/customers/nobody/vouchers";
    let (status, body) = get_as("operator", "olga", &store, &clock, uri).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, serde_json::json!({ "vouchers": [], "next_cursor": null }));
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor() {
    let (_directory, store) = new_store();
    (1..=5).for_each(|number| keep(&store, number, "amira"));
    let mut seen = Vec::new();
    let mut uri = "/v1/customers/amira/vouchers?limit=2".to_owned();
    let mut sizes = Vec::new();
    loop {
        let (_, body) = get(&store, &ManualClock::at(0), &uri).await;
        let vouchers = body["vouchers"].as_array().unwrap();
        sizes.push(vouchers.len());
        seen.extend(vouchers.iter().map(|v| v["order_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = body["next_cursor"].as_str() else { break };
        uri = format!("/v1/customers/amira/vouchers?limit=2&cursor={cursor}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    let expected: Vec<String> = (1..=5).rev().map(|n| format!("dumplings-{n}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_wrong_page_is_a_problem_that_says_what_to_do() {
    let (_directory, store) = new_store();
    let cases = [
        ("limit=0", "invalid_query"),
        ("limit=201", "invalid_query"),
        ("limit=many", "invalid_query"),
        ("cursor=nonsense", "invalid_cursor"),
    ];
    for (query, code) in cases {
        let uri = format!("/v1/customers/amira/vouchers?{query}");
        let (status, body) = get(&store, &ManualClock::at(0), &uri).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(body["code"], code, "{query}");
    }
    for limit in [1, 200] {
        let uri = format!("/v1/customers/amira/vouchers?limit={limit}");
        assert_eq!(get(&store, &ManualClock::at(0), &uri).await.0, StatusCode::OK, "{limit}");
    }
}

#[tokio::test]
async fn the_openapi_document_that_is_served_is_the_committed_one() {
    let (_directory, store) = new_store();
    let (status, served) = get(&store, &ManualClock::at(0), "/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, openapi_json().unwrap() + "\n").unwrap();
    }
    let committed: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(served, committed, "write it anew: promotions openapi > openapi.json");
    assert!(served["paths"]["/v1/customers/{customer_id}/vouchers"]["get"].is_object());
}
