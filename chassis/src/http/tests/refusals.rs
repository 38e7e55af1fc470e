//! Each refusal, whoever makes it, says what is wrong and what to do.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::response::{Html, IntoResponse};
use serde_json::json;

use super::*;

const OUR_FAULT: &str =
    "something went wrong on our side: try again, and report the trace_id if it stays";

#[tokio::test]
async fn a_problem_has_all_members() {
    let answer = ask(get_request("/orders/many?secret=1")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(
        answer.json(),
        json!({
            "type": "/problems/invalid_path",
            "title": "Invalid path",
            "status": 400,
            "detail": "correct the path: Cannot parse `many` to a `u32`",
            "instance": "/orders/many",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "code": "invalid_path",
        })
    );
}

#[tokio::test]
async fn framework_refusals_are_problems() {
    let table: [(Request<Body>, u16, &str, &str); 8] = [
        (
            get_request("/nowhere"),
            404,
            "not_found",
            "there is nothing at /nowhere: look at /openapi.json",
        ),
        (
            get_request("/orders?limit=all"),
            400,
            "invalid_query",
            "correct the query: limit: invalid digit found in string",
        ),
        (get_request("/orders"), 400, "invalid_query", "correct the query: missing field `limit`"),
        (get_request("/plain"), 403, "forbidden", "not your table"),
        (
            get_request("/never"),
            504,
            "timeout",
            "there was no answer within 200ms: ask what became of it",
        ),
        (get_request("/cold"), 500, "internal", OUR_FAULT),
        (get_request("/fallen"), 500, "internal", OUR_FAULT),
        (
            Request::post("/orders").body(Body::from("{}")).unwrap(),
            415,
            "unsupported_media_type",
            "send JSON with the header Content-Type: application/json",
        ),
    ];
    for (request, status, code, detail) in table {
        let path = request.uri().path().to_owned();
        let answer = ask(request).await;
        let problem = answer.json();
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        assert_eq!(problem["code"], code, "{path}");
        assert_eq!(problem["detail"], detail, "{path}");
        assert_eq!(problem["instance"], path);
        assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let answer = ask(Request::delete("/orders").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["code"], "method_not_allowed");
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("POST") && allow.contains("GET"), "{allow}");
    let detail = "DELETE is not possible here: the header Allow says what is";
    assert_eq!(answer.json()["detail"], detail);
}

#[tokio::test]
async fn wrong_bodies_are_told_where_they_are_wrong() {
    let table = [
        ("", 400, "invalid_json", "", "EOF while parsing a value at line 1 column 0"),
        ("{\"items\":[}", 400, "invalid_json", "", "expected value at line 1 column 11"),
        ("{\"items\":[]} x", 400, "invalid_json", "", "trailing characters at line 1 column 14"),
        ("{}", 422, "invalid_body", "", "missing field `items` at line 1 column 2"),
        (
            "{\"items\":[{\"dish\":\"Dal\",\"quantity\":-1}]}",
            422,
            "invalid_body",
            "/items/0/quantity",
            "invalid value: integer `-1`, expected u8 at line 1 column 37",
        ),
        (
            "{\"items\":[], \"a/b~\":1}",
            422,
            "invalid_body",
            "/a~1b~0",
            "unknown field `a/b~`, expected `items` at line 1 column 19",
        ),
    ];
    for (body, status, code, pointer, detail) in table {
        let answer = ask(order(body)).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{body}");
        assert_eq!(problem["errors"], json!([{"pointer": pointer, "detail": detail}]), "{body}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{body}");
    }
}

#[tokio::test]
async fn a_good_body_comes_back() {
    let body = r#"{"items":[{"dish":"Dal","quantity":2}]}"#;
    let mut request = order(body);
    let media_type = "application/vnd.kitchen+JSON; charset=utf-8".parse().unwrap();
    request.headers_mut().insert("content-type", media_type);
    let answer = ask(request).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, body));
}

#[tokio::test]
async fn a_body_can_be_kept_as_it_was_written() {
    let body = "{ \"items\" : [] }";
    let request = Request::post("/raw").header("content-type", "application/json");
    let answer = ask(request.body(Body::from(body)).unwrap()).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, body));
}

#[tokio::test]
async fn an_optional_body_may_be_missing_but_not_wrong() {
    let one = r#"{"items":[{"dish":"Dal","quantity":1}]}"#;
    for (body, media_type, status, text) in [
        ("", "text/plain", 200, "0"),
        (one, "application/json", 200, "1"),
        (one, "text/plain", 415, "application/json"),
        ("{", "application/json", 400, "invalid_json"),
    ] {
        let request = Request::post("/optional").header("content-type", media_type);
        let answer = ask(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        assert!(answer.text().contains(text), "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_body_limit_is_exact() {
    let order_of = |bytes: usize| {
        let mut body = br#"{"items":[]}"#.to_vec();
        body.resize(bytes, b' ');
        order(body)
    };
    assert_eq!(ask(order_of(BODY_LIMIT_BYTES - 1)).await.status, StatusCode::OK);
    assert_eq!(ask(order_of(BODY_LIMIT_BYTES)).await.status, StatusCode::OK);
    let answer = ask(order_of(BODY_LIMIT_BYTES + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "body_too_large");
    assert_eq!(answer.json()["limit_bytes"], BODY_LIMIT_BYTES);
}

#[tokio::test]
async fn what_is_no_refusal_or_a_problem_already_stays_as_it_is() {
    for (path, status, body) in [
        ("/kept", StatusCode::OK, "{\"code\":\"kept\"}"),
        ("/kept-refusal", StatusCode::CONFLICT, "{\"code\":\"kept\"}"),
        ("/unchanged", StatusCode::NOT_MODIFIED, ""),
    ] {
        let answer = ask(get_request(path)).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
    }
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_has_failed_behind_a_page_is_logged_and_the_page_stays() {
    let page = async || {
        let page = (StatusCode::INTERNAL_SERVER_ERROR, Html("<p>Not now</p>"));
        let mut response = page.into_response();
        response.extensions_mut().insert(Problem::internal(anyhow::anyhow!("the oven is cold")));
        response
    };
    let router = with_limits(
        Router::new().route("/answer/{link}", get(page)),
        Health::new(),
        crate::metrics::install(),
        BODY_LIMIT_BYTES,
        Duration::from_secs(1),
    );
    // Once before: while another test meets the line for the first time, nobody's log may hear of it.
    ask_at(router.clone(), get_request("/answer/before")).await;
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let _here = tracing::subscriber::set_default(lines.finish());
    let answer = ask_at(router, get_request("/answer/whoever-has-this")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.text(), "<p>Not now</p>");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the oven is cold") && log.contains("/answer/{link}"), "{log}");
    assert!(!log.contains("whoever-has-this"), "{log}");
}

#[tokio::test]
async fn a_full_kitchen_says_when_to_come_back() {
    let answer = ask(get_request("/full")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "7");
}
