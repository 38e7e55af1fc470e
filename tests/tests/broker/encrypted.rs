//! Our programs on a secured broker and its registry: each over TLS and as its own user, and told what to
//! correct where something is wrong.

mod program;
mod wrong;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chassis::config::Settings;
use chassis::kafka::relay::publish_once;
use chassis::kafka::{Headers, KafkaConfig, Outgoing};
use schemas::topics;
use system_tests::api::{Api, dinner, trattoria, unique};
use system_tests::eventually::eventually;
use system_tests::tokens::Tokens;
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::secured::{Secured, User};
use program::{Program, run};
use wrong::{what_is_wrong_with_the_registry_is_said, what_kafka_refuses_is_said};

/// How long anything may take before it counts as missing.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn our_programs_speak_over_tls_and_say_what_is_refused() -> Result<()> {
    let secured = block_in_place(|| Secured::start_with_registry("encrypted", 18_000))?;
    let user = |name: &str, protocol: &str| block_in_place(|| secured.user(name, protocol));
    let (orders, promotions) = (user("orders", "sasl_ssl")?, user("promotions", "sasl_ssl")?);
    let folder = tempfile::tempdir()?;
    for (context, user) in [("orders", &orders), ("promotions", &promotions)] {
        for what in ["topics", "schemas"] {
            run(context, &[what, "apply"], user, &folder)?;
        }
    }
    // The same with a certificate instead of a password.
    run("orders", &["topics", "apply"], &user("orders", "ssl")?, &folder)?;
    an_order_is_published_and_read(&orders, &promotions, &folder).await?;
    what_kafka_refuses_is_said(&secured, &orders).await?;
    what_is_wrong_with_the_registry_is_said(&secured, &promotions).await?;
    block_in_place(|| only_the_owner_writes(&orders, &promotions))?;
    a_relay_that_is_somebody_elses_says_so(&promotions).await
}

/// The relay of orders publishes, the consumer of promotions reads.
async fn an_order_is_published_and_read(
    orders: &User,
    promotions: &User,
    folder: &TempDir,
) -> Result<()> {
    let serving = Program::serve("orders", orders, folder)?;
    serving.is_ready().await?;
    let tokens = Tokens::of(&folder.path().join("token.key"))?;
    let api = Api::new(&serving.url, "", tokens)?;
    let restaurant = unique("trattoria");
    api.put_restaurant(&restaurant, &trattoria(None)).await?;
    let dinner = dinner(&restaurant, &unique("ada"), "ada@example.org");
    let placed = api.place(&unique("key"), &dinner).await?;
    ensure!(placed.status == 201, "{placed:?}");
    eventually("the order is on the topic", LIMIT, async || {
        let said = run("orders", &["verify"], orders, folder)?;
        Ok((said.contains("clean") && !said.contains(" 0 events")).then_some(()))
    })
    .await?;
    let reading = Program::serve("promotions", promotions, folder)?;
    reading.is_ready().await?;
    eventually("promotions has read the order", LIMIT, async || {
        let metrics = reading.get("/metrics").await?.text().await?;
        let read = metrics.lines().find(|line| line.starts_with("consumer_records_total"));
        Ok(read.filter(|line| !line.ends_with(" 0")).map(drop))
    })
    .await
}

/// Our own client, logged in as that user, publishes an order's event as a relay would.
fn publishes(user: &User, relay: &str) -> Result<()> {
    let pairs = user.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut settings = Settings::from_pairs(pairs);
    let kafka = KafkaConfig::from_settings(&mut settings, "access-test");
    let row = Outgoing {
        position: 1,
        topic: topics::ORDER_EVENTS.name.into(),
        key: None,
        payload: Some(b"tried".to_vec()),
        headers: Headers::default(),
        timestamp_ms: 1,
    };
    publish_once(&settings.finish(kafka)?, relay, &[row])
}

/// What is written to the topic here is no event: afterwards nobody reads it any more.
fn only_the_owner_writes(orders: &User, promotions: &User) -> Result<()> {
    publishes(orders, "orders-relay-9")?;
    for relay in ["promotions-relay-9", "orders-relay-9"] {
        let refused =
            publishes(promotions, relay).err().context("an order's event by promotions")?;
        let refused = format!("{refused:#}");
        ensure!(refused.contains("this user has no right to it"), "{relay}: {refused}");
    }
    Ok(())
}

/// Orders that logs in as another context: Kafka lets it in, but not publish.
async fn a_relay_that_is_somebody_elses_says_so(user: &User) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serving = Program::serve("orders", user, &folder)?;
    eventually("the relay is refused", LIMIT, async || {
        Ok(serving.log().contains("this user has no right to it").then_some(()))
    })
    .await
}
