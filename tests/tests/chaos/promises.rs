//! What has to hold afterwards: what holds after every storm, and what promotions and analytics made
//! of it.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use schemas::topics::VOUCHER_EVENTS;
use system_tests::{
    api::Api,
    customers::{End, Taken},
    eventually::eventually,
    promises::{LIMIT, checked, deadlines, ends, topic, verified},
    stack::Stack,
    topic::facts,
};

/// Every acknowledged order is there and at its end; topic, vouchers and lake are complete and
/// without a double.
pub async fn hold(stack: &Stack, api: &Api, taken: &[Taken]) -> Result<()> {
    ensure!(taken.len() > 50, "only {} orders: that was no load", taken.len());
    let addresses = stack.addresses();
    let versions = ends(api, taken).await?;
    println!("{}", deadlines(addresses, api, taken).await?);
    archived(api, taken).await?;
    histories(api, &versions).await?;
    verified(addresses, "orders", &["verify"]).await?;
    checked(addresses, taken.len()).await?;
    topic(addresses, &versions).await?;
    verified(addresses, "promotions", &["verify"]).await?;
    vouchers(stack, api, taken).await?;
    verified(addresses, "analytics", &["verify", "--wait", "60"]).await?;
    Ok(())
}

/// Many orders have left the tables of the living: no listing has them any more.
async fn archived(api: &Api, taken: &[Taken]) -> Result<()> {
    let archived = eventually("a third of the orders in compact history", LIMIT, async || {
        let gone = taken.len().saturating_sub(api.listed().await?);
        Ok((gone >= taken.len() / 3).then_some(gone))
    })
    .await?;
    println!("{archived} of {} orders in compact history", taken.len());
    Ok(())
}

/// Wherever an order is by now, its history is whole.
async fn histories(api: &Api, versions: &HashMap<String, u64>) -> Result<()> {
    for (id, version) in versions {
        let told: Vec<_> = api.history(id).await?.iter().map(|entry| entry.sequence).collect();
        let length = told.len() as u64;
        let whole = length >= *version && told.iter().copied().eq(1..=length);
        ensure!(whole, "{id} has {version} events, its history {told:?}");
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
