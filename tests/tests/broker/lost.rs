//! Kafka comes back as it was once, or is lost with everything in it. What had moved to compact history by then is
//! published again too, before anybody goes on as if nothing had been there. On a stack of its own.

use std::fs::{read_to_string, remove_dir_all, rename};
use std::process::Command;

use anyhow::{Result, ensure};
use schemas::topics::{ORDER_EVENTS, ORDER_STATES, ORDERS_RELAY, ORDERS_REPUBLISH};
use system_tests::addresses::Addresses;
use system_tests::api::Api;
use system_tests::eventually::eventually;
use system_tests::python::python;
use system_tests::stack::{Settings, Stack, await_end};
use tokio::task::{block_in_place, spawn_blocking};

use crate::republish::{LIMIT, PARTS, last_of_each, order, orders, relays_go_on, seen};

/// An order at rest moves to compact history as soon as that is looked at.
const SETTINGS: Settings = &[("ORDERS_ARCHIVE_AFTER_MS", "200")];

/// Waits until that many orders are in compact history.
async fn archived(addresses: &Addresses, orders: usize) -> Result<()> {
    let expected = format!("orders_archived_total {orders}");
    eventually("orders in compact history", LIMIT, async || {
        let metrics = reqwest::get(format!("{}/metrics", addresses.orders)).await?.text().await?;
        Ok(metrics.lines().any(|line| line == expected).then_some(()))
    })
    .await
}

/// All that orders writes is gone, positions included.
fn lose(addresses: &Addresses) -> Result<()> {
    for topic in [ORDER_EVENTS, ORDER_STATES, ORDERS_RELAY, ORDERS_REPUBLISH] {
        block_in_place(|| python("delete_topic.py", &[&addresses.kafka, topic.name]))?;
    }
    orders(addresses, &["topics", "apply"])?;
    Ok(())
}

/// Keeps a copy of the broker's disk as it is now.
fn back_up(stack: &Stack) -> Result<()> {
    let var = &stack.addresses().var;
    stack.kill("kafka")?;
    let mut copy = Command::new("cp");
    copy.arg("-a").args([var.join("kafka"), var.join("kafka-older")]);
    ensure!(copy.status()?.success(), "the disk cannot be copied");
    stack.up(&["kafka"]).map(drop)
}

/// Puts that copy in the place of the disk.
fn restore(stack: &Stack) -> Result<()> {
    let var = &stack.addresses().var;
    stack.kill("kafka")?;
    remove_dir_all(var.join("kafka"))?;
    rename(var.join("kafka-older"), var.join("kafka"))?;
    stack.up(&["kafka"]).map(drop)
}

/// Starts orders, which ends as soon as it was to publish, saying so.
fn refuses(stack: &Stack, cause: &str) -> Result<()> {
    // Ready or not.
    let _ = stack.up(&["orders"]);
    await_end(stack.pid("orders")?)?;
    let log = read_to_string(stack.log("orders"))?;
    ensure!(log.contains(cause), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_was_lost_or_is_an_older_one_is_filled_again_before_anybody_goes_on()
-> Result<()> {
    let start = || Stack::start_told("lost", 18_700, PARTS, SETTINGS);
    let stack = spawn_blocking(start).await??;
    let addresses = stack.addresses();
    let api = Api::of(addresses)?;
    order(&api, &["accept", "complete"]).await?;
    eventually("the first order on the topic", LIMIT, async || {
        let seen = seen(addresses, ORDER_EVENTS.name).await?;
        Ok((seen.len() >= 3).then_some(()))
    })
    .await?;
    block_in_place(|| back_up(&stack))?;
    for decisions in [&["accept", "complete"][..], &["accept"]] {
        order(&api, decisions).await?;
    }
    archived(addresses, 2).await?;
    orders(addresses, &["verify"])?;
    let before = seen(addresses, ORDER_EVENTS.name).await?;
    let states = last_of_each(addresses).await?;
    ensure!(before.len() >= 8 && states.len() == 3, "{} events", before.len());
    block_in_place(|| stack.kill("orders"))?;
    block_in_place(|| restore(&stack))?;
    // A broker that is back may not lead its partitions yet.
    let older = eventually("what an older Kafka holds", LIMIT, async || {
        seen(addresses, ORDER_EVENTS.name).await.map(Some)
    })
    .await?;
    block_in_place(|| refuses(&stack, "an older Kafka was put in the place"))?;
    ensure!(seen(addresses, ORDER_EVENTS.name).await? == older, "it published a part");
    lose(addresses)?;
    block_in_place(|| refuses(&stack, "Kafka holds less than was published"))?;
    ensure!(seen(addresses, ORDER_EVENTS.name).await?.is_empty(), "it published a part");

    ensure!(
        orders(addresses, &["republish", "--from", "2"]).is_err(),
        "the rest would be left out"
    );
    orders(addresses, &["republish", "--state"])?;
    orders(addresses, &["republish"])?;
    ensure!(seen(addresses, ORDER_EVENTS.name).await? == before, "everything, as it was");
    ensure!(last_of_each(addresses).await? == states, "the last states are what they were");

    relays_go_on(&stack, &api).await
}
