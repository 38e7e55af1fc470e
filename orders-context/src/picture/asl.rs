//! The flow in Amazon States Language, so that another engine can be asked where a story ends.
//!
//! The machine takes what happens as its input, `{"story": ["restaurant_notified", "accept"]}`, in
//! the words of the table, deadlines among them; it answers where the order stands in the end. What
//! has no arrow moves nothing. Who may do what is not in it, nor what is sent outside.

use crate::domain::flow::{FLOW, Status};
use serde_json::{Map, Value, json};

const END: &str = "end_of_story";

/// The state machine as a JSON document.
#[must_use]
pub fn asl() -> String {
    let mut states = Map::new();
    let placed = json!({ "status": Status::Placed, "story.$": "$.story" });
    let place = json!({ "Type": "Pass", "Parameters": placed, "Next": waiting(Status::Placed) });
    states.insert("place".to_owned(), place);
    for &status in Status::ALL {
        states.insert(status.to_string(), entered(status));
        states.insert(waiting(status), next(status));
    }
    let answer = json!({ "status.$": "$.status" });
    states.insert(END.to_owned(), json!({ "Type": "Pass", "Parameters": answer, "End": true }));
    let machine = json!({
        "Comment": "The life of an order. Input: {\"story\": [what happens, in order]}.",
        "StartAt": "place",
        "States": states,
    });
    format!("{machine:#}\n")
}

fn waiting(status: Status) -> String {
    format!("{status}_waits")
}

/// Stands there now; what led there is over.
fn entered(status: Status) -> Value {
    let rest = json!({ "status": status, "story.$": "$.story[1:]" });
    json!({ "Type": "Pass", "Parameters": rest, "Next": waiting(status) })
}

/// The arrows that leave it.
fn next(status: Status) -> Value {
    let head = "$.story[0]";
    let mut choices = vec![json!({ "Variable": head, "IsPresent": false, "Next": END })];
    choices.extend(
        FLOW.iter()
            .filter(|arrow| arrow.from == status)
            .map(|arrow| json!({ "Variable": head, "StringEquals": arrow.on, "Next": arrow.to })),
    );
    json!({ "Type": "Choice", "Choices": choices, "Default": status })
}
