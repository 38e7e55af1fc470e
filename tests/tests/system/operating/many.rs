//! Many orders at a time: bulk actions, looked at and interrupted.

use anyhow::{Context, Result, ensure};
use system_tests::eventually::eventually;

use super::{LIMIT, Office, WHY};

const BY_OPERATOR: [&str; 4] = ["--actor", "operator-7", "--reason", WHY];

/// Five minutes more for every order of the restaurant, one a second.
const EXTEND: [&str; 13] = [
    "bulk",
    "start",
    "extend",
    "--deadline",
    "complete-by",
    "--by-minutes",
    "5",
    "--restaurant",
    "trattoria",
    "--status",
    "placed",
    "--per-second",
    "1",
];

#[tokio::test(flavor = "multi_thread")]
async fn bulk_actions_are_led_from_a_terminal() -> Result<()> {
    let office = Office::open().await?;
    let placed = office.place(["a", "b", "c"]).await?;
    let dry = [&EXTEND[..], &["--dry-run"], &BY_OPERATOR].concat();
    let table = office.table(&dry).await?;
    ensure!(table.starts_with("BULK ACTION ") && table.contains("dry run"), "{table}");
    let tried = office.json(&dry).await?;
    ensure!(tried["matched"] == 3 && tried["acted"] == 3, "{tried}");
    let nowhere = ["bulk", "start", "redrive", "--flow-version", "99"];
    let refused = office.refused(&[&nowhere[..], &BY_OPERATOR].concat()).await?;
    ensure!(refused.contains("invalid_body"), "{refused}");

    let started = office.json(&[&EXTEND[..], &BY_OPERATOR].concat()).await?;
    let id = started["id"].as_str().context("it has an id")?;
    // Then the clock stands still: one order is taken and no second one.
    office.here.clock.advance_us(600_000);
    eventually("one order is taken", LIMIT, async || {
        let shown = office.json(&["bulk", "show", id]).await?;
        Ok((shown["taken"] == 1).then_some(()))
    })
    .await?;
    for line in [&["bulk", "list"][..], &["bulk", "show", id]] {
        let table = office.table(line).await?;
        ensure!(table.starts_with("BULK ACTION ") && table.contains(id), "{table}");
        ensure!(office.json(line).await?["id"] == id, "{line:?}");
    }
    for (what, state) in [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")] {
        let line = [&["bulk", what, id][..], &BY_OPERATOR].concat();
        let table = office.table(&line).await?;
        ensure!(table.contains(id) && table.contains(state), "{what}: {table}");
        let again = office.json(&line).await?;
        ensure!(again["state"] == state, "{what}: {again}");
        let last = again["interruptions"].as_array().and_then(|all| all.last().cloned());
        let last = last.context("who interrupted it")?;
        ensure!(last["actor"] == "operator-7" && last["reason"] == WHY, "{last}");
        let unknown = [&["bulk", what, "nobody"][..], &BY_OPERATOR].concat();
        let unknown = office.refused(&unknown).await?;
        ensure!(unknown.contains("bulk_action_not_found"), "{what}: {unknown}");
    }
    let ended = office.refused(&[&["bulk", "pause", id][..], &BY_OPERATOR].concat()).await?;
    ensure!(ended.contains("bulk_action_ended"), "{ended}");
    let unknown = office.refused(&["bulk", "show", "nobody"]).await?;
    ensure!(unknown.contains("bulk_action_not_found"), "{unknown}");
    office.remembers(&placed[0], "deadline_extended", "operator-7").await?;
    office.here.stop().await
}
