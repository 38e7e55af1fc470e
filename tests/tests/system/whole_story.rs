//! One order through everything, as `make up` takes one, looked at closely.

use anyhow::Result;
use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};
use system_tests::{story, topic::facts};

use super::support::shared;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_all_the_way_and_leaves_its_trace_everywhere() -> Result<()> {
    let shared = shared().await?;
    let story = story::take(shared.addresses()).await?;
    let order = &story.order;

    let of_order: Vec<_> = story.facts.iter().filter(|fact| fact.key == order.id).collect();
    let mut by_sequence = of_order.clone();
    by_sequence.sort_by_key(|fact| fact.sequence);
    let types: Vec<_> = by_sequence.iter().map(|fact| fact.event_type.as_str()).collect();
    let is_told = |told: &&&str| **told == "restaurant_notified";
    assert_eq!(types.iter().filter(is_told).count(), 1, "{types:?}");
    // A restaurant that is quick says yes before it is known that it was told.
    let without: Vec<_> = types.iter().copied().filter(|told| !is_told(&told)).collect();
    assert_eq!(without, ["order_placed", "order_accepted", "user_notified", "order_completed"]);
    let sequences: Vec<_> = by_sequence.iter().map(|fact| fact.sequence).collect();
    assert_eq!(sequences, (1..=5).map(Some).collect::<Vec<_>>());
    assert!(by_sequence.is_sorted_by_key(|fact| fact.offset), "order for order: {by_sequence:?}");
    let history = shared.api.history(&order.id).await?;
    let recorded: Vec<_> = history.iter().map(|entry| entry.event_type.as_str()).collect();
    assert_eq!(recorded, types);

    assert_eq!((order.total_minor, order.currency.as_str()), (2450, "EUR"));
    assert_eq!(
        (story.voucher.order_id.as_str(), story.voucher.state.as_str()),
        (&*order.id, "issued")
    );
    let of_voucher: Vec<_> =
        story.facts.iter().filter(|fact| fact.topic == VOUCHER_EVENTS.name).collect();
    assert_eq!(of_voucher.len(), 1);
    assert_eq!(of_voucher[0].event_type, "voucher_issued");
    assert!(story.mail.header("Message-ID").is_some(), "{}", story.mail.source);

    let mut in_lake: Vec<_> =
        story.rows.iter().map(|row| (row.topic.as_str(), row.partition, row.offset)).collect();
    let mut on_topics: Vec<_> =
        story.facts.iter().map(|fact| (fact.topic.as_str(), fact.partition, fact.offset)).collect();
    in_lake.sort_unstable();
    on_topics.sort_unstable();
    assert_eq!(in_lake, on_topics, "one row for every offset");
    println!("{story}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_nothing_about_people() -> Result<()> {
    let shared = shared().await?;
    let story = story::take(shared.addresses()).await?;
    let customer = format!("{}@", story.customer);
    for topic in [ORDER_EVENTS.name, VOUCHER_EVENTS.name] {
        let private = [customer.clone(), "Lovelace".to_owned(), "Byron".to_owned()];
        let telling = facts(&shared.addresses().kafka, topic, move |record| {
            let body = String::from_utf8_lossy(record.payload.as_deref().unwrap_or_default());
            let headers = format!("{:?}", record.headers);
            private.iter().any(|word| body.contains(word) || headers.contains(word))
        });
        assert_eq!(telling.await?, []);
    }
    Ok(())
}
