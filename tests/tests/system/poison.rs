//! A message on the order topic that nobody can read: set aside with its cause, and nobody stops.

use anyhow::Result;
use schemas::topics::{ORDER_EVENTS, PROMOTIONS_ORDER_DLQ};
use system_tests::{api::unique, eventually::eventually, python::python, story, topic::facts_of};

use super::{
    language::table,
    support::{LIMIT, shared},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_message_is_set_aside_and_the_rest_flows_on() -> Result<()> {
    let shared = shared().await?;
    let addresses = shared.addresses();
    let key = unique("poison");
    let placed = {
        let (kafka, key) = (addresses.kafka.clone(), key.clone());
        let run = move || python("produce_poison.py", &[&kafka, ORDER_EVENTS.name, &key]);
        tokio::task::spawn_blocking(run).await??
    };
    let dead = eventually("the dead letter", LIMIT, async || {
        Ok(facts_of(&addresses.kafka, PROMOTIONS_ORDER_DLQ.name, &key).await?.pop())
    })
    .await?;
    assert_eq!(dead.header("dlq.topic"), Some(ORDER_EVENTS.name));
    assert_eq!(dead.header("dlq.partition"), Some(placed["partition"].to_string().as_str()));
    assert_eq!(dead.header("dlq.offset"), Some(placed["offset"].to_string().as_str()));
    for header in ["dlq.consumer-group", "dlq.error-class", "dlq.error-message", "dlq.attempts"] {
        assert!(dead.header(header).is_some_and(|value| !value.is_empty()), "{header}: {dead:?}");
    }

    let table = table(addresses, ORDER_EVENTS.name);
    let row = eventually("its row in the lake, with the cause", LIMIT, async || {
        let table = table.clone();
        let run = move || python("read_table.py", &[&table]);
        let read = tokio::task::spawn_blocking(run).await??;
        let errors = read["duckdb"]["errors"].as_array().cloned().unwrap_or_default();
        let is_it = |row: &serde_json::Value| {
            row["partition"] == placed["partition"] && row["offset"] == placed["offset"]
        };
        Ok(errors.into_iter().find(is_it))
    })
    .await?;
    assert!(row["cause"].as_str().is_some_and(|cause| !cause.is_empty()));

    story::take(addresses).await?;
    Ok(())
}
