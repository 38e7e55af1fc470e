//! The table itself, for programs.

use crate::domain::Role;
use crate::domain::flow::{FLOW, Status, Trigger};
use serde_json::json;

/// The flow as one JSON document: where it begins, statuses, triggers, roles, and every arrow.
#[must_use]
pub fn json() -> String {
    let statuses = Status::ALL.iter();
    let statuses = statuses.map(|s| json!({ "status": s, "at_rest": s.is_at_rest() }));
    let arrows = FLOW.iter().map(|a| json!({ "from": a.from, "on": a.on, "to": a.to, "by": a.by }));
    let flow = json!({
        "begins": Status::Placed,
        "statuses": statuses.collect::<Vec<_>>(),
        "triggers": Trigger::ALL,
        "roles": Role::ALL,
        "transitions": arrows.collect::<Vec<_>>(),
    });
    format!("{flow:#}\n")
}
