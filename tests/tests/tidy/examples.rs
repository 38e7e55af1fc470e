//! Small bad examples, one for each rule, each with the remedy that must be named; and good ones
//! that must pass.

use super::{
    brokers, doors, layers, pages, report,
    source::{Manifest, Source, Workspace},
};

const DEPENDENCIES: &str = "[dependencies]\naxum = \"0\"\nchassis = \"0\"\npromotions-context = \"0\"\n\
                            deadpool-postgres = \"0\"\ntokio-postgres = \"0\"\n\
                            rdkafka = \"0\"\nrusqlite = \"0\"\nschemas = \"0\"\nserde = \"0\"\n\
                            uuid = \"0\"\narrow = \"0\"\n";

fn findings(path: &str, text: &str) -> String {
    let source = Source::new(path, &format!("//! An example.\n{text}"));
    let manifests = vec![Manifest::parse(source.package(), DEPENDENCIES)];
    let workspace = Workspace { sources: vec![source], manifests };
    report(&layers::imports(&workspace))
        + &report(&pages::all(&workspace))
        + &report(&doors::routes(&workspace))
}

#[track_caller]
fn refused(path: &str, text: &str, remedy: &str) {
    let found = findings(path, text);
    assert!(found.contains(remedy), "{path} should be refused:\n{text}\nfound: {found:?}");
}

#[track_caller]
fn passes(path: &str, text: &str) {
    let found = findings(path, text);
    assert!(found.is_empty(), "{path} should pass:\n{text}\nfound: {found}");
}

#[test]
fn a_context_names_no_other_context() {
    let text = "use promotions_context::domain::Voucher;";
    refused("orders-context/src/boot.rs", text, "consume its events");
    refused("orders-context/src/boot.rs", "#[cfg(test)]\nuse promotions_context::X;", "events");
    let manifest = "[dependencies]\npromotions-context.workspace = true\n";
    let manifests = vec![Manifest::parse("orders-context", manifest)];
    let found = layers::manifests(&Workspace { sources: Vec::new(), manifests });
    assert!(report(&found).contains("orders-context/Cargo.toml:1: depends on promotions-context"));
}

#[test]
fn brokers_are_set_alike() {
    let local = "broker.session.timeout.ms=4000\nnode.id=$node\nlisteners=PLAINTEXT://:9092\n";
    let container = "  KAFKA_BROKER_SESSION_TIMEOUT_MS: 2000\n  KAFKA_NODE_ID: 1\n  \
                     KAFKA_LISTENERS: INSIDE://:19092\n  KAFKA_LOG_DIRS: /data\n";
    let found = report(&brokers::compare(local, container));
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(found.contains("compose.yaml:1: broker.session.timeout.ms is 2000, and 4000"));
    assert!(report(&brokers::compare(local, &container.replace("2000", "\"4000\""))).is_empty());
}

#[test]
fn technical_crates_stay_behind_their_fences() {
    refused("orders-context/src/relay.rs", "use rdkafka::producer::X;", "chassis::kafka");
    refused("orders-context/src/app.rs", "fn f() { axum::serve() }", "answer HTTP in `http`");
    refused("orders-context/src/tasks.rs", "use rusqlite::Connection;", "into `store`");
    refused("chassis/src/kafka.rs", "use rusqlite::Connection;", "into `store`");
    refused("schemas/src/codec.rs", "use axum::Router;", "answer HTTP in `http`");
    let query = "const FIND: &str = \"SELECT * FROM orders\";";
    refused("orders-context/src/app/place.rs", query, "SQL lives in `store`");
    passes("orders-context/src/store/sqlite.rs", &format!("use rusqlite::Connection;\n{query}"));
    passes("orders-context/src/http/orders.rs", "use axum::Router;");
    passes("chassis/src/sqlite/open.rs", "use rusqlite::Connection;");
    refused("orders-context/src/app.rs", "use tokio_postgres::Row;", "into `store`");
    refused("chassis/src/sqlite.rs", "use tokio_postgres::Row;", "into `store`");
    refused("orders-context/src/store/x.rs", "use deadpool_postgres::Pool;", "chassis::postgres");
    passes("orders-context/src/store/postgres.rs", &format!("use tokio_postgres::Row;\n{query}"));
    passes("chassis/src/postgres/pool.rs", &format!("use deadpool_postgres::Pool;\n{query}"));
    passes("chassis/src/kafka/relay.rs", "use rdkafka::producer::BaseProducer;");
}

