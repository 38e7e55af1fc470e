//! A Mermaid state diagram.

use crate::domain::flow::{FLOW, Status};

/// A Mermaid state diagram of the whole flow.
#[must_use]
pub fn mermaid() -> String {
    let mut lines = vec!["stateDiagram-v2".to_owned(), "    [*] --> placed: place".to_owned()];
    for arrow in FLOW {
        lines.push(format!("    {} --> {}: {}", arrow.from, arrow.to, arrow.on));
    }
    for status in Status::ALL.iter().filter(|status| status.is_at_rest()) {
        lines.push(format!("    {status} --> [*]"));
    }
    lines.join("\n") + "\n"
}
