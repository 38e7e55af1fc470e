//! The HTTP APIs of orders and promotions, as an app of another team would call them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, header};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{addresses::Addresses, tokens::Tokens};

/// How long an answer may take on a machine that is slow and has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Location`, when something was created.
    pub location: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// The body; null when it is empty or no JSON.
    pub body: Value,
}

impl Answer {
    /// The body as `T`, if the status is one of success.
    pub fn read<T: for<'a> Deserialize<'a>>(self) -> Result<T> {
        ensure!((200..300).contains(&self.status), "answered {}: {}", self.status, self.body);
        serde_json::from_value(self.body.clone())
            .with_context(|| format!("unexpected answer: {}", self.body))
    }

    /// The stable code of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// An order as the API shows it; what no test asks for is left out.
#[derive(Clone, Debug, Deserialize)]
pub struct Order {
    /// UUIDv7.
    pub id: String,
    /// Where it stands.
    pub status: String,
    /// The number of its events.
    pub version: u64,
    /// Sum of its items in minor units.
    pub total_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// RFC 3339; until then the restaurant may accept.
    pub accept_by: Option<String>,
    /// What is being done about it outside.
    pub tasks: Vec<Value>,
}

/// One entry of an order's history.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// From 1, without gaps.
    pub sequence: u64,
    /// For example `order_placed`.
    pub event_type: String,
    /// UUIDv7.
    pub event_id: String,
}

/// A voucher as its owner sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Voucher {
    /// Derived from campaign and order.
    pub voucher_id: String,
    /// What the customer types in.
    pub code: String,
    /// `issued`, …
    pub state: String,
    /// Its worth in minor units.
    pub value_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub valid_until: String,
    /// The order that brought it.
    pub order_id: String,
}

/// A client of both APIs. It does not retry. It calls as whoever usually asks for the thing: the
/// customer places, calls off and looks at vouchers, the restaurant decides, an operator does the rest.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    orders: String,
    promotions: String,
    tokens: Tokens,
    parties: Parties,
}

/// Customer and restaurant of each order that was placed here.
type Parties = Arc<Mutex<HashMap<String, (String, String)>>>;

impl Api {
    /// A client of the APIs of that stack.
    pub fn of(stack: &Addresses) -> Result<Self> {
        Self::new(&stack.orders, &stack.promotions, Tokens::of(&stack.token_key)?)
    }

    /// A client of the APIs at these bases.
    pub fn new(orders: &str, promotions: &str, tokens: Tokens) -> Result<Self> {
        let http = Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let (orders, promotions) = (orders.to_owned(), promotions.to_owned());
        Ok(Self { http, orders, promotions, tokens, parties: Parties::default() })
    }

    /// The same client, of orders at that base: another instance, which knows the same orders.
    #[must_use]
    pub fn at(&self, orders: &str) -> Self {
        Self { orders: orders.to_owned(), ..self.clone() }
    }

