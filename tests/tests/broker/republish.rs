//! A topic that was lost is made again from journal and compact history, byte for byte, and its life goes on.
//! On a stack of its own: topics are deleted here, and orders stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chassis::kafka::admin::{Partitioning, TopicSpec, apply_topics};
use chassis::kafka::scan::settles;
use chassis::kafka::{Incoming, KafkaConfig};
use orders_context::domain::Timestamp;
use orders_context::store::{Store as _, sqlite::Sqlite};
use schemas::topics::{ORDER_EVENTS, ORDER_STATES};
use serde_json::json;
use system_tests::addresses::Addresses;
use system_tests::api::{Api, dinner, trattoria, unique};
use system_tests::contexts::run;
use system_tests::eventually::eventually;
use system_tests::python::python;
use system_tests::stack::Stack;
use system_tests::topic::records;
use tokio::task::{block_in_place, spawn_blocking};

pub(super) const PARTS: &[&str] = &["kafka", "registry", "mail", "orders"];
const COPY: &str = "orders.order.events.copy";

/// How long readers may take to see what was committed.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

/// How long anything may take before it counts as missing.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// Brings an order as far as those decisions do, and everybody who is to be told has been; its id.
pub(super) async fn order(api: &Api, decisions: &[&str]) -> Result<String> {
    let restaurant = unique("trattoria");
    api.put_restaurant(&restaurant, &trattoria(None)).await?;
    let dinner = dinner(&restaurant, &unique("ada"), "ada@example.org");
    let answer = api.place(&unique("key"), &dinner).await?;
    ensure!(answer.status == 201, "{answer:?}");
    let id = answer.body["id"].as_str().context("no id")?.to_owned();
    for decision in decisions {
        let answer = api.decide(&id, decision, &json!({})).await?;
        ensure!(answer.status == 200, "{decision}: {answer:?}");
    }
    eventually("the end of its tasks", LIMIT, async || {
        let tasks = api.order(&id).await?.tasks;
        Ok(tasks.iter().all(|task| task["state"] != "open").then_some(()))
    })
    .await?;
    Ok(id)
}

/// What a reader sees of a record, wherever it stands in its partition.
pub(super) type Seen = (i32, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Vec<u8>)>, Option<i64>);

pub(super) async fn seen(addresses: &Addresses, topic: &str) -> Result<Vec<Seen>> {
    let kafka = KafkaConfig::named(&addresses.kafka, "republish-test");
    // What was committed just now; what a process that was killed has left open stays so.
    block_in_place(|| settles(&kafka, topic, SHOWN_WITHIN))?;
    let records = records(&addresses.kafka, topic, |_| true).await?;
    let show = |Incoming { partition, key, payload, headers, timestamp_ms, .. }| {
        (partition, key, payload, headers, timestamp_ms)
    };
    Ok(records.into_iter().map(show).collect())
}

/// The last record of each key.
pub(super) async fn last_of_each(addresses: &Addresses) -> Result<BTreeMap<Vec<u8>, Seen>> {
    let seen = seen(addresses, ORDER_STATES.name).await?;
    Ok(seen.into_iter().map(|seen| (seen.1.clone().unwrap_or_default(), seen)).collect())
}

pub(super) fn orders(addresses: &Addresses, arguments: &[&str]) -> Result<String> {
    block_in_place(|| run(addresses, "orders", arguments))
}

fn refused(addresses: &Addresses, arguments: &[&str], cause: &str) -> Result<()> {
    let error = orders(addresses, arguments).err().context("it was not refused")?;
    ensure!(format!("{error:#}").contains(cause), "{error:#}");
    Ok(())
}

/// Deletes the topic and makes it anew, empty.
fn empty(addresses: &Addresses, topic: &str) -> Result<()> {
    block_in_place(|| python("delete_topic.py", &[&addresses.kafka, topic]))?;
    orders(addresses, &["topics", "apply"])?;
    Ok(())
}

