//! Every code of a problem has a page that says what to do: `/problems/<code>`, which its `type` names.

use super::{
    Violation,
    lexer::{Kind, Token, tokens},
    source::{Source, Workspace},
};
use std::collections::BTreeSet;

/// A code, where it is used, and in which package.
struct Use {
    package: String,
    path: String,
    line: usize,
    code: String,
}

/// Checks that what is used has a page in its own package or in chassis.
pub fn pages(workspace: &Workspace) -> Vec<Violation> {
    let files = || workspace.sources.iter().filter(|source| !is_test(source));
    let pages: BTreeSet<(String, String)> = files()
        .flat_map(|source| codes_after(source, &["ProblemPage"]))
        .map(|page| (page.package, page.code))
        .collect();
    let has_page = |wanted: &Use| {
        [wanted.package.as_str(), "chassis"]
            .iter()
            .any(|package| pages.contains(&((*package).to_owned(), wanted.code.clone())))
    };
    let used = files().flat_map(|source| {
        let mut used = codes_after(source, &["Problem"]);
        if source.path.ends_with("/rejection.rs") {
            used.extend(codes_of_a_function(source));
        }
        used
    });
    let missing = used.filter(|wanted| !has_page(wanted));
    let told = missing.map(|Use { path, line, code, .. }| {
        let what = format!("the problem `{code}` has no page");
        Violation::new(&path, line, &what, "add a ProblemPage: what it means and what to do")
    });
    told.collect()
}

fn is_test(source: &Source) -> bool {
    source.is_test() || source.path.contains("/tests") || source.package() == "tests"
}

/// The first code among the arguments of each `Type::function(` of these types.
fn codes_after(source: &Source, types: &[&str]) -> Vec<Use> {
    let tokens = tokens(&source.text);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let is_call = tokens[at].word().is_some_and(|word| types.contains(&word))
            && tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Separator)
            && tokens.get(at + 3).is_some_and(|open| open.is('('));
        if is_call {
            // Before the code there is a status at most.
            found.extend(tokens[at + 4..].iter().take(6).find_map(|token| code(source, token)));
        }
    }
    found
}

/// The codes that a `fn code` answers with: what the domain rejects becomes a problem.
fn codes_of_a_function(source: &Source) -> Vec<Use> {
    let tokens = tokens(&source.text);
    let begin = tokens
        .windows(2)
        .position(|pair| pair[0].word() == Some("fn") && pair[1].word() == Some("code"));
    let Some(begin) = begin else { return Vec::new() };
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for token in &tokens[begin..] {
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') if depth == 1 => break,
            Kind::Mark('}') => depth -= 1,
            _ => found.extend(code(source, token)),
        }
    }
    found
}

fn code(source: &Source, token: &Token) -> Option<Use> {
    let Kind::Text(text) = &token.kind else { return None };
    let is_code = text.len() > 1 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_code.then(|| Use {
        package: source.package().to_owned(),
        path: source.path.clone(),
        line: token.line,
        code: text.clone(),
    })
}

#[test]
fn a_code_without_a_page_is_found() {
    let file = |path: &str, text: &str| Source::new(path, text);
    let page = "const A: P = ProblemPage::new(\"burnt\", 409, \"It is.\", \"Order again.\");";
    let sources = vec![
        file("chassis/src/http/pages.rs", page),
        file("orders-context/src/http/a.rs", "Problem::new(StatusCode::CONFLICT, \"burnt\", x)"),
        file(
            "orders-context/src/domain/rejection.rs",
            "fn code(&self) { match self { A => \"raw\" } }",
        ),
        file("orders-context/src/http/c.rs", "Problem::conflict(\"cold\", \"warm it\")"),
        file("orders-context/src/http/tests/d.rs", "Problem::conflict(\"salty\", x)"),
    ];
    let found = super::report(&pages(&Workspace { sources, manifests: Vec::new() }));
    assert!(found.contains("`raw`") && found.contains("`cold`"), "{found}");
    assert!(!found.contains("`burnt`") && !found.contains("`salty`"), "{found}");
}
