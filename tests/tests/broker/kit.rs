//! The test kit: what it publishes is what a reader of the contract expects.

use anyhow::{Context, Result};
use schemas::golden::GOLDEN;
use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};
use schemas::{Decoder, OrderEvent, OrderFact, RegistryClient};
use system_tests::addresses::Addresses;
use system_tests::kit::{Published, Story};
use system_tests::topic::Fact;

use super::support::{addresses, arrived_of, kit};

/// Each story with where its order ends and how many events it has.
const STORIES: &[(Story, &str, usize)] = &[
    (Story::Happy, "completed", 5),
    (Story::Rejected, "rejected", 4),
    (Story::Expired, "expired", 6),
    (Story::Cancelled, "cancelled", 4),
    (Story::Redriven, "completed", 10),
    (Story::Evolved, "completed", 6),
];

/// What a reader of today makes of the messages of one order, of which there are `count`.
async fn read(addresses: &Addresses, order: &str, count: usize) -> Result<Vec<OrderEvent>> {
    let registry = RegistryClient::new(&addresses.registry)?;
    let mut decoder = Decoder::<OrderEvent>::new();
    let mut events = Vec::new();
    for record in arrived_of(addresses, ORDER_EVENTS.name, order, count).await? {
        let message = record.payload.context("an event is no tombstone")?;
        let id = u32::from_be_bytes(message[1..5].try_into()?);
        decoder.add(id, &registry.schema_by_id(id).await?)?;
        events.push(decoder.decode(&message)?);
    }
    Ok(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_one_order_told_without_a_gap() -> Result<()> {
    let addresses = addresses().await?;
    let kit = kit(addresses).await?;
    for (story, end, count) in STORIES {
        let published = kit.play(*story).await?;
        let order = &published[0].key;
        let events = read(addresses, order, *count).await?;
        assert_eq!(events.len(), *count, "{story:?}");
        assert_eq!(events.last().map(|event| event.status.as_str()), Some(*end), "{story:?}");
        for (event, sequence) in events.iter().zip(1..) {
            assert_eq!(event.sequence, sequence, "{story:?}");
            let unknown = matches!(event.fact, OrderFact::Unknown(_));
            assert!(!unknown || *story == Story::Evolved, "{story:?}: {event:?}");
        }
        let of_order = |each: &&Published| each.topic == ORDER_EVENTS.name;
        assert_eq!(published.iter().filter(of_order).count(), *count, "{story:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_happy_story_brings_a_voucher() -> Result<()> {
    let addresses = addresses().await?;
    let published = kit(addresses).await?.play(Story::Happy).await?;
    let voucher = published.last().context("the voucher")?;
    let records = arrived_of(addresses, VOUCHER_EVENTS.name, &voucher.key, 1).await?;
    let fact = Fact::from(records[0].clone());
    assert_eq!(fact.header("ce_type"), Some("takeaway.promotions.voucher_issued.v1"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evolved_story_holds_an_event_that_nobody_knows_yet() -> Result<()> {
    let addresses = addresses().await?;
    let published = kit(addresses).await?.play(Story::Evolved).await?;
    let count = published.iter().filter(|each| each.topic == ORDER_EVENTS.name).count();
    let events = read(addresses, &published[0].key, count).await?;
    let unknown = events.iter().filter(|event| matches!(event.fact, OrderFact::Unknown(_)));
    assert_eq!(unknown.count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_golden_records_of_each_version_can_be_published() -> Result<()> {
    let addresses = addresses().await?;
    let kit = kit(addresses).await?;
    let latest = |golden: &&schemas::golden::Golden| {
        golden.topic.subject.is_some_and(|subject| subject.versions.len() == golden.version)
    };
    let published = kit.golden(None).await?;
    assert_eq!(published.len(), GOLDEN.iter().filter(latest).count());
    let first = kit.golden(Some(1)).await?;
    assert_eq!(first.len(), GOLDEN.iter().filter(|golden| golden.version == 1).count());
    let of_orders = |each: &&Published| each.topic == ORDER_EVENTS.name;
    let count = published.iter().chain(&first).filter(of_orders).count();
    read(addresses, &first[0].key, count).await?;
    assert!(kit.golden(Some(999)).await.is_err());
    Ok(())
}
