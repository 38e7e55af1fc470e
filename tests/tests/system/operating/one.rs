//! One order at a time: extend, cancel, redrive, retry.

use anyhow::{Context, Result, ensure};
use chassis::clock::{Clock, parse_rfc3339, rfc3339};
use system_tests::eventually::eventually;

use super::{LIMIT, Office, WHY};

const MINUTE_US: i64 = 60_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_are_moved_and_orders_called_off_at_a_terminal() -> Result<()> {
    let office = Office::open().await?;
    let [a, b, c, d] = office.place(["a", "b", "c", "d"]).await?;
    let before = office.here.api.order(&b).await?.accept_by.context("it has a deadline")?;
    let before = parse_rfc3339(&before).context("a moment")?;

    let by = ["extend", "--deadline", "accept-by", "--by-minutes", "5"];
    let extended = office.acts(&by, [&a, &b, "nobody"], "order_not_found").await?;
    ensure!(extended["accept_by"] == rfc3339(before + 5 * MINUTE_US), "{extended}");
    let late = rfc3339(before + 10 * MINUTE_US);
    let to = ["extend", "--deadline", "accept-by", "--to", &late];
    let extended = office.acts(&to, [&a, &b, "nobody"], "order_not_found").await?;
    ensure!(extended["accept_by"] == late, "{extended}");
    let early = rfc3339(before);
    let early = ["extend", &b, "--deadline", "accept-by", "--to", &early];
    let by_operator = ["--actor", "operator-7", "--reason", WHY];
    let refused = office.refused(&[&early[..], &by_operator].concat()).await?;
    ensure!(refused.contains("[status: placed]"), "{refused}");

    let cancel = ["cancel", "--code", "restaurant_closed"];
    let cancelled = office.acts(&cancel, [&c, &d, "nobody"], "order_not_found").await?;
    ensure!(cancelled["status"] == "cancelled", "{cancelled}");
    for (id, event) in [(&a, "deadline_extended"), (&b, "deadline_extended")] {
        office.remembers(id, event, "operator-7").await?;
    }
    for id in [&c, &d] {
        office.remembers(id, "order_cancelled", "operator-7").await?;
        let history = office.table(&["history", id]).await?;
        ensure!(history.contains("actor=operator-7") && history.contains(WHY), "{history}");
    }
    office.here.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_goes_on_at_a_terminal() -> Result<()> {
    let office = Office::open().await?;
    let [a, b, c, d] = office.place(["a", "b", "c", "d"]).await?;
    let cancel = ["cancel", "--code", "restaurant_closed"];
    office.acts(&cancel, [&c, &d, "nobody"], "order_not_found").await?;
    office.here.clock.advance_us(11 * MINUTE_US);
    for id in [&a, &b] {
        office.reaches(id, "expired").await?;
    }
    let redriven = office.acts(&["redrive"], [&a, &b, &c], "[status: cancelled]").await?;
    ensure!(redriven["status"] == "placed", "{redriven}");

    // Letters about their end were not taken by anybody, and wait.
    for id in [&c, &d] {
        is_waiting(&office, id).await?;
    }
    let [e] = office.place(["e"]).await?;
    office.acts(&["retry"], [&c, &d, &e], "[status: placed]").await?;
    for (id, event) in [
        (&a, "order_redriven"),
        (&b, "order_redriven"),
        (&c, "task_redriven"),
        (&d, "task_redriven"),
    ] {
        office.remembers(id, event, "operator-7").await?;
    }
    office.here.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_tried_again_at_a_terminal() -> Result<()> {
    let mut office = Office::open().await?;
    let [c, d, e] = office.place(["c", "d", "e"]).await?;
    let cancel = ["cancel", "--code", "restaurant_closed"];
    office.acts(&cancel, [&c, &d, "nobody"], "order_not_found").await?;
    // A day and an hour, which outlives the tokens of this machine's key.
    office.here.clock.advance_us(25 * 60 * MINUTE_US);
    office.token = Some(office.here.tokens.operator()?);
    for id in [&c, &d] {
        eventually("the letter is given up", LIMIT, async || {
            let order = office.here.api.order(id).await?;
            Ok(order.tasks.iter().any(|task| task["state"] == "given_up").then_some(()))
        })
        .await?;
    }
    let [f] = office.place(["f"]).await?;
    let redrive = ["redrive", "--task"];
    office.acts(&redrive, [&c, &d, &f], "task_not_given_up").await?;
    for id in [&c, &d] {
        office.remembers(id, "task_redriven", "olga").await?;
    }
    office.reaches(&e, "expired").await?;
    office.here.stop().await
}

/// The letter about its end was tried in vain, and is tried again later.
async fn is_waiting(office: &Office, id: &str) -> Result<()> {
    let now = rfc3339(office.here.clock.now_us());
    eventually("a letter is tried", LIMIT, async || {
        let order = office.here.api.order(id).await?;
        let tried = |task: &serde_json::Value| {
            task["state"] == "open" && task["next_attempt_at"].as_str() > Some(&now)
        };
        Ok(order.tasks.iter().any(tried).then_some(()))
    })
    .await
}