#[test]
fn chassis_and_schemas_are_strangers() {
    refused("chassis/src/kafka.rs", "use schemas::Topic;", "hand it bytes");
    refused("schemas/src/registry.rs", "use chassis::backoff::Backoff;", "the contract alone");
    for (package, other) in [("chassis", "schemas"), ("schemas", "chassis")] {
        let manifest = Manifest::parse(package, &format!("[dependencies]\n{other} = \"0\"\n"));
        let workspace = Workspace { sources: Vec::new(), manifests: vec![manifest] };
        assert_eq!(layers::manifests(&workspace).len(), 1);
    }
}

#[test]
fn the_domain_stays_pure() {
    let path = "orders-context/src/domain/order.rs";
    refused(path, "use uuid::Uuid;", "as an argument");
    refused(path, "fn f() -> u64 { chassis::clock::now() }", "as an argument");
    refused(path, "use std::fs::File;", "as an argument");
    refused(path, "use std::time::{Duration, SystemTime};", "as an argument");
    refused(path, "use crate::app::App;", "`domain` knows no other layer");
    refused(path, "use super::super::store::Row;", "`domain` knows no other layer");
    passes(path, "use std::{collections::BTreeMap, time::Duration};\nuse serde::Serialize;");
    passes(path, "#[cfg(test)]\nmod tests { use uuid::Uuid; }");
    let projection = "analytics-context/src/projection/columns.rs";
    refused(projection, "use crate::lake::Table;", "`projection` knows no other layer");
    refused(projection, "use chassis::clock::Clock;", "`projection` is pure");
    passes(projection, "use arrow::datatypes::Schema;");
}

#[test]
fn layers_look_one_way() {
    refused(
        "orders-context/src/http/place.rs",
        "use crate::store::Store;",
        "`http` may name `app`",
    );
    refused("orders-context/src/store.rs", "use crate::app::App;", "`store` may name `domain`");
    refused("orders-context/src/tasks.rs", "use crate::{http::Api, app};", "`tasks` may name");
    refused("orders-context/src/app.rs", "use crate::store::sqlite::Db;", "the trait in `store`");
    refused("orders-context/src/http.rs", "use crate::boot;\nfn f() { boot::run() }", "`boot` is");
    passes("orders-context/src/app.rs", "use crate::{domain::Order, store::Store};");
    passes("orders-context/src/boot.rs", "use crate::{http, store::sqlite::Sqlite, tasks};");
}

#[test]
fn pages_stay_small_and_say_what_they_are_for() {
    let path = "orders-context/src/app.rs";
    refused(path, &"// A line.\n".repeat(500), "split it");
    refused(path, &format!("fn f() {{\n{}}}", "    g();\n".repeat(71)), "fit a screen");
    passes(path, &format!("fn f() {{\n{}}}", "    g();\n".repeat(70)));
    refused("orders-context/src/app/mod.rs", "", "name it after its folder");
    refused("chassis/src/utils.rs", "", "what it does");
    let bare = vec![Source::new(path, "use std::fmt;\n")];
    let found = pages::all(&Workspace { sources: bare, manifests: Vec::new() });
    assert!(report(&found).contains("begin with `//!`"));
}

#[test]
fn words_are_the_projects_own() {
    let path = "orders-context/src/app.rs";
    refused(path, &["// TO", "DO: later"].concat(), "finish it");
    refused(path, &["#[ign", "ore]"].concat(), "proves nothing");
    refused(path, "// The outbox table.", "\"journal\"");
    refused("chassis/src/kafka.rs", "// Each voucher.", "chassis knows no business");
    passes("chassis/src/kafka.rs", "// In order of arrival.");
}

#[test]
fn a_route_without_a_policy_is_refused() {
    let path = "orders-context/src/http.rs";
    let open = |route: &str| format!("fn f(r: Router) {{ r.route(\n{route}, get(show)) }}");
    refused(path, &open("\"/v1/secrets\""), "whose guard asks for a token");
    refused(path, &open("SECRETS"), "whose guard asks for a token");
    refused("promotions-context/src/boot.rs", "fn f(r: Router) { r.nest(\"/x\", y) }", "guard");
    passes(path, &open("\"/openapi.json\""));
    passes(path, "fn f(r: Routes) { r.route(&policy::LOOK, routes!(show)) }");
    passes("orders-context/src/http/tests.rs", &open("\"/v1/secrets\""));
}
