//! The OpenAPI document: committed, served, and in step with the code.

use super::*;
use std::collections::HashSet;
use std::{env, fs};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let described = crate::http::openapi_json().unwrap();
    if env::var_os("BLESS").is_some() {
        fs::write(COMMITTED, &described).unwrap();
    }
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == described,
        "orders-context/openapi.json is not what the code describes. Look at the difference, \
         tell those who call the API if it breaks them, and write it anew: \
         BLESS=1 cargo test -p orders-context committed_document"
    );
}

#[tokio::test]
async fn the_document_is_served_and_describes_every_route() {
    let takeaway = Takeaway::open().await;
    let document = takeaway.get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let (mut described, mut names) = (Vec::new(), HashSet::new());
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            described.push(format!("{method} {path}"));
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "two operations are called {name}");
        }
    }
    described.sort();
    assert_eq!(
        described,
        [
            "delete /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}",
            "get /v1/bulk-actions",
            "get /v1/bulk-actions/{id}",
            "get /v1/erasure-requests/{id}",
            "get /v1/flow",
            "get /v1/orders",
            "get /v1/orders/{id}",
            "get /v1/orders/{id}/history",
            "get /v1/restaurants/{id}",
            "get /v1/restaurants/{id}/availability",
            "get /v1/restaurants/{id}/feed",
            "get /v1/restaurants/{id}/webhook-endpoints",
            "get /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}",
            "get /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/deliveries",
            "post /v1/bulk-actions",
            "post /v1/bulk-actions/{id}/cancel",
            "post /v1/bulk-actions/{id}/pause",
            "post /v1/bulk-actions/{id}/resume",
            "post /v1/erasure-requests",
            "post /v1/orders",
            "post /v1/orders/{id}/accept",
            "post /v1/orders/{id}/cancel",
            "post /v1/orders/{id}/complete",
            "post /v1/orders/{id}/extend",
            "post /v1/orders/{id}/redrive",
            "post /v1/orders/{id}/redrive-task",
            "post /v1/orders/{id}/reject",
            "post /v1/orders/{id}/retry",
            "post /v1/restaurants/{id}/feed-tickets",
            "post /v1/restaurants/{id}/webhook-endpoints",
            "post /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay",
            "post /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/pause",
            "post /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/resume",
            "post /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/rotate-secret",
            "post /v1/restaurants/{id}/webhook-endpoints/{endpoint_id}/test",
            "put /v1/restaurants/{id}",
            "put /v1/restaurants/{id}/availability",
        ]
    );
}

#[tokio::test]
async fn the_description_of_the_events_is_served_too() {
    let takeaway = Takeaway::open().await;
    let answer = takeaway.get("/asyncapi.json").await;
    assert_eq!(answer.header("content-type"), "application/vnd.aai.asyncapi+json;version=3.1.0");
    let document = answer.ok();
    assert_eq!(document["asyncapi"], "3.1.0");
    assert_eq!(document["channels"]["orders.order.events.v1"]["address"], "orders.order.events.v1");
}

#[tokio::test]
async fn what_is_created_leads_to_what_can_be_done_with_it() {
    let takeaway = Takeaway::open().await;
    let document = takeaway.get("/openapi.json").await.ok();
    let links = &document["paths"]["/v1/orders"]["post"]["responses"]["201"]["links"];
    assert_eq!(links["accept_order"]["operationId"], "accept_order");
    assert_eq!(links["accept_order"]["parameters"]["id"], "$response.body#/id");
    let links = &document["paths"]["/v1/bulk-actions"]["post"]["responses"]["202"]["links"];
    assert_eq!(links.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn every_operation_tells_of_the_refusals_that_all_have() {
    let takeaway = Takeaway::open().await;
    let document = takeaway.get("/openapi.json").await.ok();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body: &[&str] = match operation.get("requestBody") {
                Some(_) => &["400", "408", "413", "415", "422"],
                None => &[],
            };
            for status in ["401", "403", "500", "503", "504"].iter().chain(body) {
                let problem =
                    &operation["responses"][status]["content"]["application/problem+json"];
                let schema = &problem["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
}
