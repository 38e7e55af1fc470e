//! Which orders: the options that listing and bulk actions have in common, as the API takes them.

use clap::Args;
use serde_json::{Value, json};

/// Which orders. All that is said must hold.
#[derive(Args, Default)]
#[command(next_help_heading = "Which orders")]
pub struct Filter {
    /// Orders in one of these statuses, separated by commas.
    #[arg(long, value_delimiter = ',')]
    status: Vec<String>,
    /// Orders of this restaurant.
    #[arg(long)]
    restaurant: Option<String>,
    /// Orders of this customer.
    #[arg(long)]
    customer: Option<String>,
    /// Orders placed at this moment or later, in RFC 3339.
    #[arg(long)]
    placed_from: Option<String>,
    /// Orders placed before this moment.
    #[arg(long)]
    placed_before: Option<String>,
    /// Orders not at rest that have been in their status for so many minutes.
    #[arg(long)]
    older_than_minutes: Option<i64>,
    /// Orders not at rest whose deadline comes within so many minutes.
    #[arg(long)]
    deadline_within_minutes: Option<i64>,
    /// Orders with a task that is `open`, `retrying` or `given_up`.
    #[arg(long)]
    task: Option<String>,
    /// Orders with a task whose last attempt failed with this code.
    #[arg(long)]
    last_error: Option<String>,
    /// Orders that follow this flow.
    #[arg(long)]
    flow_version: Option<i32>,
    /// Orders not at rest and longer in their status than 99 of 100 that have left it.
    #[arg(long)]
    stuck: bool,
}

impl Filter {
    /// Its members in the body of a request.
    pub fn body(&self) -> Value {
        let status = (!self.status.is_empty()).then(|| json!(self.status));
        let others = self.others().into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(
            status.map(|of| ("status".to_owned(), of)).into_iter().chain(others).collect(),
        )
    }

    /// Its members in the address of a request.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let status = (!self.status.is_empty()).then(|| ("status", self.status.join(",")));
        let others = self.others().into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        });
        status.into_iter().chain(others).collect()
    }

    fn others(&self) -> Vec<(&'static str, Value)> {
        let minutes = |minutes: Option<i64>| minutes.map(|m| json!(m.saturating_mul(60_000)));
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let said = [
            ("restaurant_id", text(&self.restaurant)),
            ("customer_id", text(&self.customer)),
            ("placed_from", text(&self.placed_from)),
            ("placed_before", text(&self.placed_before)),
            ("age_ms", minutes(self.older_than_minutes)),
            ("deadline_within_ms", minutes(self.deadline_within_minutes)),
            ("task", text(&self.task)),
            ("last_error", text(&self.last_error)),
            ("flow_version", self.flow_version.map(Value::from)),
            ("stuck", self.stuck.then_some(Value::Bool(true))),
        ];
        said.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    #[test]
    fn what_is_not_said_is_not_asked_for() {
        assert_eq!(Filter::default().body(), Value::Object(Map::new()));
        assert_eq!(Filter::default().query(), []);
    }

    #[test]
    fn a_listing_and_a_bulk_action_ask_for_the_same() {
        let filter = Filter {
            status: vec!["placed".to_owned(), "notified".to_owned()],
            restaurant: Some("nino".to_owned()),
            older_than_minutes: Some(2),
            flow_version: Some(1),
            stuck: true,
            ..Filter::default()
        };
        let body = json!({ "status": ["placed", "notified"], "restaurant_id": "nino",
            "age_ms": 120_000, "flow_version": 1, "stuck": true });
        assert_eq!(filter.body(), body);
        let query = [
            ("status", "placed,notified"),
            ("restaurant_id", "nino"),
            ("age_ms", "120000"),
            ("flow_version", "1"),
            ("stuck", "true"),
        ];
        assert_eq!(filter.query(), query.map(|(name, value)| (name, value.to_owned())));
    }
}
