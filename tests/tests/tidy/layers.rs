//! Who may import whom: the architecture as two tables and the rules that read them.

use std::collections::HashSet;

use super::{
    Violation,
    references::{Found, Reference, Target, references},
    source::{Manifest, Source, Workspace},
};

const CONTEXTS: [&str; 3] = ["orders-context", "promotions-context", "analytics-context"];

/// What a module at the top of a context may name of its own crate, beside itself. A module that
/// is not in this table (`boot`, `config`, the subcommands) puts parts together: it may name all,
/// and of the modules below only those may name it that say so.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("projection", &[]),
    ("app", &["domain", "store"]),
    ("store", &["domain"]),
    ("http", &["app", "domain"]),
    ("console", &["app", "domain"]),
    ("inbound", &["app", "domain"]),
    ("tasks", &["app", "domain"]),
    ("deadlines", &["app", "domain"]),
    ("outbound", &["domain", "store"]),
    ("relay", &["domain", "outbound", "store"]),
    ("ingest", &["lake", "projection"]),
    ("lake", &["projection"]),
    ("maintenance", &["lake", "projection"]),
];

/// What stands still may use: these crates and nothing that reads a clock, a disk or a network.
const PURE: &[(&str, &[&str])] = &[
    ("domain", &["std", "core", "alloc", "serde", "serde_json"]),
    (
        "projection",
        &[
            "std",
            "core",
            "alloc",
            "serde",
            "serde_json",
            "thiserror",
            "arrow",
            "arrow_avro",
            "parquet",
            "deltalake_core",
        ],
    ),
];

/// Parts of the standard library that reach outside, so that naming `std` is no way round.
const OUTSIDE: &[&str] = &["fs", "net", "process", "env", "io", "thread"];

/// A technical crate, the modules of a context that may use it, and where the rest should go.
const FENCED: &[(&str, &[&str], &str)] = &[
    ("rdkafka", &[], "go through chassis::kafka; rdkafka is used in chassis only"),
    ("rusqlite", &["store"], "put the statement into `store` as a verb_noun function"),
    ("tokio_postgres", &["store"], "put the statement into `store` as a verb_noun function"),
    ("deadpool_postgres", &[], "go through chassis::postgres, whose connections keep promises"),
    ("axum", &["http", "console"], "answer HTTP in `http`; everything else returns plain types"),
];

/// Crates that share nothing with each other, and why.
const STRANGERS: &[(&str, &[&str], &str)] = &[
    ("chassis", &["schemas"], "chassis moves bytes and headers; hand it bytes instead"),
    ("schemas", &["chassis"], "schemas is the contract alone; leave plumbing to the contexts"),
];

/// Checks every crate's dependencies.
pub fn manifests(workspace: &Workspace) -> Vec<Violation> {
    workspace.manifests.iter().flat_map(manifest).collect()
}

fn manifest(manifest: &Manifest) -> Vec<Violation> {
    let package = manifest.package.as_str();
    let path = format!("{package}/Cargo.toml");
    let mut violations = Vec::new();
    for context in CONTEXTS {
        let tests = package == "tests";
        if context != package && !tests && manifest.depends_on(context) {
            let remedy = "contexts share `schemas` and `chassis`, nothing else: consume its events";
            violations.push(Violation::new(&path, 1, &format!("depends on {context}"), remedy));
        }
    }
    for (stranger, others, remedy) in STRANGERS.iter().filter(|(name, ..)| *name == package) {
        for other in others.iter().filter(|other| manifest.depends_on(other)) {
            let what = format!("{stranger} depends on {other}");
            violations.push(Violation::new(&path, 1, &what, remedy));
        }
    }
    if package != "chassis" && manifest.depends_on("rdkafka") {
        violations.push(Violation::new(&path, 1, "depends on rdkafka", FENCED[0].2));
    }
    violations
}

/// Checks every import and every qualified path.
pub fn imports(workspace: &Workspace) -> Vec<Violation> {
    let read: Vec<(&Source, Found)> = workspace
        .sources
        .iter()
        .filter_map(|source| Some((source, workspace.manifest(source.package())?)))
        .map(|(source, manifest)| (source, references(source, manifest)))
        .collect();
    let tests: HashSet<(&str, &[String])> = read
        .iter()
        .flat_map(|(source, found)| {
            found.test_modules.iter().map(|module| (source.package(), module.as_slice()))
        })
        .collect();
    let mut violations = Vec::new();
    for (source, found) in &read {
        let module = source.module();
        let below_a_test =
            (1..=module.len()).any(|length| tests.contains(&(source.package(), &module[..length])));
        for reference in &found.references {
            let in_test = reference.in_test || below_a_test;
            violations.extend(judge(source, &module, reference, in_test));
        }
        if !below_a_test {
            violations.extend(sql(source, &module, found));
        }
    }
    // One line that names three things of a crate is one thing to mend.
    violations.dedup_by(|a, b| a.place == b.place);
    violations
}

