//! The architecture and the style as a test: who may import whom, how big things may grow, which
//! words are used. Each finding names its place and the remedy. It reads text and nothing else, so
//! it takes a second; `examples` proves that every rule can fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

mod brokers;
mod doors;
#[cfg(test)]
mod examples;
mod layers;
mod lexer;
mod pages;
mod problems;
mod references;
mod source;

use source::Workspace;

/// One place that breaks a rule.
#[derive(Debug)]
pub struct Violation {
    place: String,
    what: String,
    remedy: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: &str, remedy: &str) -> Self {
        let (what, remedy) = (what.to_owned(), remedy.to_owned());
        Self { place: format!("{path}:{line}"), what, remedy }
    }
}

fn report(violations: &[Violation]) -> String {
    let line = |each: &Violation| {
        format!("{}: {}.\n    Remedy: {}.\n", each.place, each.what, each.remedy)
    };
    violations.iter().map(line).collect()
}

#[track_caller]
fn assert_none(violations: &[Violation]) {
    let number = violations.len();
    assert!(violations.is_empty(), "{number} place(s) break a rule:\n\n{}", report(violations));
}

#[test]
fn every_module_imports_only_what_the_architecture_allows() {
    let workspace = Workspace::read();
    assert_none(&layers::imports(&workspace));
}

#[test]
fn every_crate_depends_only_on_what_the_architecture_allows() {
    let workspace = Workspace::read();
    assert_none(&layers::manifests(&workspace));
}

#[test]
fn every_route_stands_behind_a_policy() {
    let workspace = Workspace::read();
    assert_none(&doors::routes(&workspace));
}

#[test]
fn every_file_reads_like_the_others() {
    let workspace = Workspace::read();
    assert_none(&pages::all(&workspace));
}

#[test]
fn a_broker_in_a_container_is_set_as_the_local_one() {
    assert_none(&brokers::compare(brokers::LOCAL, brokers::CONTAINER));
}

#[test]
fn every_problem_has_its_page() {
    let workspace = Workspace::read();
    assert_none(&problems::pages(&workspace));
}
