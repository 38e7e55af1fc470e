//! `orders redrive`, `retry`, `extend` and `cancel`: what an operator does about orders, one by one.

use super::api::Api;
use super::table::{Table, text};
use super::{Form, print};
use anyhow::{Context, bail};
use chassis::clock::{parse_rfc3339, rfc3339};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// Who acts, and why.
#[derive(Args, Clone)]
pub struct Acting {
    /// An opaque id of the operator who acts, where no ORDERS_TOKEN says who that is.
    #[arg(long)]
    actor: Option<String>,
    /// Why, in words that name nobody. It is kept in the order's history.
    #[arg(long)]
    reason: String,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
}

impl Acting {
    /// The API as that operator calls it.
    pub fn api(&self) -> anyhow::Result<Api> {
        Api::of_operator(self.actor.as_deref())
    }

    /// The members that each request has.
    pub fn body(&self) -> Map<String, Value> {
        Map::from_iter([("reason".to_owned(), self.reason.clone().into())])
    }

    /// The same with more.
    pub fn with(&self, more: Value) -> Value {
        let mut body = self.body();
        if let Value::Object(more) = more {
            body.extend(more);
        }
        Value::Object(body)
    }
}

/// What is run again.
#[derive(Args)]
pub struct Redrive {
    /// Ids of orders.
    #[arg(required = true)]
    order_ids: Vec<String>,
    /// The task that was given up, instead of an order that expired or timed out.
    #[arg(long)]
    task: bool,
    #[command(flatten)]
    acting: Acting,
}

/// What is tried at once.
#[derive(Args)]
pub struct Retry {
    /// Ids of orders.
    #[arg(required = true)]
    order_ids: Vec<String>,
    #[command(flatten)]
    acting: Acting,
}

/// What gets more time.
#[derive(Args)]
pub struct Extend {
    /// Ids of orders.
    #[arg(required = true)]
    order_ids: Vec<String>,
    /// Which deadline is moved.
    #[arg(long)]
    deadline: DeadlineName,
    /// The moment it is moved to, in RFC 3339.
    #[arg(long, conflicts_with = "by_minutes", required_unless_present = "by_minutes")]
    to: Option<String>,
    /// How many minutes later it is to be than it is now.
    #[arg(long)]
    by_minutes: Option<u32>,
    #[command(flatten)]
    acting: Acting,
}

/// What is called off.
#[derive(Args)]
pub struct Cancel {
    /// Ids of orders.
    #[arg(required = true)]
    order_ids: Vec<String>,
    /// A code that stands for the reason: the customer's app and the topic show it.
    #[arg(long)]
    code: String,
    #[command(flatten)]
    acting: Acting,
}

/// A promise about time.
#[derive(Clone, Copy, ValueEnum)]
pub enum DeadlineName {
    /// Until when the restaurant may answer.
    AcceptBy,
    /// Until when the order may be completed.
    CompleteBy,
}

impl DeadlineName {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptBy => "accept_by",
            Self::CompleteBy => "complete_by",
        }
    }
}

impl Redrive {
    /// # Errors
    /// When an order was refused; the others are done all the same.
    pub async fn run(self) -> anyhow::Result<()> {
        let api = self.acting.api()?;
        let body = self.acting.with(json!({}));
        let path = if self.task { "redrive-task" } else { "redrive" };
        each(&self.order_ids, self.acting.json, async |id| {
            api.post(&format!("/v1/orders/{id}/{path}"), &body).await
        })
        .await
    }
}

impl Retry {
    /// # Errors
    /// When an order was refused; the others are done all the same.
    pub async fn run(self) -> anyhow::Result<()> {
        let api = self.acting.api()?;
        let body = self.acting.with(json!({}));
        each(&self.order_ids, self.acting.json, async |id| {
            api.post(&format!("/v1/orders/{id}/retry"), &body).await
        })
        .await
    }
}

impl Cancel {
    /// # Errors
    /// When an order was refused; the others are done all the same.
    pub async fn run(self) -> anyhow::Result<()> {
        let api = self.acting.api()?;
        let Acting { reason, json, .. } = self.acting;
        let body = json!({ "reason": self.code, "explanation": reason });
        each(&self.order_ids, json, async |id| {
            api.post(&format!("/v1/orders/{id}/cancel"), &body).await
        })
        .await
    }
}

impl Extend {
    /// # Errors
    /// When an order was refused; the others are done all the same.
    pub async fn run(self) -> anyhow::Result<()> {
        let api = self.acting.api()?;
        let deadline = self.deadline.as_str();
        each(&self.order_ids, self.acting.json, async |id| {
            let to = match (&self.to, self.by_minutes) {
                (Some(to), _) => to.clone(),
                (None, minutes) => {
                    let order = api.get(&format!("/v1/orders/{id}")).await?;
                    let from = order[deadline].as_str().and_then(parse_rfc3339);
                    let from = from.context("the order does not say when its deadline is")?;
                    rfc3339(from + i64::from(minutes.unwrap_or_default()) * 60_000_000)
                }
            };
            let body = self.acting.with(json!({ "deadline": deadline, "to": to }));
            api.post(&format!("/v1/orders/{id}/extend"), &body).await
        })
        .await
    }
}

/// Acts on each order and shows how they stand then.
async fn each(
    order_ids: &[String],
    as_json: bool,
    act: impl AsyncFn(&str) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let mut rows = Vec::with_capacity(order_ids.len());
    let mut refused = 0;
    for id in order_ids {
        rows.push(match act(id).await {
            Ok(order) => order,
            Err(error) => {
                refused += 1;
                json!({ "id": id, "error": format!("{error:#}") })
            }
        });
    }
    match Form::of(as_json) {
        form @ Form::Lines => rows.iter().try_for_each(|row| form.show(row))?,
        Form::Prose => print(&table(&rows).text())?,
    }
    if refused > 0 {
        bail!("{refused} of {} were not done", order_ids.len());
    }
    Ok(())
}

fn table(orders: &[Value]) -> Table {
    let mut table = Table::new(&["order", "status", "version", "accept by", "complete by", ""]);
    for order in orders {
        let cell = |member: &str| text(&order[member]);
        table.row([
            cell("id"),
            cell("status"),
            cell("version"),
            cell("accept_by"),
            cell("complete_by"),
            cell("error"),
        ]);
    }
    table
}
