//! The flow of an order in Amazon States Language, before other people's validator and engine: the
//! same story ends where `decide` and `evolve` bring an order. Needs `deploy/setup --tests` and no stack.

mod ours;

use anyhow::{Context, Result, bail};
use orders_context::domain::flow::{FLOW, Status, Trigger};
use orders_context::picture::asl;
use ours::{can_happen, ours};
use serde_json::{Value, json};
use system_tests::python::python;
use tempfile::TempDir;

/// What happens, and where it ends. Those that are made of the table begin where these do.
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

/// A shortest way for a new order to stand there.
fn way_to(status: Status) -> Result<Vec<Trigger>> {
    let mut ways = vec![(Status::Placed, Vec::new())];
    let mut next = 0;
    while let Some((from, way)) = ways.get(next).cloned() {
        if from == status {
            return Ok(way);
        }
        for arrow in FLOW.iter().filter(|arrow| arrow.from == from) {
            if ways.iter().all(|(known, _)| *known != arrow.to) {
                ways.push((arrow.to, [&way[..], &[arrow.on]].concat()));
            }
        }
        next += 1;
    }
    bail!("no order is ever {status}")
}

/// In every status everything that can happen there, and where it leads: where the arrow points, or nowhere.
fn of_the_table() -> Result<Vec<(Vec<Trigger>, Status)>> {
    let mut stories = Vec::new();
    for &status in Status::ALL {
        let way = way_to(status)?;
        for &on in Trigger::ALL.iter().filter(|on| can_happen(status, **on)) {
            let arrow = FLOW.iter().find(|arrow| (arrow.from, arrow.on) == (status, on));
            stories.push(([&way[..], &[on]].concat(), arrow.map_or(status, |arrow| arrow.to)));
        }
    }
    Ok(stories)
}

fn by_hand() -> Result<Vec<(Vec<Trigger>, Status)>> {
    let named = |name: &&str| {
        let found = Trigger::ALL.iter().find(|trigger| trigger.as_str() == *name);
        found.copied().with_context(|| format!("nothing is called {name}"))
    };
    let story = |(story, end): &(&[&str], Status)| {
        anyhow::Ok((story.iter().map(named).collect::<Result<_>>()?, *end))
    };
    STORIES.iter().map(story).collect()
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
    let stories = [by_hand()?, of_the_table()?].concat();
    let told =
        elsewhere(&asl(), &json!(stories.iter().map(|(story, _)| story).collect::<Vec<_>>()))?;
    assert_eq!(told["problems"], json!([]));
    for (number, (story, end)) in stories.iter().enumerate() {
        assert_eq!(ours(story)?, *end, "{story:?}");
        assert_eq!(told["ends"][number], end.as_str(), "{story:?}");
    }
    Ok(())
}

/// Each arrow is the last step of a story, and so is something that has none in each status.
#[test]
fn the_stories_go_through_the_whole_table() -> Result<()> {
    let stories = of_the_table()?;
    for arrow in FLOW {
        let story = [&way_to(arrow.from)?[..], &[arrow.on]].concat();
        assert!(stories.contains(&(story, arrow.to)), "{arrow:?}");
    }
    for &status in Status::ALL {
        let way = way_to(status)?;
        let arrows = FLOW.iter().filter(|arrow| arrow.from == status).count();
        let here = stories.iter().filter(|(story, _)| story.len() == way.len() + 1);
        let here = here.filter(|(story, _)| story.starts_with(&way)).count();
        assert!(here > arrows, "nothing is forbidden to {status}");
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
