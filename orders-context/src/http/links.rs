//! Where an answer leads: links (OpenAPI 3.1, section 4.8.20) from what was created to everything
//! that can be done with it.

use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{OpenApi, RefOr};

/// What is created by a `POST` to the first, with this status, is found below the next, under these
/// parameters: the first of them is its id.
const CREATED: &[(&str, &str, &str, Parameters)] = &[
    ("/v1/orders", "201", "/v1/orders/{id}", BY_ID),
    ("/v1/bulk-actions", "202", "/v1/bulk-actions/{id}", BY_ID),
    ("/v1/erasure-requests", "202", "/v1/erasure-requests/{id}", BY_ID),
    (
        "/v1/restaurants/{id}/webhook-endpoints",
        "201",
        "/v1/restaurants/{id}/webhook-endpoints/{endpoint_id}",
        &[("endpoint_id", "$response.body#/id"), ("id", "$response.body#/restaurant_id")],
    ),
];

/// Their names, and where the answer has them.
type Parameters = &'static [(&'static str, &'static str)];

const BY_ID: Parameters = &[("id", "$response.body#/id")];

/// Adds them to `document`.
pub fn add(document: &mut OpenApi) {
    for (collection, status, below, parameters) in CREATED {
        let paths = &mut document.paths.paths;
        let items = paths.iter().filter(|(path, _)| path.starts_with(below));
        let targets: Vec<String> = items.flat_map(|(_, item)| operations_of(item)).collect();
        let creating = paths.get_mut(*collection).and_then(|item| item.post.as_mut());
        let answer = creating.and_then(|post| post.responses.responses.get_mut(*status));
        if let Some(RefOr::T(answer)) = answer {
            let link = |target: String| (target.clone(), RefOr::T(to(target, parameters)));
            answer.links.extend(targets.into_iter().map(link));
        }
    }
}

fn to(operation: String, parameters: Parameters) -> Link {
    let link = Link::builder().operation_id(operation);
    let with = |link: LinkBuilder, (name, at): &(&str, &str)| link.parameter(*name, *at);
    parameters.iter().fold(link, with).build()
}

fn operations_of(item: &PathItem) -> Vec<String> {
    let operations = [&item.get, &item.put, &item.post, &item.delete, &item.patch];
    operations.into_iter().flatten().filter_map(|each| each.operation_id.clone()).collect()
}
