//! The broker in a container is set as the local one is, wherever both say the same thing.

use super::Violation;
use std::collections::HashMap;

/// `deploy/lib/kafka.sh`.
pub const LOCAL: &str = include_str!("../../../deploy/lib/kafka.sh");

/// `deploy/compose.yaml`.
pub const CONTAINER: &str = include_str!("../../../deploy/compose.yaml");

/// Compares the settings that both have. What is worked out when a stack starts (`$…`) has no counterpart.
pub fn compare(local: &str, container: &str) -> Vec<Violation> {
    let local: HashMap<&str, &str> =
        local.lines().filter_map(|line| line.split_once('=')).collect();
    let mut violations = Vec::new();
    for (number, line) in container.lines().enumerate() {
        let Some((name, value)) =
            line.trim().strip_prefix("KAFKA_").and_then(|line| line.split_once(": "))
        else {
            continue;
        };
        let (name, value) = (name.to_lowercase().replace('_', "."), value.trim_matches('"'));
        match local.get(name.as_str()) {
            Some(other) if !other.contains('$') && *other != value && is_plain(value) => {
                let what = format!("{name} is {value}, and {other} in deploy/lib/kafka.sh");
                let remedy = "set both alike: the one in the script says why";
                violations.push(Violation::new("deploy/compose.yaml", number + 1, &what, remedy));
            }
            _ => {}
        }
    }
    violations
}

/// A number, `true` or `false`: names and addresses are a container's own.
fn is_plain(value: &str) -> bool {
    value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok()
}
