//! `orders migrate-flow`: moves the orders under way to other terms, as a bulk action that goes on by
//! itself. The command only starts it and looks on; whoever repeats it looks on again.

use super::api::Api;
use super::operate::Acting;
use super::table::text;
use super::{Form, bulk};
use crate::domain::Terms;
use crate::{plan, policy_file};
use anyhow::{Context, anyhow, bail};
use chassis::ids::{Ids, UuidV7Ids};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Among how many of the newest bulk actions one that is open is looked for.
const LOOKED_AT: usize = 100;

/// What the orders under way are moved to.
#[derive(Args)]
pub struct MigrateFlow {
    /// The policy file.
    #[arg(long)]
    policy: PathBuf,
    /// How many orders a second are moved at most.
    #[arg(long, default_value_t = 50)]
    per_second: u32,
    /// Only say what would become of them, as `orders plan` does.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    acting: Acting,
}

impl MigrateFlow {
    /// # Errors
    /// When the context does not answer, or with its refusal; when orders were refused.
    pub async fn run(self) -> anyhow::Result<()> {
        let form = Form::of(self.acting.json);
        let to =
            policy_file::read(&self.policy).map_err(|problems| anyhow!(problems.join("\n")))?;
        if self.dry_run {
            return super::plan(&self.policy, form).await;
        }
        let api = self.acting.api()?;
        let wanted = wanted(&to);
        let bulk = match under_way(&api, &wanted).await? {
            Some(bulk) => bulk,
            None => self.start(&api, wanted).await?,
        };
        // Heard from before anything is said.
        tokio::select! {
            biased;
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                say(&format!("It goes on: orders bulk show {}", text(&bulk["id"])))
            }
            followed = follow(&api, bulk.clone(), form) => followed,
        }
    }

    async fn start(&self, api: &Api, mut wanted: Value) -> anyhow::Result<Value> {
        wanted["per_second"] = json!(self.per_second);
        let body = self.acting.with(wanted);
        api.post_once("/v1/bulk-actions", &UuidV7Ids.next().to_string(), &body).await
    }
}

/// What is done, and to which orders: to all under way.
fn wanted(to: &Terms) -> Value {
    let mut policy = json!(to.policy);
    policy["flow"] = json!(to.flow);
    json!({
        "action": { "type": "migrate", "policy": policy },
        "filter": { "status": plan::under_way().status },
    })
}

/// The bulk action that does what is wanted already, if one does.
async fn under_way(api: &Api, wanted: &Value) -> anyhow::Result<Option<Value>> {
    let mut page = api.get(&format!("/v1/bulk-actions?limit={LOOKED_AT}")).await?;
    let bulks = page["bulk_actions"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(bulks.into_iter().find(|bulk| is_ours(bulk, wanted)))
}

/// Whether a bulk action is open, and does this to all orders that were there at its start, as one that
/// this command has started does.
fn is_ours(bulk: &Value, wanted: &Value) -> bool {
    let is_open = matches!(bulk["state"].as_str(), Some("running" | "paused"));
    let mut filter = wanted["filter"].clone();
    filter["placed_before"] = bulk["created_at"].clone();
    is_open && bulk["action"] == wanted["action"] && bulk["filter"] == filter
}

/// Shows how it comes on until it has ended.
async fn follow(api: &Api, mut bulk: Value, form: Form) -> anyhow::Result<()> {
    let id = bulk["id"].as_str().context("the bulk action has no id")?.to_owned();
    let mut shown = Value::Null;
    while matches!(bulk["state"].as_str(), Some("running" | "paused")) {
        let stands = json!([bulk["state"], bulk["taken"]]);
        if stands != shown {
            progress(&bulk, form)?;
            shown = stands;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        bulk = api.get(&format!("/v1/bulk-actions/{id}")).await?;
    }
    bulk::show(&bulk, form)?;
    match bulk["state"].as_str() {
        Some("done") => match not_moved(&bulk) {
            0 => Ok(()),
            refused => bail!("{refused} orders were not moved"),
        },
        state => bail!("it was ended before its time: {}", state.unwrap_or("unknown")),
    }
}

/// How many were under way and could not be moved: those that had come to rest when their turn came need not be.
fn not_moved(bulk: &Value) -> u64 {
    let refused = bulk["refused"].as_array().into_iter().flatten();
    let refused = refused.filter(|cause| cause["code"] != "no_longer_matches");
    refused.filter_map(|cause| cause["count"].as_u64()).sum()
}

fn progress(bulk: &Value, form: Form) -> anyhow::Result<()> {
    if let Form::Lines = form {
        return form.show(bulk);
    }
    say(&far(bulk))
}

/// How far it has come.
fn far(bulk: &Value) -> String {
    let of = bulk["matched"].as_u64().map(|matched| format!(" of {matched}")).unwrap_or_default();
    format!("{}{of} orders, {}", bulk["taken"], text(&bulk["state"]))
}

/// Beside the result, for whoever looks on.
fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "{line}")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::mother::evening;

    /// What is sent is what comes back: by it a repetition finds what it started.
    #[test]
    fn the_terms_are_those_of_the_file() {
        let sent = &wanted(&evening())["action"]["policy"];
        assert_eq!((&sent["flow"], &sent["version"]), (&json!(1), &json!(2)));
        assert_eq!(sent["remind_after_ms"], json!([240_000]));
    }

    #[test]
    fn how_far_it_has_come_is_told_with_and_without_a_count() {
        let bulk = |matched: Value| json!({ "taken": 3, "matched": matched, "state": "running" });
        assert_eq!(far(&bulk(json!(12))), "3 of 12 orders, running");
        assert_eq!(far(&bulk(Value::Null)), "3 orders, running");
    }

    #[test]
    fn what_has_come_to_rest_meanwhile_need_not_be_moved() {
        let refused = |code: &str, count: u64| json!({ "code": code, "count": count });
        let causes = [refused("no_longer_matches", 2), refused("deadline_passed", 3)];
        assert_eq!(not_moved(&json!({ "refused": causes[..1] })), 0);
        assert_eq!(not_moved(&json!({ "refused": causes })), 3);
    }

    #[test]
    fn a_bulk_action_is_ours_that_moves_the_same_orders_to_the_same_terms() {
        let wanted = wanted(&evening());
        let mut bulk = wanted.clone();
        bulk["state"] = json!("running");
        bulk["created_at"] = json!("2026-09-21T18:00:00.000000Z");
        bulk["filter"]["placed_before"] = bulk["created_at"].clone();
        assert!(is_ours(&bulk, &wanted));
        for (pointer, value, is_still_ours) in [
            ("/state", json!("paused"), true),
            ("/state", json!("done"), false),
            ("/state", json!("cancelled"), false),
            ("/action/policy/version", json!(3), false),
            ("/filter/status", json!(["placed"]), false),
            ("/filter/placed_before", json!("2026-09-21T17:00:00.000000Z"), false),
        ] {
            let mut other = bulk.clone();
            *other.pointer_mut(pointer).expect(pointer) = value;
            assert_eq!(is_ours(&other, &wanted), is_still_ours, "{pointer}");
        }
        bulk["filter"]["restaurant_id"] = json!("nino");
        assert!(!is_ours(&bulk, &wanted), "those of one restaurant");
    }
}
