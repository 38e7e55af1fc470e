//! What a file refers to: its imports and its qualified paths, each resolved to a module of the
//! same crate or to another crate.

use std::collections::{HashMap, HashSet};

use super::{
    lexer::{Kind, Token, tokens},
    source::{Manifest, Source},
};

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A path below the root of the same crate: `["store", "sqlite"]`.
    Own(Vec<String>),
    /// Another crate, as code spells it, and the path below it.
    Foreign(String, Vec<String>),
}

/// One path in a file.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Where it leads.
    pub target: Target,
    /// Its line.
    pub line: usize,
    /// Whether it stands in code that is compiled for tests only.
    pub in_test: bool,
}

/// What was found in one file.
#[derive(Default)]
pub struct Found {
    /// Every path that leads out of its own file.
    pub references: Vec<Reference>,
    /// Modules declared here for tests only; their files are tests from top to bottom.
    pub test_modules: Vec<Vec<String>>,
    /// The texts between quotes, with their lines, outside of tests.
    pub texts: Vec<(usize, String)>,
}

/// Reads one file.
pub fn references(source: &Source, manifest: &Manifest) -> Found {
    let tokens = tokens(&source.text);
    let mut crates: HashSet<String> =
        manifest.dependencies.iter().map(|name| name.replace('-', "_")).collect();
    crates.extend(["std", "core", "alloc"].map(str::to_owned));
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        blocks: Vec::new(),
        module: source.module(),
        pending_module: None,
        pending_test: false,
        file_is_test: source.is_test(),
        declared: declared_modules(&tokens),
        imported: HashMap::new(),
        crates,
        found: Found::default(),
    };
    while reader.at < tokens.len() {
        reader.step();
    }
    reader.found
}

fn declared_modules(tokens: &[Token]) -> HashSet<String> {
    let pairs = tokens.windows(2).filter(|pair| pair[0].word() == Some("mod"));
    pairs.filter_map(|pair| pair[1].word().map(str::to_owned)).collect()
}

/// A pair of braces: the inline module it is the body of, and whether it is compiled for tests.
struct Block {
    is_module: bool,
    in_test: bool,
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    blocks: Vec<Block>,
    module: Vec<String>,
    pending_module: Option<String>,
    pending_test: bool,
    file_is_test: bool,
    declared: HashSet<String>,
    imported: HashMap<String, Target>,
    crates: HashSet<String>,
    found: Found,
}

