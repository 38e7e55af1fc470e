//! Routes that a ticket opens too, and all the others, which none does.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt;
use utoipa::OpenApi;
use utoipa_axum::routes;

use super::*;
use crate::http::Problem;
use crate::http::auth::{Caller, Guard, Policy, Routes, Verified};

const TASTE: Policy<Rank> = Policy { roles: &[Rank::Chef], objects: "every dish" };

#[derive(OpenApi)]
struct Document;

/// Tastes a dish.
#[utoipa::path(get, path = "/dishes/{name}", responses((status = 200, description = "Tasted")))]
async fn taste(cook: Caller<Cook>) -> String {
    format!("{} until {}", cook.name, cook.until_us())
}

/// Looks into a pot.
#[utoipa::path(get, path = "/pots/{name}", responses((status = 200, description = "Seen")))]
async fn look(cook: Caller<Cook>) -> String {
    cook.name.clone()
}

/// A guard that takes the tickets `chef` and `apprentice`.
fn kitchen(signer: &Signer) -> Routes<(), Cook> {
    let verifier = verifier(Keys::fixed(&jwks(&[signer])).unwrap(), &evening());
    let guard = Guard::new(verifier, Vec::new()).with_tickets(|ticket| async move {
        let role = match ticket.as_str() {
            "chef" => Rank::Chef,
            "apprentice" => Rank::Apprentice,
            _ => {
                let refused = Problem::new(StatusCode::UNAUTHORIZED, "no_ticket", "it is none");
                return Err(Box::new(refused));
            }
        };
        Ok(Verified::new(Cook { name: format!("ticketed {ticket}"), role }, 7))
    });
    Routes::new(Document::openapi(), guard)
        .route_with_tickets(&TASTE, routes!(taste))
        .route(&TASTE, routes!(look))
}

async fn ask(app: &Router, path: &str, token: Option<&str>) -> (u16, String) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_ticket_opens_the_routes_that_take_one_and_no_other() {
    let signer = Signer::ed25519("d");
    let (app, document) = kitchen(&signer).split();
    let nonna = signer.sign(&claims());
    for (path, token, status, said) in [
        ("/dishes/dal?ticket=chef", None, 200, "ticketed chef until 7"),
        ("/dishes/dal?spicy=1&ticket=chef", None, 200, "ticketed chef until 7"),
        ("/dishes/dal?ticket=apprentice", None, 403, "not_for_role"),
        ("/dishes/dal?ticket=forged", None, 401, "no_ticket"),
        ("/dishes/dal?ticket=", None, 401, "no_ticket"),
        ("/dishes/dal?tickets=chef", None, 401, "token_required"),
        ("/dishes/dal", None, 401, "token_required"),
        ("/dishes/dal?ticket=forged", Some(&*nonna), 200, "nonna"),
        ("/dishes/dal?ticket=chef", Some("forged"), 401, "invalid_token"),
        ("/pots/dal?ticket=chef", None, 401, "token_required"),
    ] {
        let (answered, body) = ask(&app, path, token).await;
        assert_eq!(answered, status, "{path}: {body}");
        assert!(body.contains(said), "{path}: {body}");
    }
    let long = format!("/dishes/dal?ticket={}", "x".repeat(257));
    assert!(ask(&app, &long, None).await.1.contains("token_required"), "it is not looked at");

    let document = serde_json::to_value(document).unwrap();
    let opened_by = |path: &str| document["paths"][path]["get"]["security"].clone();
    assert_eq!(opened_by("/dishes/{name}"), json!([{ "token": [] }, { "ticket": [] }]));
    assert_eq!(opened_by("/pots/{name}"), json!([{ "token": [] }]));
    let scheme = &document["components"]["securitySchemes"]["ticket"];
    assert_eq!((&scheme["type"], &scheme["in"]), (&json!("apiKey"), &json!("query")));
}
