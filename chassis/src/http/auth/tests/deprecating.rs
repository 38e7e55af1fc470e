//! Routes that are going to go say so, and the others do not.

use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;
use utoipa::OpenApi;
use utoipa_axum::routes;

use super::*;
use crate::http::auth::{Caller, Deprecation, Guard, Policy, Routes};

const COOK: Policy<Rank> = Policy { roles: &[Rank::Chef], objects: "every dish" };

const OLD: Deprecation = Deprecation {
    since_s: 1_790_013_600,
    sunset_s: 1_821_549_600,
    successor: "/ovens",
    explained_at: "https://takeaway.example/changes",
};

#[derive(OpenApi)]
struct Document;

/// Cooks over a fire.
#[utoipa::path(get, path = "/fires", responses((status = 200, description = "Cooked")))]
async fn fire(_: Caller<Cook>) {}

/// Bakes.
#[utoipa::path(get, path = "/ovens", responses((status = 200, description = "Baked")))]
async fn bake(_: Caller<Cook>) {}

#[tokio::test]
async fn every_answer_of_a_deprecated_route_says_so_and_its_description_too() {
    let signer = Signer::ed25519("d");
    let verifier = verifier(Keys::fixed(&jwks(&[&signer])).unwrap(), &evening());
    let routes = Routes::new(Document::openapi(), Guard::new(verifier, Vec::new()))
        .route_deprecated(&COOK, &OLD, routes!(fire))
        .route(&COOK, routes!(bake));
    let (app, document) = routes.split();
    let token = format!("Bearer {}", signer.sign(&claims()));
    let link = "</ovens>; rel=\"successor-version\", \
                <https://takeaway.example/changes>; rel=\"deprecation\", \
                <https://takeaway.example/changes>; rel=\"sunset\"";
    let told = [
        ("deprecation", "@1790013600"),
        ("sunset", "Tue, 21 Sep 2027 18:00:00 GMT"),
        ("link", link),
    ];
    let document = serde_json::to_value(document).unwrap();
    for (path, is_old) in [("/fires", true), ("/ovens", false)] {
        for (authorization, status) in [(&*token, 200), ("", 401)] {
            let request = Request::get(path).header("authorization", authorization);
            let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status);
            for (name, value) in told {
                let said = answer.headers().get(name).map(|said| said.to_str().unwrap());
                assert_eq!(said, is_old.then_some(value), "{path} {status}");
            }
        }
        let operation = &document["paths"][path]["get"];
        assert_eq!(operation["deprecated"] == true, is_old, "{path}");
        for status in ["200", "401"] {
            let described = operation["responses"][status]["headers"]["Sunset"].is_object();
            assert_eq!(described, is_old, "{path} {status}");
        }
    }
}
