//! A restaurant that answers its webhooks: it checks each signature, remembers what it was told,
//! and decides as its conduct says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    api::Api,
    signature::{Signed, is_genuine},
};

/// What the restaurant does when it hears of an order.
#[derive(Clone, Debug)]
pub enum Conduct {
    /// It accepts.
    Accepts(Api),
    /// It takes note and says nothing.
    Silent,
}

/// What it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// `order.placed` or `order.reminder`.
    pub kind: String,
    /// The order.
    pub order_id: String,
    /// The whole body.
    pub body: Value,
    /// The `webhook-id`: the same for every attempt at telling it.
    pub webhook_id: String,
    /// When it came.
    pub at: Instant,
}

/// A restaurant's webhook, on a port of this machine. It closes when this is dropped.
#[derive(Debug)]
pub struct RestaurantSink {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    server: JoinHandle<()>,
}

/// The secret every restaurant of the tests shares with orders.
pub const SECRET: &str = "whsec_c2VjcmV0LW9mLXRoZS10cmF0dG9yaWEtZGEtbmlubw==";

impl RestaurantSink {
    /// Opens the webhook.
    pub async fn open(conduct: Conduct) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let kitchen = Kitchen { conduct, told: told.clone() };
        let app = Router::new().route("/orders", post(hear)).with_state(kitchen);
        let server = tokio::spawn(async move {
            // It ends with the task; a failure shows itself as a webhook that never arrives.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, told, server })
    }

    /// Where orders delivers to.
    pub fn url(&self) -> String {
        format!("http://{}/orders", self.address)
    }

    /// Everything it was told so far, with a genuine signature.
    pub fn all(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything it was told so far about that order, with a genuine signature.
    pub fn told(&self, order_id: &str) -> Vec<Told> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|each| each.order_id == order_id).cloned().collect()
    }
}

impl Drop for RestaurantSink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Kitchen {
    conduct: Conduct,
    told: Arc<Mutex<Vec<Told>>>,
}

async fn hear(State(kitchen): State<Kitchen>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let signed = Signed {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    if !is_genuine(SECRET, signed, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, order_id) = (text(&body["type"]), text(&body["data"]["order_id"]));
    let (webhook_id, at) = (signed.id.to_owned(), Instant::now());
    let told = Told { kind, order_id: order_id.clone(), body, webhook_id, at };
    kitchen.told.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    if let Conduct::Accepts(api) = kitchen.conduct {
        tokio::spawn(async move {
            // A refusal shows itself in the order's status, which every caller waits for.
            let _ = api.decide(&order_id, "accept", &json!({})).await;
        });
    }
    StatusCode::NO_CONTENT
}
