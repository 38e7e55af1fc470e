//! The orders API as the command line calls it.
//!
//! Operators act through the API of the running context and not on its database: what the context
//! remembers of orders and restaurants stays right, its rules and limits hold, and the same command
//! works from any machine.

use super::token;
use anyhow::{Context, bail};
use chassis::config::Settings;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A running orders context.
pub struct Api {
    url: String,
    token: String,
    client: Client,
}

impl Api {
    /// The one at `ORDERS_URL`, for looking only: nobody's name is written down.
    ///
    /// # Errors
    /// When the address is none, or there is no token to be had.
    pub fn of_onlooker() -> anyhow::Result<Self> {
        Self::of_operator(Some("onlooker"))
    }

    /// The one at `ORDERS_URL`, called with `ORDERS_TOKEN`; without it, with a token of this machine
    /// for that operator.
    ///
    /// # Errors
    /// When the address is none, or there is no token to be had.
    pub fn of_operator(actor: Option<&str>) -> anyhow::Result<Self> {
        let mut settings = Settings::from_env();
        let url = settings.or("ORDERS_URL", "http://127.0.0.1:8080".to_owned());
        let token: Option<String> = settings.optional("ORDERS_TOKEN");
        let url = settings.finish(url)?;
        let token = match token {
            Some(token) => token,
            None => {
                let actor =
                    actor.context("say who acts: --actor and an id, or set ORDERS_TOKEN")?;
                token::mint(&token::Wish::of_operator(actor))?
            }
        };
        let client = Client::builder().timeout(LIMIT).build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, client })
    }

    /// What is there.
    ///
    /// # Errors
    /// When it does not answer, or with its refusal.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// What is found there by `query`.
    ///
    /// # Errors
    /// When it does not answer, or with its refusal.
    pub async fn find(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let url = Url::parse_with_params(&self.url, query)?;
        self.get(&format!("{path}?{}", url.query().unwrap_or_default())).await
    }

    /// Does what `body` says.
    ///
    /// # Errors
    /// When it does not answer, or with its refusal.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// The same, once for each key.
    ///
    /// # Errors
    /// When it does not answer, or with its refusal.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key);
        self.send(request.json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.with_context(|| {
            format!("the orders context at {} does not answer: set ORDERS_URL", self.url)
        })?;
        let status = answer.status();
        let body: Value = answer.json().await.context("the answer is not JSON")?;
        if status.is_success() {
            return Ok(body);
        }
        bail!("{}", refusal(&body))
    }
}

/// A problem in one line: what is wrong and where the order stands.
fn refusal(problem: &Value) -> String {
    let text = |member: &str| problem[member].as_str();
    let detail = text("detail").unwrap_or("The request was refused.");
    let mut told = format!("{detail} ({})", text("code").unwrap_or("unknown"));
    for (member, name) in
        [("current_status", "status"), ("deadline", "deadline"), ("limit", "limit")]
    {
        if let Some(value) = text(member) {
            told.push_str(&format!(" [{name}: {value}]"));
        }
    }
    told
}
