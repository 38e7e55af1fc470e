//! The API from outside: the router as it is served, over a database in a file and with the loop
//! that commits. The clock stands still unless a test moves it.

mod answering;
mod availability;
mod bulk;
mod deciding;
mod document;
mod endpoints;
mod erasing;
mod feed;
mod feed_tickets;
mod flow;
mod listing;
mod operating;
mod placing;
mod policies;
mod reading;
mod refusals;
mod restaurants;

use crate::app::group::Limits;
use crate::app::{AnswerLinks, App};
use crate::domain::Policy;
use crate::http::{Principal, Role};
use crate::store::sqlite::Sqlite;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use chassis::clock::ManualClock;
use chassis::http::Health;
use chassis::http::auth::{Guard, Keys, LocalIssuer, Verifier};
use chassis::ids::SequentialIds;
use chassis::shutdown::Shutdown;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// 21 September 2026, in the evening.
const EVENING_US: i64 = 1_790_013_600_000_000;

/// Everything of the orders context but what goes outside.
struct Takeaway {
    app: App,
    router: Router,
    clock: ManualClock,
    issuer: LocalIssuer,
    folder: TempDir,
}

/// An answer as a client sees it.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    #[track_caller]
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect("text")
    }

    /// The body of a success.
    #[track_caller]
    fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.json());
        self.json()
    }

    /// The code of a problem that has all its members.
    #[track_caller]
    fn refused(&self, status: u16) -> Value {
        let problem = self.json();
        assert_eq!(self.status, status, "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail", "instance", "code", "trace_id"] {
            assert!(problem[member].is_string(), "{member} is missing: {problem}");
        }
        problem
    }
}

impl Takeaway {
    async fn open() -> Self {
        let folder = TempDir::new().expect("a folder");
        let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
        let clock = ManualClock::at(EVENING_US);
        let limits = Limits { queue: 1_024, group: 256 };
        let (app, group) = App::new(
            Arc::new(store),
            Arc::new(clock.clone()),
            Arc::new(SequentialIds::new()),
            Policy::standard(),
            limits,
        );
        tokio::spawn(group.run(Shutdown::new()));
        let public = "https://orders.example".parse().expect("a URL");
        let app = app.with_answer_links(AnswerLinks::new(&public, [7; 32]));
        tokio::spawn(app.feeds().clone().run(Shutdown::new()));
        let issuer = LocalIssuer::open(&folder.path().join("token.key")).expect("a key");
        let router = served(app.clone(), &issuer, &clock);
        let takeaway = Self { app, router, clock, issuer, folder };
        takeaway.call(Method::PUT, "/v1/restaurants/nino", Some(trattoria())).await.ok();
        takeaway
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A token of that role; a restaurant's is for `nino`, `bombay` and `gold`.
    fn token(&self, role: Role, subject: &str) -> String {
        let restaurants: &[&str] = match role {
            Role::Restaurant => &["nino", "bombay", "gold"],
            _ => &[],
        };
        self.token_for(role, subject, restaurants)
    }

    fn token_for(&self, role: Role, subject: &str, restaurants: &[&str]) -> String {
        let mut claims = Map::new();
        claims.insert("role".to_owned(), role.as_str().into());
        claims.insert("restaurants".to_owned(), restaurants.into());
        let year = Duration::from_secs(365 * 24 * 3_600);
        self.issuer.mint("takeaway", subject, claims, EVENING_US, year).expect("a token")
    }

    /// As whoever usually asks for this: Ada orders and calls off, a restaurant decides, an operator
    /// does the rest.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let token = match (&method, path.rsplit('/').next()) {
            _ if path.starts_with("/v1/bulk-actions") => self.token(Role::Operator, "operator-7"),
            (&Method::POST, Some("orders" | "cancel")) => self.token(Role::Customer, "c-1815"),
            (&Method::POST, Some("accept" | "reject" | "complete")) => {
                self.token(Role::Restaurant, "chef")
            }
            _ => self.token(Role::Operator, "operator-7"),
        };
        self.call_as(&token, method, path, body).await
    }

    async fn call_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.expect("a request")).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn place(&self, key: &str, order: &Value) -> Answer {
        self.send(self.placing_request(key, order)).await
    }

    fn placing_request(&self, key: &str, order: &Value) -> Request<Body> {
        let token = self.token(Role::Customer, "c-1815");
        Request::post("/v1/orders")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Body::from(order.to_string()))
            .expect("a request")
    }

    /// The id of a new order of Ada's dinner.
    async fn dinner(&self, key: &str) -> String {
        let placed = self.place(key, &dinner()).await.ok();
        placed["id"].as_str().expect("an id").to_owned()
    }
}

fn served(app: App, issuer: &LocalIssuer, clock: &ManualClock) -> Router {
    let metrics = chassis::metrics::install();
    let keys = Keys::fixed(&issuer.keys()).expect("keys");
    let time = Arc::new(clock.clone());
    let verifier: Verifier<Principal> = Verifier::new(keys, "takeaway-local", "takeaway", time);
    let api = super::router(app.clone(), Guard::new(verifier, Vec::new()))
        .merge(super::answer_pages(app));
    chassis::http::router(api, Health::new(), metrics, super::BODY_LIMIT_BYTES)
}

/// Two dishes, a webhook and a mail address.
fn trattoria() -> Value {
    json!({
        "name": "Trattoria da Nino",
        "currency": "EUR",
        "menu": [
            { "item_id": "margherita", "name": "Pizza Margherita", "price_minor": 950 },
            { "item_id": "tiramisu", "name": "Tiramisù", "price_minor": 550 },
        ],
        "webhook": {
            "url": "https://nino.example/orders",
            "secret": "whsec_Rm9yIHRlc3RzIG9ubHksIG5vIHNlY3JldCE=",
        },
        "mail": "kitchen@nino.example",
    })
}

/// Two pizzas and a dessert for 24.50 EUR.
fn dinner() -> Value {
    json!({
        "restaurant_id": "nino",
        "customer": { "name": "Ada Lovelace", "email": "ada@example.org" },
        "items": [
            { "item_id": "margherita", "quantity": 2 },
            { "item_id": "tiramisu", "quantity": 1 },
        ],
        "note": "Second floor, the bell says Byron.",
    })
}