impl Reader<'_> {
    fn step(&mut self) {
        let token = &self.tokens[self.at];
        match &token.kind {
            Kind::Word(word) if word == "use" => return self.read_use(),
            Kind::Word(word) if word == "mod" => self.read_mod(),
            Kind::Word(_) => return self.read_path(),
            Kind::Separator => return self.read_path(),
            Kind::Text(text) if !self.in_test() => {
                self.found.texts.push((token.line, text.clone()));
            }
            Kind::Mark('#') => self.read_attribute(),
            Kind::Mark('{') => self.open(),
            Kind::Mark('}') => self.close(),
            Kind::Mark(';') => self.pending_test = false,
            _ => {}
        }
        self.at += 1;
    }

    fn in_test(&self) -> bool {
        self.file_is_test || self.pending_test || self.blocks.iter().any(|block| block.in_test)
    }

    fn open(&mut self) {
        let module = self.pending_module.take();
        self.blocks.push(Block { is_module: module.is_some(), in_test: self.pending_test });
        self.module.extend(module);
        self.pending_test = false;
    }

    fn close(&mut self) {
        if self.blocks.pop().is_some_and(|block| block.is_module) {
            self.module.pop();
        }
    }

    /// `#[cfg(test)]`, and whatever else makes an item one for tests only.
    fn read_attribute(&mut self) {
        let words: Vec<&str> = self.tokens[self.at..]
            .iter()
            .take_while(|token| !token.is(']'))
            .filter_map(Token::word)
            .collect();
        let for_tests = words.first() == Some(&"cfg") && words.contains(&"test");
        self.pending_test |= for_tests && !words.contains(&"not") || words == ["test"];
    }

    fn read_mod(&mut self) {
        let Some(name) = self.tokens.get(self.at + 1).and_then(Token::word) else { return };
        match self.tokens.get(self.at + 2) {
            Some(token) if token.is('{') => self.pending_module = Some(name.to_owned()),
            Some(token) if token.is(';') && self.in_test() => {
                let mut module = self.module.clone();
                module.push(name.to_owned());
                self.found.test_modules.push(module);
            }
            _ => {}
        }
    }

    fn read_use(&mut self) {
        self.at += 1;
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut paths = Vec::new();
        self.read_tree(&mut Vec::new(), &mut paths);
        for (path, name) in paths {
            let Some(target) = self.resolve(&path) else { continue };
            if let Some(name) = name.or_else(|| path.last().cloned()) {
                self.imported.insert(name, target.clone());
            }
            self.push(target, line);
        }
    }

    /// One branch of a tree of imports; ends before the `,`, `}` or `;` behind it.
    fn read_tree(
        &mut self,
        prefix: &mut Vec<String>,
        paths: &mut Vec<(Vec<String>, Option<String>)>,
    ) {
        let depth = prefix.len();
        let mut alias = None;
        while let Some(token) = self.tokens.get(self.at) {
            match &token.kind {
                Kind::Word(word) if word == "as" => {
                    self.at += 1;
                    alias = self.tokens.get(self.at).and_then(Token::word).map(str::to_owned);
                }
                Kind::Word(word) => prefix.push(word.clone()),
                Kind::Mark('{') => {
                    self.read_branches(prefix, paths);
                    prefix.truncate(depth);
                    return;
                }
                Kind::Mark(',' | '}' | ';') => break,
                _ => {}
            }
            self.at += 1;
        }
        // `use a::b::{self}` names b itself.
        let mut path = prefix.clone();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        paths.push((path, alias));
        prefix.truncate(depth);
    }

    fn read_branches(
        &mut self,
        prefix: &mut Vec<String>,
        paths: &mut Vec<(Vec<String>, Option<String>)>,
    ) {
        self.at += 1;
        while let Some(token) = self.tokens.get(self.at) {
            match &token.kind {
                Kind::Mark('}') => break,
                Kind::Mark(',') => self.at += 1,
                Kind::Mark(';') => return,
                _ => self.read_tree(prefix, paths),
            }
        }
        self.at += 1;
    }

    /// `a::b::c` in code. A single word leads nowhere.
    fn read_path(&mut self) {
        let start = self.at;
        let line = self.tokens[start].line;
        let mut path = Vec::new();
        while let Some(token) = self.tokens.get(self.at) {
            match (&token.kind, self.tokens.get(self.at + 1).map(|next| &next.kind)) {
                (Kind::Word(word), Some(Kind::Separator)) => path.push(word.clone()),
                (Kind::Word(word), _) => {
                    path.push(word.clone());
                    self.at += 1;
                    break;
                }
                (Kind::Separator, Some(Kind::Word(_))) => {}
                _ => {
                    self.at += 1;
                    break;
                }
            }
            self.at += 1;
        }
        if path.len() < 2 {
            return;
        }
        let known = self.imported.get(&path[0]).cloned();
        let target = match known {
            Some(Target::Own(mut module)) => {
                module.extend(path.drain(1..));
                Some(Target::Own(module))
            }
            Some(Target::Foreign(name, mut module)) => {
                module.extend(path.drain(1..));
                Some(Target::Foreign(name, module))
            }
            None => self.resolve(&path),
        };
        if let Some(target) = target {
            self.push(target, line);
        }
    }

    fn resolve(&self, path: &[String]) -> Option<Target> {
        let supers = path.iter().take_while(|part| *part == "super" || *part == "self").count();
        let first = path.first()?;
        if first == "crate" {
            return Some(Target::Own(path[1..].to_vec()));
        }
        if supers > 0 {
            let up = path[..supers].iter().filter(|part| *part == "super").count();
            let kept = self.module.len().saturating_sub(up);
            let below = path[supers..].iter().cloned();
            return Some(Target::Own(self.module[..kept].iter().cloned().chain(below).collect()));
        }
        if self.declared.contains(first) {
            return Some(Target::Own(self.module.iter().chain(path).cloned().collect()));
        }
        let foreign = self.crates.contains(first);
        foreign.then(|| Target::Foreign(first.clone(), path[1..].to_vec()))
    }

    fn push(&mut self, target: Target, line: usize) {
        let in_test = self.in_test();
        self.found.references.push(Reference { target, line, in_test });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(path: &str, text: &str) -> Vec<(String, bool)> {
        let manifest = Manifest::parse("orders-context", "[dependencies]\naxum = \"1\"\n");
        let found = references(&Source::new(path, text), &manifest);
        let name = |target: Target| match target {
            Target::Own(path) => format!("crate::{}", path.join("::")),
            Target::Foreign(name, path) => format!("{name}::{}", path.join("::")),
        };
        found.references.into_iter().map(|each| (name(each.target), each.in_test)).collect()
    }

    fn names(path: &str, text: &str) -> Vec<String> {
        targets(path, text).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn trees_of_imports_are_followed_to_their_leaves() {
        let text = "use axum::{Router, extract::{self, State as S}};\nuse crate::app::*;";
        let expected = ["axum::Router", "axum::extract", "axum::extract::State", "crate::app::*"];
        let found = names("orders-context/src/http.rs", text);
        assert_eq!(found, expected.map(|name| name.trim_end_matches("::*").to_owned()));
    }

    #[test]
    fn super_and_self_are_resolved_through_inline_modules() {
        let path = "orders-context/src/domain/order.rs";
        assert_eq!(names(path, "use super::super::store::Row;"), ["crate::store::Row"]);
        assert_eq!(names(path, "mod inner { use super::Order; }"), ["crate::domain::order::Order"]);
        assert_eq!(names(path, "mod inner {} use inner::X;"), ["crate::domain::order::inner::X"]);
    }

    #[test]
    fn paths_in_code_and_through_an_imported_name_are_found() {
        let path = "orders-context/src/app.rs";
        assert_eq!(names(path, "fn f() { axum::serve(1) }"), ["axum::serve"]);
        let through = "use crate::store::sqlite as db;\nfn f() { db::open() }";
        assert_eq!(names(path, through)[1], "crate::store::sqlite::open");
    }

    #[test]
    fn code_for_tests_is_told_apart() {
        let text = "#[cfg(test)]\nmod tests { use axum::Router; }\nuse axum::Json;";
        let found = targets("orders-context/src/app.rs", text);
        assert_eq!(found, [("axum::Router".to_owned(), true), ("axum::Json".to_owned(), false)]);
        let manifest = Manifest::parse("orders-context", "");
        let source = Source::new("orders-context/src/app.rs", "#[cfg(test)]\nmod spec;\nmod step;");
        let found = references(&source, &manifest);
        assert_eq!(found.test_modules, [["app", "spec"]]);
    }
}
