//! `orders list`, `show`, `history` and `status`: orders and their flow, for people at a terminal.

use super::api::Api;
use super::filter::Filter;
use super::table::{Table, span, text};
use super::{Form, print};
use chassis::clock::parse_rfc3339;
use clap::Args;
use serde_json::Value;

/// How many orders a page has at most.
const PAGE: usize = 100;

/// Which orders are listed, and how.
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    filter: Filter,
    /// `placed`, `deadline` or `age`, descending with a `-` in front; the newest first when absent. By
    /// deadline and age only orders that are not at rest are listed.
    #[arg(long, allow_hyphen_values = true)]
    sort: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

/// Which order.
#[derive(Args)]
pub struct One {
    /// Its id.
    id: String,
    /// JSON instead of text: the order, or one object for each entry of its history.
    #[arg(long)]
    json: bool,
}

/// How the flow is shown.
#[derive(Args)]
pub struct Standing {
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

impl List {
    /// # Errors
    /// When the context does not answer, or with its refusal.
    pub async fn run(self) -> anyhow::Result<()> {
        let api = Api::of_onlooker()?;
        let (mut orders, mut cursor) = (Vec::new(), None);
        loop {
            let wanted = self.limit - orders.len();
            let page = api.find("/v1/orders", &self.query(wanted.clamp(1, PAGE), cursor)).await?;
            let found = page["orders"].as_array().cloned().unwrap_or_default();
            orders.extend(found.into_iter().take(wanted));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || orders.len() == self.limit {
                break;
            }
        }
        match Form::of(self.json) {
            form @ Form::Lines => orders.iter().try_for_each(|order| form.show(order)),
            Form::Prose => print(&listing(&orders, cursor.is_some())),
        }
    }