/// Buries the order, as an erasure does.
async fn bury(addresses: &Addresses, order_id: &str) -> Result<()> {
    let store = Sqlite::open(&addresses.var.join("orders.db"))?;
    let at = Timestamp(1_795_458_600_000_000);
    ensure!(store.bury(vec![order_id.to_owned()], at).await? == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_topic_is_published_again_byte_for_byte() -> Result<()> {
    let stack = spawn_blocking(|| Stack::start_parts("republish", 18_500, PARTS)).await??;
    let addresses = stack.addresses();
    let api = Api::of(addresses)?;
    for decisions in [&["accept", "complete"][..], &["accept"], &[]] {
        order(&api, decisions).await?;
    }
    let forgotten = order(&api, &["accept", "complete"]).await?;
    ensure!(orders(addresses, &["verify"])?.contains("4 states"));
    refused(addresses, &["republish", "--append"], "stop `orders serve`")?;
    block_in_place(|| stack.kill("orders"))?;
    bury(addresses, &forgotten).await?;
    block_in_place(|| stack.up(&["orders"]))?;
    eventually("the tombstone", LIMIT, async || {
        let last = last_of_each(addresses).await?;
        Ok(last.get(forgotten.as_bytes()).is_some_and(|seen| seen.2.is_none()).then_some(()))
    })
    .await?;
    ensure!(orders(addresses, &["verify"])?.contains("3 states"));
    block_in_place(|| stack.kill("orders"))?;

    let before = seen(addresses, ORDER_EVENTS.name).await?;
    ensure!(before.len() >= 8, "{} events", before.len());
    refused(addresses, &["republish"], "holds records")?;
    into_another_topic(addresses, &before).await?;

    empty(addresses, ORDER_EVENTS.name)?;
    for _ in 0..2 {
        orders(addresses, &["republish", "--to", "4"])?;
        orders(addresses, &["republish", "--from", "5", "--append"])?;
    }
    ensure!(seen(addresses, ORDER_EVENTS.name).await? == before, "each is there once, as it was");

    // Lost once more: nothing of it is there any more, whatever an earlier run wrote.
    for _ in 0..2 {
        empty(addresses, ORDER_EVENTS.name)?;
        orders(addresses, &["republish"])?;
        ensure!(seen(addresses, ORDER_EVENTS.name).await? == before, "as it was, and again");
    }

    let mut states = last_of_each(addresses).await?;
    states.retain(|_, seen| seen.2.is_some());
    empty(addresses, ORDER_STATES.name)?;
    orders(addresses, &["republish", "--state"])?;
    ensure!(last_of_each(addresses).await? == states, "the last states are what they were");

    relays_go_on(&stack, &api).await
}

/// Orders starts, and what it publishes of another order stands behind what was published again.
pub(super) async fn relays_go_on(stack: &Stack, api: &Api) -> Result<()> {
    block_in_place(|| stack.up(&["orders"]))?;
    order(api, &["accept", "complete"]).await?;
    let said = orders(stack.addresses(), &["verify"])?;
    ensure!(said.contains("clean") && said.contains("4 states"), "{said}");
    Ok(())
}

async fn into_another_topic(addresses: &Addresses, before: &[Seen]) -> Result<()> {
    let copy = TopicSpec {
        name: COPY.to_owned(),
        partitions: ORDER_EVENTS.partitions,
        partitioning: Partitioning::ByKey,
        config: Vec::new(),
    };
    apply_topics(&KafkaConfig::named(&addresses.kafka, "republish-test"), &[copy]).await?;
    for _ in 0..2 {
        orders(addresses, &["republish", "--into", COPY])?;
        ensure!(seen(addresses, COPY).await? == before, "a second run adds nothing");
    }
    orders(addresses, &["republish", "--into", COPY, "--append", "--again"])?;
    ensure!(seen(addresses, COPY).await?.len() == 2 * before.len(), "unless it is to begin anew");
    Ok(())
}
