//! Deny by default: a route of a context stands behind a policy, or it is one of the few that are for
//! everybody.

use super::{
    Violation,
    source::{Source, Workspace},
};

/// Routes that need no token: there is nothing of anybody in what they show, or the path itself is one.
const OPEN: &[&str] = &["/openapi.json", "/asyncapi.json", "/v1/tables", "/answer/{link}"];

const REMEDY: &str = "declare it with its policy in `Routes`, whose guard asks for a token";

/// Checks every file of the contexts.
pub fn routes(workspace: &Workspace) -> Vec<Violation> {
    let contexts = workspace.sources.iter();
    contexts.filter(|source| source.package().ends_with("-context")).flat_map(open_routes).collect()
}

/// Routes that are given as a path and a handler, with no policy.
fn open_routes(source: &Source) -> Vec<Violation> {
    if source.is_test() || source.module().iter().any(|module| module == "tests") {
        return Vec::new();
    }
    let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut violations = Vec::new();
    for call in [".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback("] {
        for (at, _) in text.match_indices(call) {
            let rest = text[at + call.len()..].trim_start();
            let path = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
            let has_policy = call == ".route(" && rest.starts_with('&');
            if has_policy || path.is_some_and(|path| OPEN.contains(&path)) {
                continue;
            }
            let line = text[..at].matches('\n').count() + 1;
            let what = format!("{call}…) is open to everybody: {}", path.unwrap_or("some path"));
            violations.push(Violation::new(&source.path, line, &what, REMEDY));
        }
    }
    violations
}
