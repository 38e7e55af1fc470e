//! The flow of an order in Amazon States Language, before other people's validator and engine: the
//! same story ends where ours does. Needs `deploy/setup --tests` and no stack.

use anyhow::Result;
use orders_context::domain::flow::{FLOW, Status};
use orders_context::picture::asl;
use serde_json::{Value, json};
use system_tests::python::python;
use tempfile::TempDir;

/// What happens, and where it ends.
const STORIES: &[(&[&str], Status)] = &[
    (&["restaurant_notified", "accept", "user_notified", "complete"], Status::Completed),
    (&["restaurant_notified", "reject", "user_notified"], Status::Rejected),
    (&["restaurant_notified", "reminder_due", "reminder_due", "accept_deadline"], Status::Expired),
    (&["accept_deadline", "redrive", "accept", "complete_deadline"], Status::TimedOut),
    (&["accept", "complete_deadline", "redrive", "cancel"], Status::Cancelled),
    (&["accept", "user_notified", "reject", "accept", "complete", "cancel"], Status::Completed),
    (&["accept", "restaurant_notified"], Status::Accepted),
    (&[], Status::Placed),
];

/// Where our table leads.
fn ours(story: &[&str]) -> Status {
    story.iter().fold(Status::Placed, |status, happens| {
        let mut arrows = FLOW.iter();
        let arrow = arrows.find(|arrow| arrow.from == status && arrow.on.as_str() == *happens);
        arrow.map_or(status, |arrow| arrow.to)
    })
}

fn elsewhere(machine: &str, stories: &Value) -> Result<Value> {
    let folder = TempDir::new()?;
    let (at, told) = (folder.path().join("flow.asl.json"), folder.path().join("stories.json"));
    std::fs::write(&at, machine)?;
    std::fs::write(&told, stories.to_string())?;
    python("run_states.py", &[&at.to_string_lossy(), &told.to_string_lossy()])
}

#[test]
fn another_engine_brings_the_same_story_to_the_same_end() -> Result<()> {
    let stories: Vec<_> = STORIES.iter().map(|(story, _)| story).collect();
    let told = elsewhere(&asl(), &json!(stories))?;
    assert_eq!(told["problems"], json!([]));
    for (number, (story, end)) in STORIES.iter().enumerate() {
        assert_eq!(ours(story), *end, "{story:?}");
        assert_eq!(told["ends"][number], end.as_str(), "{story:?}");
    }
    Ok(())
}

/// The validator does find what is wrong.
#[test]
fn a_machine_with_a_state_that_nobody_reaches_is_refused() -> Result<()> {
    let mut machine: Value = serde_json::from_str(&asl())?;
    machine["States"]["eaten"] = json!({ "Type": "Pass", "Next": "nowhere" });
    let told = elsewhere(&machine.to_string(), &json!([]))?;
    assert_ne!(told["problems"], json!([]));
    Ok(())
}
