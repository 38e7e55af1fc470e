//! A bulk action whose instances are killed in the middle of it, as an operator at a terminal sees it.

use std::{process::Command, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::Value;
use system_tests::{
    addresses::binaries,
    api::{Api, dinner, trattoria},
    contexts::settings,
    eventually::eventually,
};
use tokio::task::JoinSet;

use super::instance::{Fleet, INSTANCES};

/// How many orders it is about.
pub const ORDERS: usize = 300;

/// How far it has come when everybody is killed, each time.
const KILLED_AFTER: [u64; 2] = [50, 150];

/// How long anything may take before it counts as missing.
const LIMIT: Duration = Duration::from_secs(60);

/// Cancels some hundred orders at a rate, kills every instance twice on the way, and finds each order
/// cancelled once and told of right.
pub async fn survives_kills(fleet: &Arc<Fleet>, api: &Api) -> Result<()> {
    api.put_restaurant("osteria", &trattoria(None)).await?;
    let placed = place(api).await?;
    let started = at_terminal(
        fleet,
        &[
            "bulk",
            "start",
            "cancel",
            "--restaurant",
            "osteria",
            "--status",
            "placed,notified",
            "--code",
            "restaurant_closed",
            "--per-second",
            "100",
            "--actor",
            "operator-7",
            "--reason",
            "The kitchen is under water",
            "--json",
        ],
    );
    let id = started.await?["id"].as_str().context("it has an id")?.to_owned();
    for taken in KILLED_AFTER {
        let reached =
            async || Ok((progress(api, &id).await?["taken"].as_u64() >= Some(taken)).then_some(()));
        eventually("the bulk action goes on", LIMIT, reached).await?;
        let killed = Arc::clone(fleet);
        let blow = move || {
            (0..INSTANCES).try_for_each(|number| killed.kill(number))?;
            (0..INSTANCES).try_for_each(|number| killed.revive(number))
        };
        tokio::task::spawn_blocking(blow).await??;
    }
    let bulk = eventually("the bulk action is done", LIMIT, async || {
        let bulk = progress(api, &id).await?;
        Ok((bulk["state"] == "done").then_some(bulk))
    })
    .await?;
    for (member, orders) in
        [("matched", ORDERS), ("taken", ORDERS), ("acted", ORDERS), ("unchanged", 0)]
    {
        ensure!(bulk[member] == orders, "{member} is not {orders}: {bulk}");
    }
    for id in &placed {
        let history = api.history(id).await?;
        let cancelled = history.iter().filter(|entry| entry.event_type == "order_cancelled");
        ensure!(cancelled.count() == 1, "{id} was not cancelled once: {history:?}");
    }
    is_told_at_a_terminal(fleet, &placed).await
}

async fn place(api: &Api) -> Result<Vec<String>> {
    let (mut placing, mut placed) = (JoinSet::new(), Vec::new());
    for number in 0..ORDERS {
        let api = api.clone();
        placing.spawn(async move {
            let order = dinner("osteria", "customer-osteria", "osteria@example.com");
            let answer = api.place(&format!("\"osteria-{number}\""), &order).await?;
            let id = answer.body["id"].as_str().context("the order was not taken")?;
            anyhow::Ok(id.to_owned())
        });
        if placing.len() == 16 {
            placed.push(placing.join_next().await.context("one is on its way")???);
        }
    }
    while let Some(one) = placing.join_next().await {
        placed.push(one??);
    }
    Ok(placed)
}

async fn progress(api: &Api, id: &str) -> Result<Value> {
    api.call(Method::GET, &format!("/v1/bulk-actions/{id}"), None, None).await?.read()
}

/// `orders list`, `show`, `history` and `status` say the same as the API.
async fn is_told_at_a_terminal(fleet: &Fleet, placed: &[String]) -> Result<()> {
    let filter =
        ["list", "--restaurant", "osteria", "--status", "cancelled", "--limit", "1000", "--json"];
    let listed = said(fleet, &filter).await?;
    let listed: Vec<Value> = listed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(listed.len() == placed.len(), "{} of {} are listed", listed.len(), placed.len());
    let first = placed.first().context("an order")?;
    let shown = at_terminal(fleet, &["show", first, "--json"]).await?;
    ensure!(shown["status"] == "cancelled", "{shown}");
    let history = said(fleet, &["history", first]).await?;
    ensure!(history.contains("reason=restaurant_closed"), "{history}");
    ensure!(history.contains("actor=operator-7"), "{history}");
    let flow = said(fleet, &["status"]).await?;
    let line = flow.lines().find(|line| line.starts_with("cancelled ")).unwrap_or_default();
    ensure!(line.ends_with(&format!(" {ORDERS}")), "{flow}");
    let refused = said(fleet, &["show", "nobody"]).await;
    ensure!(
        refused.is_err_and(|cause| cause.to_string().contains("order_not_found")),
        "nobody is shown"
    );
    Ok(())
}

async fn at_terminal(fleet: &Fleet, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&said(fleet, arguments).await?)?)
}

/// What `orders` prints; what it complains of is the failure.
async fn said(fleet: &Fleet, arguments: &[&str]) -> Result<String> {
    let url = fleet.urls().next().context("there are instances")?;
    let mut command = Command::new(binaries()?.join("orders"));
    command.args(arguments).envs(settings(fleet.addresses())?).env("ORDERS_URL", url);
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
