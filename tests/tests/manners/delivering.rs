//! A restaurant's system that is away while orders come in, and an `orders serve` that is killed while it
//! tries: each event is delivered, verified by the published library, and told again when asked for.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use system_tests::{eventually::eventually, receiver::Receiver};

use super::served::Served;

const ENDPOINTS: &str = "/v1/restaurants/nino/webhook-endpoints";
const LIMIT: Duration = Duration::from_secs(60);

/// Everything the endpoint is to be told, once it looks like that.
async fn deliveries(
    served: &Served,
    path: &str,
    what: &str,
    looks_so: impl Fn(&[Value]) -> bool,
) -> Result<Vec<Value>> {
    eventually(what, LIMIT, async || {
        let page = served.get(&format!("{path}/deliveries?limit=100")).await?;
        let told = page["deliveries"].as_array().context("no deliveries")?.clone();
        Ok(looks_so(&told).then_some(told))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_away_hears_of_every_event_whatever_is_killed() -> Result<()> {
    let mut served = Served::start(&[("ORDERS_WEBHOOK_ALLOW_PRIVATE", "true")]).await?;
    let receiver = tokio::task::spawn_blocking(Receiver::open).await??;
    let body = json!({ "url": receiver.url(), "events": ["order_placed", "order_accepted"] });
    let made = served.post(ENDPOINTS, Some("hooks"), Some(&body)).await?;
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().context("no id")?);

    // It takes nothing yet: it has no key to verify with.
    let mut orders = BTreeSet::new();
    for number in 0..5 {
        let placed = served.place("c-1815", &format!("\"dinner {number}\"")).await?;
        orders.insert(placed.body["id"].as_str().context("no id")?.to_owned());
    }
    let failing = |told: &[Value]| {
        told.len() == 5 && told.iter().any(|each| each["attempts"].as_u64() >= Some(1))
    };
    deliveries(&served, &path, "attempts in vain", failing).await?;
    served.restart("KILL").await?;
    let accepted = orders.first().context("no order")?.clone();
    let why = json!({ "explanation": "They called" });
    served.post(&format!("/v1/orders/{accepted}/accept"), None, Some(&why)).await?;
    receiver.verify_with(&[made["secret"].as_str().context("no secret")?]).await?;

    let done = |told: &[Value]| told.len() == 6 && told.iter().all(|each| each["state"] == "done");
    let told = deliveries(&served, &path, "six deliveries", done).await?;
    let genuine = |each: &&Value| each["found"][0]["genuine"] == true;
    let came = receiver.told().await?;
    let taken: Vec<&Value> = came.iter().filter(genuine).collect();
    let ids: BTreeSet<&str> =
        taken.iter().filter_map(|each| each["headers"]["webhook-id"].as_str()).collect();
    ensure!(ids.len() == 6 && taken.len() == 6, "each once: {ids:?}");
    let placed = taken.iter().filter(|each| each["body"]["type"] == "order_placed");
    let heard: BTreeSet<String> = placed
        .filter_map(|each| each["body"]["data"]["order_id"].as_str().map(str::to_owned))
        .collect();
    ensure!(heard == orders, "{heard:?} instead of {orders:?}");

    let again = told[0]["id"].as_str().context("no id")?;
    served.post(&format!("{path}/deliveries/{again}/replay"), None, None).await?;
    let twice = eventually("the replay", LIMIT, async || {
        let came = receiver.told().await?;
        let same = came
            .iter()
            .filter(genuine)
            .filter(|each| each["headers"]["webhook-id"] == told[0]["webhook_id"]);
        let bodies: Vec<Value> = same.map(|each| each["body"].clone()).collect();
        Ok((bodies.len() == 2).then_some(bodies))
    })
    .await?;
    ensure!(twice[0] == twice[1], "the same words: {twice:?}");
    Ok(())
}
