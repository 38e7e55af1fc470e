//! The published language, read by strangers: other people's Kafka client, registry client, Avro
//! library and Delta readers.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};
use serde_json::Value;
use system_tests::{
    addresses::Addresses, eventually::eventually, python::python, story, topic::facts,
};

use super::support::{LIMIT, shared};

/// The folder of a topic's table.
pub fn table(addresses: &Addresses, topic: &str) -> String {
    format!("{}/{}", addresses.lake, topic.replace('.', "_"))
}

async fn run(script: &'static str, arguments: [&str; 3]) -> Result<Value> {
    let arguments = arguments.map(str::to_owned);
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        python(script, &arguments)
    };
    tokio::task::spawn_blocking(run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_client_reads_every_event() -> Result<()> {
    let shared = shared().await?;
    let addresses = shared.addresses();
    let story = story::take(addresses).await?;
    for topic in [ORDER_EVENTS.name, VOUCHER_EVENTS.name] {
        let ours = facts(&addresses.kafka, topic, |_| true).await?;
        let read = run("read_events.py", [&addresses.kafka, &addresses.registry, topic]).await?;
        // Another test puts messages there that nobody can read.
        let poisoned = |key: &Value| key.as_str().is_some_and(|key| key.starts_with("poison"));
        let failed = read["failed"].as_array().cloned().unwrap_or_default();
        assert!(failed.iter().all(|each| poisoned(&each["key"])), "{failed:?}");
        let events = read["events"].as_array().cloned().unwrap_or_default();
        for fact in ours.iter().filter(|fact| !fact.key.starts_with("poison")) {
            let theirs = events.iter().find(|event| {
                event["partition"] == fact.partition && event["offset"] == fact.offset
            });
            let theirs = theirs.unwrap_or_else(|| panic!("{fact:?} was not read"));
            assert_eq!(theirs["value"]["event_type"], fact.event_type.as_str());
            assert_eq!(theirs["headers"]["ce_id"], theirs["value"]["event_id"]);
        }
        let of_story = events.iter().filter(|event| event["value"]["order_id"] == story.order.id);
        assert_eq!(of_story.count(), story.facts.iter().filter(|f| f.topic == topic).count());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_readers_find_every_offset_in_the_lake_once() -> Result<()> {
    let shared = shared().await?;
    let addresses = shared.addresses();
    story::take(addresses).await?;
    for topic in [ORDER_EVENTS.name, VOUCHER_EVENTS.name] {
        let mut on_topic: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for fact in facts(&addresses.kafka, topic, |_| true).await? {
            on_topic.entry(fact.partition.to_string()).or_default().push(fact.offset);
        }
        let folder = table(addresses, topic);
        eventually(&format!("{topic} as it was, read from the lake"), LIMIT, async || {
            let folder = folder.clone();
            let run = move || python("read_table.py", &[&folder]);
            let read = tokio::task::spawn_blocking(run).await??;
            for reader in ["deltalake", "duckdb"] {
                // Meanwhile other tests go on: what came later than `on_topic` is left out.
                for (partition, wanted) in &on_topic {
                    let found: Vec<i64> = read[reader]["offsets"][partition]
                        .as_array()
                        .map(|offsets| offsets.iter().filter_map(Value::as_i64).collect())
                        .unwrap_or_default();
                    let upto = wanted.last().copied().unwrap_or(-1);
                    let found: Vec<i64> = found.into_iter().filter(|o| *o <= upto).collect();
                    ensure!(found == *wanted, "{reader}, partition {partition}: {found:?}");
                }
            }
            Ok(Some(()))
        })
        .await?;
    }
    Ok(())
}