fn judge(
    source: &Source,
    module: &[String],
    reference: &Reference,
    in_test: bool,
) -> Option<Violation> {
    let package = source.package();
    let verdict = match &reference.target {
        Target::Foreign(name, path) => {
            foreign(package, module, name).or_else(|| pure(package, module, name, path, in_test))
        }
        Target::Own(path) if !in_test && CONTEXTS.contains(&package) => own(module, path),
        Target::Own(_) => None,
    };
    let (what, remedy) = verdict?;
    Some(Violation::new(&source.path, reference.line, &what, &remedy))
}

/// Crates that a module may not name; tests are no exception.
fn foreign(package: &str, module: &[String], name: &str) -> Option<(String, String)> {
    let layer = module.first().map_or("", String::as_str);
    let context = CONTEXTS.iter().find(|context| context.replace('-', "_") == name);
    if let Some(context) = context.filter(|context| **context != package && package != "tests") {
        let remedy = "contexts share `schemas` and `chassis`, nothing else: consume its events";
        return Some((format!("names {context}"), remedy.to_owned()));
    }
    for (stranger, others, remedy) in STRANGERS {
        if *stranger == package && others.contains(&name) {
            return Some((format!("{stranger} names {name}"), (*remedy).to_owned()));
        }
    }
    let (fenced, allowed, remedy) = FENCED.iter().find(|(fenced, ..)| *fenced == name)?;
    let permitted = match package {
        "chassis" => match *fenced {
            "rusqlite" => layer == "sqlite",
            "tokio_postgres" | "deadpool_postgres" => layer == "postgres",
            _ => true,
        },
        "tests" => *fenced == "axum",
        _ => allowed.contains(&layer),
    };
    let what = format!("`{layer}` uses {fenced}");
    (!permitted).then(|| (what, (*remedy).to_owned()))
}

/// What the pure modules name of other crates.
fn pure(
    package: &str,
    module: &[String],
    name: &str,
    path: &[String],
    in_test: bool,
) -> Option<(String, String)> {
    let layer = module.first().filter(|_| CONTEXTS.contains(&package) && !in_test)?;
    let (_, allowed) = PURE.iter().find(|(pure, _)| pure == layer)?;
    let outside = name == "std" && path.first().is_some_and(|p| OUTSIDE.contains(&p.as_str()));
    let now = name == "std" && path.iter().any(|part| part == "SystemTime" || part == "Instant");
    if allowed.contains(&name) && !outside && !now {
        return None;
    }
    let what = format!("`{layer}` names {name}::{}", path.join("::"));
    let remedy = format!(
        "`{layer}` is pure: it may name {} and reads no clock, disk or network. Take the value as \
         an argument, or do this in the layer that calls it",
        allowed.join(", ")
    );
    Some((what, remedy))
}

/// What the layers of a context name of each other.
fn own(module: &[String], path: &[String]) -> Option<(String, String)> {
    let (layer, target) = (module.first()?, path.first()?);
    let (_, allowed) = LAYERS.iter().find(|(name, _)| name == layer)?;
    let is_layer = LAYERS.iter().any(|(name, _)| name == target);
    let composes = target == "boot" || target == "main";
    if layer == target || !(is_layer || composes) {
        return None;
    }
    let names_its_trait = !(layer == "app" && target == "store")
        || path.get(1).is_none_or(|part| part != "sqlite" && part != "postgres");
    if allowed.contains(&target.as_str()) && names_its_trait {
        return None;
    }
    let remedy = if composes {
        "`boot` is where concrete parts meet: it names the layers, never the reverse".to_owned()
    } else if !names_its_trait {
        "name the trait in `store`; which database stands behind it is decided in `boot`".to_owned()
    } else if allowed.is_empty() {
        format!("`{layer}` knows no other layer: move what it needs into it, or pass it in")
    } else {
        let may = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        format!("`{layer}` may name {may}: ask one of those for it, or let `boot` pass it in")
    };
    Some((format!("`{layer}` names crate::{}", path.join("::")), remedy))
}

/// Statements of SQL outside the store.
fn sql(source: &Source, module: &[String], found: &Found) -> Vec<Violation> {
    let package = source.package();
    let layer = module.first().map_or("", String::as_str);
    let home = (package == "chassis" && (layer == "sqlite" || layer == "postgres"))
        || (CONTEXTS.contains(&package) && layer == "store")
        || package == "tests";
    if home {
        return Vec::new();
    }
    let begins_like_sql = |text: &str| {
        let text = text.trim_start();
        ["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA ", "UPDATE "]
            .iter()
            .any(|keyword| text.starts_with(keyword))
    };
    let remedy = "SQL lives in `store`, in verb_noun functions that take the transaction";
    let texts = found.texts.iter().filter(|(_, text)| begins_like_sql(text));
    texts.map(|(line, _)| Violation::new(&source.path, *line, "writes SQL", remedy)).collect()
}
