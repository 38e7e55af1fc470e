//! Taking the order, and waiting for everything that follows from it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chassis::clock::parse_rfc3339;
use reqwest::Method;
use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};
use serde::Deserialize;
use serde_json::json;

use crate::{
    addresses::Addresses,
    api::{Api, Order, Voucher, dinner, trattoria, unique},
    contexts::run,
    eventually::eventually,
    mail::{Mail, mails},
    restaurant::{Conduct, RestaurantSink, SECRET},
    topic::{Fact, facts_of},
};

const LIMIT: Duration = Duration::from_secs(60);

/// One row of the lake, as `analytics rows` shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Its table.
    pub table: String,
    /// The topic it was read from.
    pub topic: String,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// What happened.
    pub event_type: Option<String>,
    /// The status or state after it.
    pub status: Option<String>,
}

/// Everything that came of one order.
#[derive(Debug)]
pub struct Story {
    /// Where to look at it.
    pub addresses: Addresses,
    /// The order at its end.
    pub order: Order,
    /// Who ordered.
    pub customer: String,
    /// When it was placed, in microseconds since the Unix epoch.
    pub placed_us: i64,
    /// Its events and its voucher's, by time.
    pub facts: Vec<Fact>,
    /// The mail to the customer.
    pub mail: Mail,
    /// The voucher it brought.
    pub voucher: Voucher,
    /// What the lake knows of it.
    pub rows: Vec<Row>,
}

/// Takes one order through the running stack. Plays the restaurant, which accepts, and the customer.
/// Fails with what was missing when a part of the story does not happen within a minute.
pub async fn take(addresses: &Addresses) -> Result<Story> {
    let api = Api::of(addresses)?;
    // Of its own: the webhook of a story told at the same time may be gone before this one is heard of.
    let (restaurant, customer) = (unique("trattoria-da-nino"), unique("ada"));
    let email = format!("{customer}@example.com");
    let sink = RestaurantSink::open(Conduct::Accepts(api.clone())).await?;
    api.put_restaurant(&restaurant, &trattoria(Some((&sink.url(), SECRET)))).await?;
    let placed = api.place(&unique("story"), &dinner(&restaurant, &customer, &email)).await?;
    ensure!(placed.status == 201, "POST /v1/orders answered {}: {}", placed.status, placed.body);
    let id = placed.body["id"].as_str().context("the new order has no id")?.to_owned();

    reached(&api, &id, "confirmed").await.context("the order was not confirmed")?;
    let mail = eventually("the mail to the customer", LIMIT, async || {
        Ok(mails(&addresses.mail, &email).await?.pop())
    })
    .await?;
    // A restaurant that is quick says yes, and all follows from it, before it is known that it was told.
    eventually("the report that the restaurant was told", LIMIT, async || {
        let history = api.history(&id).await?;
        Ok(history.iter().any(|entry| entry.event_type == "restaurant_notified").then_some(()))
    })
    .await?;
    let done = api.decide(&id, "complete", &json!({})).await?;
    ensure!(done.status == 200, "complete answered {}: {}", done.status, done.body);
    let order = reached(&api, &id, "completed").await?;
    let voucher = eventually("the voucher", LIMIT, async || {
        let vouchers = api.vouchers(&customer).await?;
        Ok(vouchers.into_iter().find(|voucher| voucher.order_id == id))
    })
    .await?;
    let facts = published(addresses, &order, &voucher).await?;
    let rows = eventually("a row in the lake for every event", LIMIT, async || {
        let rows = lake_rows(addresses, &id).await?;
        Ok((rows.len() >= facts.len()).then_some(rows))
    })
    .await?;
    let view = api.call(Method::GET, &format!("/v1/orders/{id}"), None, None).await?;
    let placed_at = view.body["placed_at"].as_str().unwrap_or_default();
    let placed_us = parse_rfc3339(placed_at).context("placed_at is no RFC 3339 time")?;
    let addresses = addresses.clone();
    Ok(Story { addresses, order, customer, placed_us, facts, mail, voucher, rows })
}

async fn reached(api: &Api, id: &str, status: &str) -> Result<Order> {
    eventually(&format!("the order becomes {status}"), LIMIT, async || {
        let order = api.order(id).await?;
        Ok((order.status == status).then_some(order))
    })
    .await
}

/// Every event of the order and of its voucher, as read from Kafka.
async fn published(addresses: &Addresses, order: &Order, voucher: &Voucher) -> Result<Vec<Fact>> {
    let mut facts = eventually("every event of the order on its topic", LIMIT, async || {
        let facts = facts_of(&addresses.kafka, ORDER_EVENTS.name, &order.id).await?;
        Ok((facts.len() as u64 >= order.version).then_some(facts))
    })
    .await?;
    let issued = eventually("the voucher's event on its topic", LIMIT, async || {
        let facts = facts_of(&addresses.kafka, VOUCHER_EVENTS.name, &voucher.voucher_id).await?;
        Ok((!facts.is_empty()).then_some(facts))
    })
    .await?;
    facts.extend(issued);
    facts.sort_by_key(|fact| fact.timestamp_ms);
    Ok(facts)
}

async fn lake_rows(addresses: &Addresses, order: &str) -> Result<Vec<Row>> {
    let (addresses, order) = (addresses.clone(), order.to_owned());
    let run = move || run(&addresses, "analytics", &["rows", "--order", &order, "--json"]);
    let said = tokio::task::spawn_blocking(run).await??;
    let rows = said.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().with_context(|| format!("analytics rows printed: {said}"))
}
