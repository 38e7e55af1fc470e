//! A policy as a file: what new orders live by, and what others can be moved to.
//!
//! ```json
//! {"version": 2, "accept_within_ms": 600000, "complete_within_ms": 7200000,
//!  "remind_after_ms": [90000, 180000, 480000], "tell_user_within_ms": 86400000, "flow": 1}
//! ```
//!
//! `flow` may be left out: the newest then. Everything that is wrong with a file is said at once.

use crate::domain::{FlowVersion, Policy, Terms};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::Path;

/// What the file at `path` says.
///
/// # Errors
/// Every problem, one sentence each.
pub fn read(path: &Path) -> Result<Terms, Vec<String>> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|cause| vec![format!("{} cannot be read: {cause}", path.display())])?;
    parse(&text).map_err(|problems| {
        problems.into_iter().map(|what| format!("{}: {what}", path.display())).collect()
    })
}

fn parse(text: &str) -> Result<Terms, Vec<String>> {
    let members = serde_json::from_str(text).map_err(|cause| vec![cause.to_string()])?;
    let mut file = File { members, problems: Vec::new() };
    let policy = Policy {
        version: file.take("version"),
        accept_within_ms: file.take("accept_within_ms"),
        complete_within_ms: file.take("complete_within_ms"),
        remind_after_ms: file.take("remind_after_ms"),
        tell_user_within_ms: file.take("tell_user_within_ms"),
    };
    let flow = match file.members.contains_key("flow") {
        true => FlowVersion::try_from(file.take::<i32>("flow")),
        false => Ok(FlowVersion::LATEST),
    };
    let File { members, mut problems } = file;
    problems.extend(members.keys().map(|name| format!("{name} is no member of a policy")));
    if problems.is_empty() {
        problems.extend(policy.problems().into_iter().map(str::to_owned));
        problems.extend(flow.as_ref().err().map(|what| format!("flow: {what}")));
    }
    match flow {
        Ok(flow) if problems.is_empty() => Ok(Terms { flow, policy: policy.into() }),
        _ => Err(problems),
    }
}

struct File {
    members: Map<String, Value>,
    problems: Vec<String>,
}

impl File {
    /// The member, or nothing in its place and a problem.
    fn take<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let Some(value) = self.members.remove(name) else {
            self.problems.push(format!("{name} is missing"));
            return T::default();
        };
        serde_json::from_value(value).unwrap_or_else(|cause| {
            self.problems.push(format!("{name}: {cause}"));
            T::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn evening() -> Value {
        json!({
            "version": 7,
            "accept_within_ms": 300_000,
            "complete_within_ms": 3_600_000,
            "remind_after_ms": [60_000, 120_000],
            "tell_user_within_ms": 86_400_000,
        })
    }

    #[test]
    fn a_file_says_what_orders_live_by() {
        let terms = parse(&evening().to_string()).unwrap();
        assert_eq!((terms.flow, terms.policy.version), (FlowVersion::LATEST, 7));
        assert_eq!(terms.policy.remind_after_ms, [60_000, 120_000]);
        let mut of_the_first = evening();
        of_the_first["flow"] = json!(1);
        assert_eq!(parse(&of_the_first.to_string()).unwrap().flow, FlowVersion::FIRST);
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let problems = |change: fn(&mut Value)| {
            let mut file = evening();
            change(&mut file);
            parse(&file.to_string()).unwrap_err().join("; ")
        };
        let unreadable = problems(|file| {
            file["version"] = json!("seven");
            file["remind_after"] = json!([]);
            file.as_object_mut().unwrap().remove("accept_within_ms");
        });
        for name in ["version: ", "remind_after is no member", "accept_within_ms is missing"] {
            assert!(unreadable.contains(name), "{name} in {unreadable}");
        }
        let impossible = problems(|file| {
            file["version"] = json!(0);
            file["complete_within_ms"] = json!(299_999);
            file["remind_after_ms"] = json!([60_000, 60_000]);
            file["tell_user_within_ms"] = json!(0);
            file["flow"] = json!(99);
        });
        for name in ["version", "complete_within_ms", "remind_after_ms", "tell_user", "flow: "] {
            assert!(impossible.contains(name), "{name} in {impossible}");
        }
        assert!(problems(|file| file["accept_within_ms"] = json!(0)).contains("accept_within_ms"));
        assert!(problems(|file| file["remind_after_ms"] = json!([0, 5])).contains("remind_after"));
        assert!(parse("[]").is_err());
    }
}