    /// Calls orders as an operator: `key` is the `Idempotency-Key`, `path` begins with a slash.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        self.call_as(&self.tokens.operator()?, method, path, key, body).await
    }

    /// Calls orders with that token.
    pub async fn call_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.orders)).bearer_auth(token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    /// Registers a restaurant or changes it.
    pub async fn put_restaurant(&self, id: &str, restaurant: &Value) -> Result<()> {
        let path = format!("/v1/restaurants/{id}");
        let answer = self.call(Method::PUT, &path, None, Some(restaurant)).await?;
        let done = (200..300).contains(&answer.status);
        ensure!(done, "PUT {path} answered {}: {}", answer.status, answer.body);
        Ok(())
    }

    /// Places an order under that key, as its customer.
    pub async fn place(&self, key: &str, order: &Dinner) -> Result<Answer> {
        self.place_with(Some(key), order).await
    }

    /// Places an order, as its customer, with a key or without.
    pub async fn place_with(&self, key: Option<&str>, order: &Dinner) -> Result<Answer> {
        let token = self.tokens.customer(&order.customer)?;
        let answer =
            self.call_as(&token, Method::POST, "/v1/orders", key, Some(&order.body)).await?;
        if let (Some(id), Some(restaurant)) =
            (answer.body["id"].as_str(), answer.body["restaurant_id"].as_str())
        {
            let parties = (order.customer.clone(), restaurant.to_owned());
            let mut placed = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
            placed.insert(id.to_owned(), parties);
        }
        Ok(answer)
    }

    /// Decides: `cancel` as the customer who placed the order here, `accept`, `reject` and `complete`
    /// as its restaurant; what was placed elsewhere, and everything else, as an operator.
    pub async fn decide(&self, id: &str, decision: &str, body: &Value) -> Result<Answer> {
        let parties = {
            let placed = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
            placed.get(id).cloned()
        };
        let mut body = body.clone();
        let token = match (decision, parties) {
            ("cancel", Some((customer, _))) => self.tokens.customer(&customer)?,
            ("accept" | "reject" | "complete", Some((_, restaurant))) => {
                self.tokens.restaurant(&restaurant)?
            }
            _ => {
                if body.get("explanation").is_none() {
                    body["explanation"] = "Somebody called".into();
                }
                self.tokens.operator()?
            }
        };
        let path = format!("/v1/orders/{id}/{decision}");
        self.call_as(&token, Method::POST, &path, None, Some(&body)).await
    }

    /// An order.
    pub async fn order(&self, id: &str) -> Result<Order> {
        self.call(Method::GET, &format!("/v1/orders/{id}"), None, None).await?.read()
    }

    /// What happened to an order.
    pub async fn history(&self, id: &str) -> Result<Vec<Entry>> {
        #[derive(Deserialize)]
        struct History {
            entries: Vec<Entry>,
        }
        let path = format!("/v1/orders/{id}/history");
        let history: History = self.call(Method::GET, &path, None, None).await?.read()?;
        Ok(history.entries)
    }

    /// How many orders are listed, page by page.
    pub async fn listed(&self) -> Result<usize> {
        let (mut listed, mut query) = (0, "limit=100".to_owned());
        loop {
            let path = format!("/v1/orders?{query}");
            let page: Value = self.call(Method::GET, &path, None, None).await?.read()?;
            listed += page["orders"].as_array().map_or(0, Vec::len);
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("limit=100&cursor={cursor}"),
                None => return Ok(listed),
            }
        }
    }

    /// A customer's vouchers.
    pub async fn vouchers(&self, customer: &str) -> Result<Vec<Voucher>> {
        #[derive(Deserialize)]
        struct Vouchers {
            vouchers: Vec<Voucher>,
        }
        let url = format!("{}/v1/customers/{customer}/vouchers", self.promotions);
        let request = self.http.get(url).bearer_auth(self.tokens.customer(customer)?);
        let vouchers: Vouchers = answer(request).await?.read()?;
        Ok(vouchers.vouchers)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let location = text(header::LOCATION).map(str::to_owned);
    let retry_after = text(header::RETRY_AFTER).and_then(|value| value.parse().ok());
    let status = response.status().as_u16();
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
    Ok(Answer { status, location, retry_after, body })
}

/// The restaurant of every example: two dishes, and a webhook where one is given.
pub fn trattoria(webhook: Option<(&str, &str)>) -> Value {
    let mut restaurant = json!({
        "name": "Trattoria da Nino",
        "currency": "EUR",
        "menu": [
            { "item_id": "margherita", "name": "Pizza Margherita", "price_minor": 950 },
            { "item_id": "tiramisu", "name": "Tiramisù", "price_minor": 550 },
        ],
    });
    if let Some((url, secret)) = webhook {
        restaurant["webhook"] = json!({ "url": url, "secret": secret });
    }
    restaurant
}

/// An order and who places it.
#[derive(Clone, Debug)]
pub struct Dinner {
    /// The customer's id: the subject of their token.
    pub customer: String,
    /// What is sent.
    pub body: Value,
}

/// Two pizzas and a dessert for 24.50 EUR.
pub fn dinner(restaurant: &str, customer: &str, email: &str) -> Dinner {
    let body = json!({
        "restaurant_id": restaurant,
        "customer": { "name": "Ada Lovelace", "email": email },
        "items": [
            { "item_id": "margherita", "quantity": 2 },
            { "item_id": "tiramisu", "quantity": 1 },
        ],
        "note": "Second floor, the bell says Byron.",
    });
    Dinner { customer: customer.to_owned(), body }
}

/// A name that nobody else has.
pub fn unique(name: &str) -> String {
    // The end of a UUIDv7 is random; its beginning is the time.
    format!("{name}-{}", &Uuid::now_v7().simple().to_string()[20..])
}
