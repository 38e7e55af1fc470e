//! How a file looks: its front page, its size, its functions, and words that are never used.

use super::{
    Violation,
    lexer::{Token, tokens},
    source::{Source, Workspace},
};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Words for which the project has another, with that other word.
const NEVER: &[(&str, &str)] = &[
    ("outbox table", "journal"),
    ("outbox_table", "journal"),
    ("dedup cache", "inbox"),
    ("dedup_cache", "inbox"),
    ("poison table", "dead letter"),
    ("poison_table", "dead letter"),
    ("error queue", "dead letter"),
    ("error_queue", "dead letter"),
    ("timer callback", "deadline"),
    ("timer_callback", "deadline"),
    ("domain event", "integration event"),
];

/// Names that say nothing about what is inside.
const NAMELESS: &[&str] = &["common", "utils", "util", "core", "helpers", "misc", "shared"];

/// Words of the business, which the plumbing does not know.
const BUSINESS: &[&str] = &["restaurant", "voucher", "customer", "campaign"];

/// Checks every file.
pub fn all(workspace: &Workspace) -> Vec<Violation> {
    workspace.sources.iter().flat_map(page).collect()
}

fn page(source: &Source) -> Vec<Violation> {
    let mut violations = front_page(source);
    violations.extend(functions(source));
    violations.extend(words(source));
    violations
}

fn front_page(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |what: &str, remedy: &str| {
        violations.push(Violation::new(&source.path, 1, what, remedy));
    };
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        let remedy = "split it by what its parts are for; state, IO and flow grew together here";
        add(&format!("has {lines} lines, more than {FILE_LINES}"), remedy);
    }
    let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !first.starts_with("//!") && !first.starts_with("#![doc = include_str!(") {
        add("has no front page", "begin with `//!`: what it is for, what it does not do");
    }
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    if name == "mod.rs" {
        add("is a mod.rs", "name it after its folder, beside it: `foo.rs` and `foo/`");
    }
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let nameless = [name.trim_end_matches(".rs"), folder];
    if let Some(word) = nameless.iter().find(|word| NAMELESS.contains(word)) {
        add(&format!("is called `{word}`"), "name it after what it does");
    }
    violations
}

fn functions(source: &Source) -> Vec<Violation> {
    let tokens = tokens(&source.text);
    let remedy = "let it fit a screen: name its steps and make them functions";
    let starts = tokens.windows(2).enumerate();
    starts
        .filter(|(_, pair)| pair[0].word() == Some("fn") && pair[1].word().is_some())
        .filter_map(|(at, pair)| {
            let lines = body_lines(&tokens[at..])?;
            let name = pair[1].word().unwrap_or_default();
            let what = format!("`{name}` has {lines} lines, more than {FUNCTION_LINES}");
            (lines > FUNCTION_LINES)
                .then(|| Violation::new(&source.path, pair[0].line, &what, remedy))
        })
        .collect()
}

/// The lines between a function's braces, or nothing for one without a body.
fn body_lines(tokens: &[Token]) -> Option<usize> {
    let open = tokens.iter().position(|token| token.is('{') || token.is(';'))?;
    let mut depth = 0_usize;
    for token in &tokens[open..] {
        if token.is('{') {
            depth += 1;
        } else if token.is('}') {
            depth -= 1;
        }
        if depth == 0 {
            return Some((token.line - tokens[open].line).saturating_sub(1));
        }
    }
    None
}

fn words(source: &Source) -> Vec<Violation> {
    // Put together here, so that this page passes its own test.
    let unfinished = [["TO", "DO"], ["FIX", "ME"], ["to", "do!("]].map(|w| w.concat());
    let ignored = ["#[ign", "ore"].concat();
    let rules_page = source.path.starts_with("tests/tests/tidy/");
    let chassis = source.package() == "chassis" && source.module() != ["sqlite"];
    let mut violations = Vec::new();
    let mut in_test = false;
    for (line, text) in (1..).zip(source.text.lines()) {
        in_test |= text.contains("#[cfg(test)]");
        let mut add = |what: &str, remedy: &str| {
            violations.push(Violation::new(&source.path, line, what, remedy));
        };
        if let Some(word) = unfinished.iter().find(|word| text.contains(word.as_str())) {
            add(&format!("says {word}"), "finish it, or take it out and tell the team");
        }
        if text.contains(&ignored) {
            add("skips a test", "make it pass or take it out: a skipped test proves nothing");
        }
        let lower = text.to_lowercase();
        let never = NEVER.iter().find(|(never, _)| !rules_page && lower.contains(never));
        if let Some((never, word)) = never {
            add(&format!("says \"{never}\""), &format!("this project's word is \"{word}\""));
        }
        let business = BUSINESS.iter().find(|word| lower.split(not_a_letter).any(|w| w == **word));
        if let Some(word) = business.filter(|_| chassis && !in_test && !source.is_test()) {
            let remedy = "chassis knows no business: say it in technical words, or move it";
            add(&format!("says \"{word}\""), remedy);
        }
    }
    violations
}

fn not_a_letter(c: char) -> bool {
    !c.is_alphabetic()
}
