//! What has to hold afterwards, judged by the commands of the contexts and once more from outside.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, ensure};
use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};
use system_tests::{api::Api, contexts::run, eventually::eventually, stack::Stack, topic::facts};

use super::customers::{End, Taken};

const LIMIT: Duration = Duration::from_secs(90);

/// Every acknowledged order is there and at its end; topic, vouchers and lake are complete and
/// without a double.
pub async fn hold(stack: &Stack, api: &Api, taken: &[Taken]) -> Result<()> {
    ensure!(taken.len() > 50, "only {} orders: that was no load", taken.len());
    let versions = ends(api, taken).await?;
    verified(stack, "orders", &["verify"]).await?;
    topic(stack, &versions).await?;
    verified(stack, "promotions", &["verify"]).await?;
    vouchers(stack, api, taken).await?;
    verified(stack, "analytics", &["verify", "--wait", "60"]).await
}

/// The command ends with 0, at the latest when what is under way has arrived.
async fn verified(stack: &Stack, context: &str, arguments: &[&str]) -> Result<()> {
    let line = format!("`{context} {}` finds nothing wrong", arguments.join(" "));
    eventually(&line, LIMIT, async || {
        tokio::task::block_in_place(|| run(stack.addresses(), context, arguments)).map(Some)
    })
    .await
    .map(|said| println!("{context} {}:\n{}", arguments.join(" "), said.trim_end()))
}

/// Each order is where its customer was told it is. Returns how many events each has.
async fn ends(api: &Api, taken: &[Taken]) -> Result<HashMap<String, u64>> {
    let mut versions = HashMap::new();
    for each in taken {
        let order = api.order(&each.id).await.with_context(|| format!("{each:?} is gone"))?;
        ensure!(order.status == each.end.status(), "{each:?} is {}", order.status);
        versions.insert(each.id.clone(), order.version);
    }
    Ok(versions)
}

/// Under `read_committed` each order has its events 1 to n, each once and in order.
async fn topic(stack: &Stack, versions: &HashMap<String, u64>) -> Result<()> {
    let mut sequences: HashMap<String, Vec<u64>> = HashMap::new();
    for fact in facts(&stack.addresses().kafka, ORDER_EVENTS.name, |_| true).await? {
        let sequence = fact.sequence.with_context(|| format!("no sequence: {fact:?}"))?;
        sequences.entry(fact.key).or_default().push(sequence);
    }
    for (id, version) in versions {
        let found = sequences.get(id).with_context(|| format!("{id} is not on the topic"))?;
        // A mail that is still being sent may add an event after `version` was asked for.
        let length = found.len() as u64;
        let whole = length >= *version && found.iter().copied().eq(1..=length);
        ensure!(whole, "{id} has {version} events, the topic has {found:?}");
    }
    Ok(())
}

/// One voucher for each order that earned one, none for any other, each published once.
async fn vouchers(stack: &Stack, api: &Api, taken: &[Taken]) -> Result<()> {
    let mut issued = 0;
    for each in taken {
        let wanted = usize::from(each.end == End::Completed);
        issued += wanted;
        let what = format!("{wanted} voucher(s) for {each:?}");
        eventually(&what, LIMIT, async || {
            let vouchers = api.vouchers(&each.customer).await?;
            let of_order = vouchers.iter().all(|voucher| voucher.order_id == each.id);
            ensure!(of_order && vouchers.len() == wanted, "found {vouchers:?}");
            Ok(Some(()))
        })
        .await?;
    }
    let facts = eventually("every voucher on its topic", LIMIT, async || {
        let all = facts(&stack.addresses().kafka, VOUCHER_EVENTS.name, |_| true).await?;
        Ok((all.len() >= issued).then_some(all))
    })
    .await?;
    let mut keys: Vec<_> = facts.iter().map(|fact| fact.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    ensure!((facts.len(), keys.len()) == (issued, issued), "{issued} vouchers, {facts:?}");
    println!("{issued} vouchers for {} orders", taken.len());
    Ok(())
}
