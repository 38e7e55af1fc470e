//! `orders bulk`: one action on many orders, started, looked at, paused, resumed and cancelled.

use super::api::Api;
use super::filter::Filter;
use super::operate::{Acting, DeadlineName};
use super::table::{Table, text};
use super::{Form, print};
use anyhow::bail;
use chassis::ids::{Ids, UuidV7Ids};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What is done about bulk actions.
#[derive(Subcommand)]
pub enum Bulk {
    /// Start one, or with `--dry-run` see what would come of it.
    Start(Box<Start>),
    /// Show the newest ones.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u8,
        /// One JSON object a line instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show how far one has come.
    Show {
        /// Its id.
        id: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have one take no more orders until it is resumed.
    Pause(Interrupt),
    /// Have a paused one go on.
    Resume(Interrupt),
    /// End one: what it has done stays done.
    Cancel(Interrupt),
}

/// An action, and the orders it is for: those for which everything holds that is given.
#[derive(Args)]
pub struct Start {
    /// What is done to each order.
    action: ActionName,
    /// With `extend`: which deadline is moved.
    #[arg(long, required_if_eq("action", "extend"))]
    deadline: Option<DeadlineName>,
    /// With `extend`: how many minutes later it is to be.
    #[arg(long, required_if_eq("action", "extend"))]
    by_minutes: Option<u32>,
    /// With `cancel`: a code that stands for the reason.
    #[arg(long, required_if_eq("action", "cancel"))]
    code: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// How many orders a second are taken at most.
    #[arg(long, default_value_t = 50)]
    per_second: u32,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    /// Recognises a repetition of this command; a new one when absent.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

/// Which one, by whom, and why.
#[derive(Args)]
pub struct Interrupt {
    /// Its id.
    id: String,
    #[command(flatten)]
    acting: Acting,
}

/// What is done to an order.
#[derive(Clone, Copy, ValueEnum)]
enum ActionName {
    /// Set going again what expired or timed out.
    Redrive,
    /// Have the task that was given up tried again.
    RedriveTask,
    /// Have what waits for its next attempt tried at once.
    RetryNow,
    /// Give more time.
    Extend,
    /// Call off.
    Cancel,
}

impl Bulk {
    /// # Errors
    /// When the context does not answer, or with its refusal.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Start(start) => start.run().await,
            Self::List { limit, json } => {
                let api = Api::of_onlooker()?;
                let page = api.get(&format!("/v1/bulk-actions?limit={limit}")).await?;
                let bulks = page["bulk_actions"].as_array().cloned().unwrap_or_default();
                match Form::of(json) {
                    form @ Form::Lines => bulks.iter().try_for_each(|bulk| form.show(bulk)),
                    Form::Prose => print(&table(&bulks).text()),
                }
            }
            Self::Show { id, json } => {
                let api = Api::of_onlooker()?;
                let bulk = api.get(&format!("/v1/bulk-actions/{id}")).await?;
                show(&bulk, Form::of(json))
            }
            Self::Pause(interrupt) => interrupt.run("pause").await,
            Self::Resume(interrupt) => interrupt.run("resume").await,
            Self::Cancel(interrupt) => interrupt.run("cancel").await,
        }
    }
}

impl Interrupt {
    async fn run(self, what: &str) -> anyhow::Result<()> {
        let Self { id, acting } = self;
        let api = acting.api()?;
        let body = acting.with(json!({}));
        let bulk = api.post(&format!("/v1/bulk-actions/{id}/{what}"), &body).await?;
        show(&bulk, Form::of(acting.json))
    }
}

impl Start {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.acting.api()?;
        let form = Form::of(self.acting.json);
        let key = self.key.clone().unwrap_or_else(|| UuidV7Ids.next().to_string());
        let body = self.acting.with(json!({
            "action": self.action()?,
            "filter": self.filter.body(),
            "per_second": self.per_second,
            "dry_run": self.dry_run,
        }));
        show(&api.post_once("/v1/bulk-actions", &key, &body).await?, form)
    }

    fn action(&self) -> anyhow::Result<Value> {
        Ok(match self.action {
            ActionName::Redrive => json!({ "type": "redrive" }),
            ActionName::RedriveTask => json!({ "type": "redrive_task" }),
            ActionName::RetryNow => json!({ "type": "retry_now" }),
            ActionName::Cancel => json!({ "type": "cancel", "reason": self.code }),
            ActionName::Extend => match (self.deadline, self.by_minutes) {
                (Some(deadline), Some(minutes)) => json!({ "type": "extend",
                    "deadline": deadline.as_str(), "by_ms": i64::from(minutes) * 60_000 }),
                _ => bail!("extend needs --deadline and --by-minutes"),
            },
        })
    }
}

/// A bulk action or a dry run: the row, and below it what was refused.
pub fn show(bulk: &Value, form: Form) -> anyhow::Result<()> {
    if let Form::Lines = form {
        return form.show(bulk);
    }
    print(&table(std::slice::from_ref(bulk)).text())?;
    let refused = bulk["refused"].as_array().cloned().unwrap_or_default();
    if refused.is_empty() {
        return Ok(());
    }
    let mut causes = Table::new(&["refused because", "orders", "for example"]);
    for cause in &refused {
        let example = text(&cause["order_ids"][0]);
        causes.row([text(&cause["code"]), text(&cause["count"]), example]);
    }
    print(&format!("\n{}", causes.text()))
}

/// How many orders it is about, for people.
fn matched(bulk: &Value) -> String {
    if bulk["matched"].is_null() { "not counted".to_owned() } else { text(&bulk["matched"]) }
}

fn table(bulks: &[Value]) -> Table {
    let head =
        ["bulk action", "state", "action", "actor", "matched", "taken", "acted", "unchanged"];
    let mut table = Table::new(&head);
    for bulk in bulks {
        let cell = |member: &str| text(&bulk[member]);
        // A dry run has looked at a sample, and has neither an id nor a state.
        let taken = if bulk["sampled"].is_null() { cell("taken") } else { cell("sampled") };
        let state = if bulk["sampled"].is_null() { cell("state") } else { "dry run".to_owned() };
        table.row([
            cell("id"),
            state,
            text(&bulk["action"]["type"]),
            cell("actor"),
            matched(bulk),
            taken,
            cell("acted"),
            cell("unchanged"),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_counted_is_told_so() {
        assert_eq!(matched(&json!({ "matched": 12 })), "12");
        assert_eq!(matched(&json!({ "matched": null })), "not counted");
        let shown = table(&[json!({ "id": "bulk-1", "matched": null, "taken": 3 })]).text();
        assert!(shown.contains("not counted  3"), "{shown}");
    }
}