    fn query(&self, limit: usize, cursor: Option<String>) -> Vec<(&'static str, String)> {
        let mut query = self.filter.query();
        query.extend(self.sort.clone().map(|sort| ("sort", sort)));
        query.push(("limit", limit.to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        query
    }
}

impl One {
    /// Shows the order as it stands.
    ///
    /// # Errors
    /// When the context does not answer, or with its refusal.
    pub async fn show(self) -> anyhow::Result<()> {
        let order = Api::of_onlooker()?.get(&format!("/v1/orders/{}", self.id)).await?;
        match Form::of(self.json) {
            form @ Form::Lines => form.show(&order),
            Form::Prose => print(&picture(&order)),
        }
    }

    /// Shows what happened to it, the oldest first.
    ///
    /// # Errors
    /// When the context does not answer, or with its refusal.
    pub async fn history(self) -> anyhow::Result<()> {
        let api = Api::of_onlooker()?;
        let (mut entries, mut after) = (Vec::new(), Some(0));
        while let Some(sequence) = after {
            let path = format!("/v1/orders/{}/history?limit=500&after={sequence}", self.id);
            let page = api.get(&path).await?;
            entries.extend(page["entries"].as_array().cloned().unwrap_or_default());
            after = page["next_after"].as_i64();
        }
        match Form::of(self.json) {
            form @ Form::Lines => entries.iter().try_for_each(|entry| form.show(entry)),
            Form::Prose => print(&timeline(&entries)),
        }
    }
}

impl Standing {
    /// # Errors
    /// When the context does not answer, or with its refusal.
    pub async fn run(self) -> anyhow::Result<()> {
        let flow = Api::of_onlooker()?.get("/v1/flow").await?;
        match Form::of(self.json) {
            form @ Form::Lines => form.show(&flow),
            Form::Prose => print(&standing(&flow)),
        }
    }
}

fn listing(orders: &[Value], more: bool) -> String {
    let head = ["order", "status", "restaurant", "customer", "total", "placed at", "deadline"];
    let mut table = Table::new(&head);
    for order in orders {
        let cell = |member: &str| text(&order[member]);
        table.row([
            cell("id"),
            cell("status"),
            cell("restaurant_id"),
            cell("customer_id"),
            total(order),
            cell("placed_at"),
            deadline(order),
        ]);
    }
    let more = if more { "There are more: say a higher --limit.\n" } else { "" };
    table.text() + more
}

/// What counts until then, or nothing at rest.
fn deadline(order: &Value) -> String {
    match order["status"].as_str() {
        Some("placed" | "notified") => text(&order["accept_by"]),
        Some("accepted" | "confirmed") => text(&order["complete_by"]),
        _ => String::new(),
    }
}

fn total(order: &Value) -> String {
    money(&order["total_minor"], &order["currency"])
}

/// In minor units, for how many of them make a unit differs among currencies.
fn money(minor: &Value, currency: &Value) -> String {
    format!("{} {}", text(minor), text(currency)).trim_end().to_owned()
}

fn picture(order: &Value) -> String {
    let mut shown = Table::without_head();
    shown.row(["order".to_owned(), text(&order["id"])]);
    let plain = ["status", "version", "restaurant_id", "customer_id", "placed_at", "accept_by"];
    for member in plain.into_iter().chain(["complete_by", "flow_version", "policy_version"]) {
        shown.row([member.replace('_', " "), text(&order[member])]);
    }
    shown.row(["total (minor)".to_owned(), total(order)]);
    let mut items = Table::new(&["quantity", "dish", "price (minor)"]);
    for item in members(&order["items"]) {
        let cell = |member: &str| text(&item[member]);
        items.row([cell("quantity"), cell("name"), cell("unit_price_minor")]);
    }
    let mut tasks = Table::new(&["task", "state", "attempts", "next attempt at", "last error"]);
    for task in members(&order["tasks"]) {
        let cell = |member: &str| text(&task[member]);
        tasks.row([
            cell("kind"),
            cell("state"),
            cell("attempts"),
            cell("next_attempt_at"),
            cell("last_error"),
        ]);
    }
    format!("{}\n{}\n{}", shown.text(), items.text(), tasks.text())
}

fn members(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// One line for each fact, with the time since the one before.
fn timeline(entries: &[Value]) -> String {
    let mut table = Table::new(&["", "at", "after", "event", "status", "by", ""]);
    let mut before = None;
    for entry in entries {
        let cell = |member: &str| text(&entry[member]);
        let at = entry["occurred_at"].as_str().and_then(parse_rfc3339);
        let after = at.zip(before).map(|(at, before): (i64, i64)| span((at - before) / 1_000));
        before = at;
        table.row([
            cell("sequence"),
            cell("occurred_at"),
            after.unwrap_or_default(),
            cell("event_type"),
            cell("status"),
            cell("actor"),
            said(&entry["data"]),
        ]);
    }
    table.text()
}

/// What belongs to an event, but for lists.
fn said(data: &Value) -> String {
    let members = data.as_object().into_iter().flatten();
    let said = members.filter_map(|(name, value)| match value {
        Value::Null | Value::Array(_) => None,
        Value::Object(_) => Some(said(value)),
        plain => Some(format!("{name}={}", text(plain))),
    });
    said.collect::<Vec<_>>().join(" ")
}

fn standing(flow: &Value) -> String {
    let mut table = Table::new(&["status", "orders", "oldest", "p50", "p99"]);
    for status in members(&flow["statuses"]) {
        let time = |member: &str| status[member].as_i64().map(span).unwrap_or_default();
        table.row([
            text(&status["status"]),
            text(&status["orders"]),
            time("oldest_age_ms"),
            time("spent_p50_ms"),
            time("spent_p99_ms"),
        ]);
    }
    let tasks = &flow["tasks"];
    format!(
        "{}\ntasks retrying {}, given up {}; orders due {}\n",
        table.text(),
        text(&tasks["retrying"]),
        text(&tasks["given_up"]),
        text(&flow["due"])
    )
}

#[cfg(test)]
mod tests;
