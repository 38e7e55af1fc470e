//! Part of the stack dies; `deploy/local up` starts that part and nothing is lost.

use std::collections::HashMap;

use anyhow::Result;
use schemas::topics::ORDER_EVENTS;
use system_tests::{stack::Stack, story, topic::facts_of};

use super::support::alone;

const PARTS: [&str; 6] = ["kafka", "registry", "mail", "orders", "promotions", "analytics"];

fn pids(stack: &Stack) -> Result<HashMap<&'static str, u32>> {
    PARTS.iter().map(|part| Ok((*part, stack.pid(part)?))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_up_starts_only_what_has_died_and_nothing_is_lost() -> Result<()> {
    let (stack, _alone) = alone().await?;
    let addresses = stack.addresses();
    let before = story::take(addresses).await?;
    for killed in ["registry", "kafka"] {
        let pids_before = pids(stack)?;
        let restart = move || stack.kill(killed).and_then(|()| stack.up(&[]));
        let said = tokio::task::spawn_blocking(restart).await??;
        for (part, pid) in pids(stack)? {
            assert_eq!(pids_before[part] == pid, part != killed, "{part}, after {killed}: {said}");
        }
        let kept = facts_of(&addresses.kafka, ORDER_EVENTS.name, &before.order.id).await?;
        assert_eq!(kept.len() as u64, before.order.version, "after {killed}");
        story::take(addresses).await?;
    }
    Ok(())
}
