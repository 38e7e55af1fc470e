//! What has to hold after every storm, judged by the commands of the contexts and once more from
//! outside.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, ensure};
use schemas::topics::ORDER_EVENTS;
use serde_json::Value;

use crate::{
    addresses::Addresses, api::Api, contexts::run, customers::Taken, eventually::eventually,
    topic::facts,
};

/// How long what is under way may take to arrive.
pub const LIMIT: Duration = Duration::from_secs(90);

/// The command ends with 0, at the latest when what is under way has arrived. Returns what it said.
pub async fn verified(addresses: &Addresses, context: &str, arguments: &[&str]) -> Result<String> {
    let line = format!("`{context} {}` finds nothing wrong", arguments.join(" "));
    let said = eventually(&line, LIMIT, async || {
        tokio::task::block_in_place(|| run(addresses, context, arguments)).map(Some)
    })
    .await?;
    println!("{context} {}:\n{}", arguments.join(" "), said.trim_end());
    Ok(said)
}

/// `orders check` finds nothing wrong, and there are so many orders and no more: a customer who asked again
/// with the same key has one.
pub async fn checked(addresses: &Addresses, orders: usize) -> Result<()> {
    let said = verified(addresses, "orders", &["check", "--json"]).await?;
    let last = said.lines().last().context("`orders check` said nothing")?;
    let checked: Value = serde_json::from_str(last)?;
    ensure!(checked["orders"] == orders, "not {orders} orders were taken, but {checked}");
    Ok(())
}

/// Each order is where its customer was told it is. Returns how many events each has.
pub async fn ends(api: &Api, taken: &[Taken]) -> Result<HashMap<String, u64>> {
    let mut versions = HashMap::new();
    for each in taken {
        let order = api.order(&each.id).await.with_context(|| format!("{each:?} is gone"))?;
        ensure!(order.status == each.end.status(), "{each:?} is {}", order.status);
        versions.insert(each.id.clone(), order.version);
    }
    Ok(versions)
}

/// Each task of these orders comes to its end: it was done, or became pointless before.
pub async fn tasks_end(api: &Api, taken: &[Taken]) -> Result<()> {
    for each in taken {
        let what = format!("each task of {} is done or withdrawn", each.id);
        eventually(&what, LIMIT, async || {
            let tasks = api.order(&each.id).await?.tasks;
            let is_over = |task: &&str| matches!(*task, "done" | "withdrawn");
            let states: Vec<_> =
                tasks.iter().map(|task| task["state"].as_str().unwrap_or_default()).collect();
            let over = states.iter().filter(|state| is_over(state)).count();
            ensure!(!states.is_empty() && over == states.len(), "they are {states:?}");
            Ok(Some(()))
        })
        .await?;
    }
    Ok(())
}

/// Under `read_committed` each order has its events 1 to n, each once and in order.
pub async fn topic(addresses: &Addresses, versions: &HashMap<String, u64>) -> Result<()> {
    let mut sequences: HashMap<String, Vec<u64>> = HashMap::new();
    for fact in facts(&addresses.kafka, ORDER_EVENTS.name, |_| true).await? {
        let sequence = fact.sequence.with_context(|| format!("no sequence: {fact:?}"))?;
        sequences.entry(fact.key).or_default().push(sequence);
    }
    for (id, version) in versions {
        let found = sequences.get(id).with_context(|| format!("{id} is not on the topic"))?;
        // A mail that is still being sent may add an event after `version` was asked for.
        let length = found.len() as u64;
        let whole = length >= *version && found.iter().copied().eq(1..=length);
        ensure!(whole, "{id} has {version} events, the topic has {found:?}");
    }
    Ok(())
}
