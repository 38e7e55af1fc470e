//! What has to hold after every storm, judged by the commands of the contexts and once more from
//! outside.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, ensure};
use schemas::topics::ORDER_EVENTS;
use serde_json::Value;

use crate::{
    addresses::Addresses,
    api::{Api, Order},
    contexts::run,
    customers::{End, Taken},
    eventually::eventually,
    mail::mails,
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

/// Each order is where its customer was told it is, or comes there when its deadline does. Returns how many
/// events each has.
pub async fn ends(api: &Api, taken: &[Taken]) -> Result<HashMap<String, u64>> {
    let mut versions = HashMap::new();
    for each in taken {
        let is_there = async || -> Result<Option<Order>> {
            let order = api.order(&each.id).await.with_context(|| format!("{each:?} is gone"))?;
            ensure!(order.status == each.end.status(), "{each:?} is {}", order.status);
            Ok(Some(order))
        };
        let order = match each.end.comes_by_itself() {
            true => eventually(&format!("{each:?} at its end"), LIMIT, is_there).await?,
            false => is_there().await?.context("it is there")?,
        };
        versions.insert(each.id.clone(), order.version);
    }
    Ok(versions)
}

/// Each order that a deadline ended was ended by it once, and its customer has the letter that says so; no other
/// was. Most of the others were decided in time. A sentence with the figures.
pub async fn deadlines(addresses: &Addresses, api: &Api, taken: &[Taken]) -> Result<String> {
    let (mut expired, mut timed_out) = (0, 0);
    for each in taken {
        let history = api.history(&each.id).await?;
        let times = |what: &str| history.iter().filter(|entry| entry.event_type == what).count();
        let found = (times("order_expired"), times("order_timed_out"));
        let wanted =
            (usize::from(each.end == End::Expired), usize::from(each.end == End::TimedOut));
        ensure!(found == wanted, "{each:?} expired and timed out {found:?} times");
        (expired, timed_out) = (expired + found.0, timed_out + found.1);
        let subject = match each.end {
            End::Expired => "The restaurant did not answer",
            End::TimedOut => "Something went wrong with your order",
            _ => continue,
        };
        let (_, key) = each.customer.split_once('-').context("a customer with a key")?;
        eventually(&format!("the letter about {each:?}"), LIMIT, async || {
            let letters = mails(&addresses.mail, &format!("{key}@example.com")).await?;
            Ok(letters.iter().any(|letter| letter.subject == subject).then_some(()))
        })
        .await?;
    }
    let late = taken.iter().filter(|each| each.is_late).count();
    ensure!(late * 3 <= taken.len(), "{late} of {} orders were decided too late", taken.len());
    ensure!(expired > 0 && timed_out > 0, "no deadline was in those storms");
    Ok(format!("{expired} orders expired, {timed_out} timed out; {late} were decided too late"))
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
