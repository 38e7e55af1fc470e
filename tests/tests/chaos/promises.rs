//! What has to hold afterwards: what holds after every storm, and what promotions and analytics made
//! of it.

use anyhow::{Result, ensure};
use schemas::topics::VOUCHER_EVENTS;
use system_tests::{
    api::Api,
    customers::{End, Taken},
    eventually::eventually,
    promises::{LIMIT, ends, topic, verified},
    stack::Stack,
    topic::facts,
};

/// Every acknowledged order is there and at its end; topic, vouchers and lake are complete and
/// without a double.
pub async fn hold(stack: &Stack, api: &Api, taken: &[Taken]) -> Result<()> {
    ensure!(taken.len() > 50, "only {} orders: that was no load", taken.len());
    let addresses = stack.addresses();
    let versions = ends(api, taken).await?;
    verified(addresses, "orders", &["verify"]).await?;
    verified(addresses, "orders", &["check"]).await?;
    topic(addresses, &versions).await?;
    verified(addresses, "promotions", &["verify"]).await?;
    vouchers(stack, api, taken).await?;
    verified(addresses, "analytics", &["verify", "--wait", "60"]).await
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
