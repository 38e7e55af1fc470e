//! From a file to PostgreSQL with three instances, and back, on a stack of its own: every order comes
//! along, is gone on with, and is published once. Needs `deploy/setup --tests`.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use system_tests::{
    addresses::Addresses,
    api::{Api, dinner, trattoria, unique},
    contexts::run,
    stack::Stack,
    story,
};

/// An order that waits for its restaurant.
async fn placed(api: &Api) -> Result<String> {
    let restaurant = unique("trattoria");
    api.put_restaurant(&restaurant, &trattoria(None)).await?;
    let order = dinner(&restaurant, &unique("ada"), "ada@example.org");
    let answer = api.place(&unique("key"), &order).await?;
    ensure!(answer.status == 201, "{answer:?}");
    Ok(answer.body["id"].as_str().context("no id")?.to_owned())
}

/// The API of the instance whose port is so much above the first one's.
fn instance(first: &Api, addresses: &Addresses, further: u16) -> Result<Api> {
    let (base, port) = addresses.orders.rsplit_once(':').context("a port")?;
    let port: u16 = port.parse()?;
    Ok(first.at(&format!("{base}:{}", port + further)))
}

/// Topic, journal, rows and lake agree.
async fn verify(addresses: &Addresses) -> Result<()> {
    for (context, arguments) in [
        ("orders", &["verify"][..]),
        ("orders", &["check"]),
        ("promotions", &["verify", "--wait", "60"]),
        ("analytics", &["verify", "--wait", "60"]),
    ] {
        println!("{}", tokio::task::block_in_place(|| run(addresses, context, arguments))?.trim());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_move_to_three_instances_and_back() -> Result<()> {
    let stack = tokio::task::spawn_blocking(|| Stack::start("moving", 17_000)).await??;
    let addresses = stack.addresses();
    let first = Api::of(addresses)?;
    let finished = story::take(addresses).await?.order;
    let waiting = placed(&first).await?;

    let said = tokio::task::block_in_place(|| stack.instances("up"))?;
    ensure!(said.contains("clean, every journal"), "{said}");
    let (second, third) = (instance(&first, addresses, 4)?, instance(&first, addresses, 5)?);
    let (kept, history) = (second.order(&finished.id).await?, third.history(&finished.id).await?);
    ensure!((kept.status.as_str(), kept.version) == ("completed", finished.version), "{kept:?}");
    ensure!(history.len() as u64 == finished.version, "{history:?}");
    for (api, decision) in [(&second, "accept"), (&third, "complete")] {
        let answer = api.decide(&waiting, decision, &json!({})).await?;
        ensure!(answer.status == 200, "{decision}: {answer:?}");
    }
    let shared = story::take(addresses).await?.order;
    let waiting_there = placed(&third).await?;
    verify(addresses).await?;

    let said = tokio::task::block_in_place(|| stack.instances("back"))?;
    ensure!(said.contains("clean, every journal"), "{said}");
    for id in [&finished.id, &waiting, &shared.id] {
        ensure!(first.order(id).await?.status == "completed", "{id}");
    }
    ensure!(first.order(&waiting_there).await?.status == "placed", "it still waits");
    ensure!(first.decide(&waiting_there, "accept", &json!({})).await?.status == 200);
    story::take(addresses).await?;
    verify(addresses).await
}
