//! The rules that every schema obeys so that every stock tool can read it and no person is in it.

use schemas::{Event, OrderEvent, VoucherEvent};
use serde_json::Value;

use crate::compatibility::subjects;

/// Parts of field names that speak of a person or a secret.
const PERSONAL: [&str; 7] = ["name", "email", "mail", "address", "phone", "note", "token"];

#[test]
fn every_schema_keeps_the_rules() {
    let mut broken = Vec::new();
    for subject in subjects() {
        for (version, text) in (1..).zip(subject.versions) {
            let schema: Value = serde_json::from_str(text).expect("JSON");
            let at = format!("{} version {version}", subject.name);
            judge_record(&schema, &at, &mut broken);
        }
    }
    assert!(broken.is_empty(), "fields to write differently:\n{}", broken.join("\n"));
}

fn judge_record(record: &Value, at: &str, broken: &mut Vec<String>) {
    if record["doc"].as_str().is_none_or(str::is_empty) {
        broken.push(format!("{at}: needs a `doc`"));
    }
    let fields = record["fields"].as_array().expect("a record has fields");
    if fields.is_empty() {
        broken
            .push(format!("{at}: needs a field; files of tables cannot hold a record of nothing"));
    }
    for field in fields {
        let name = field["name"].as_str().expect("a field has a name");
        let at = format!("{at}.{name}");
        if field["doc"].as_str().is_none_or(str::is_empty) {
            broken.push(format!("{at}: needs a `doc`"));
        }
        if name == "code" || name.split('_').any(|part| PERSONAL.contains(&part)) {
            broken.push(format!("{at}: persons and secrets are never published; publish an id"));
        }
        if name.contains(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')) {
            broken.push(format!("{at}: snake_case, please"));
        }
        if name.ends_with("_minor") && field["type"] != "long" {
            broken.push(format!("{at}: money is a `long` of minor units"));
        }
        judge_type(&field["type"], field.get("default"), &at, broken);
    }
}

fn judge_type(of: &Value, default: Option<&Value>, at: &str, broken: &mut Vec<String>) {
    match of {
        Value::String(plain) => {
            if !["string", "long", "int", "boolean"].contains(&plain.as_str()) {
                broken.push(format!("{at}: `{plain}` is not among string, long, int and boolean"));
            }
        }
        Value::Array(union) => match union.as_slice() {
            [null, of] if null == "null" => {
                if default != Some(&Value::Null) {
                    broken.push(format!("{at}: a nullable field needs `\"default\": null`"));
                }
                judge_type(of, None, at, broken);
            }
            _ => broken.push(format!("{at}: the only unions are [\"null\", T], null first")),
        },
        complex => match complex["type"].as_str() {
            Some("record") => judge_record(complex, at, broken),
            Some("array") => judge_type(&complex["items"], None, at, broken),
            Some("long") if complex["logicalType"] == "timestamp-micros" => {}
            _ => broken.push(format!(
                "{at}: only records, arrays and timestamp-micros; a word instead of an enum"
            )),
        },
    }
}

#[test]
fn the_rules_see_what_breaks_them() {
    let cases = [
        (
            r#"{"name": "kind", "doc": "d", "type": {"type": "enum", "name": "K", "symbols": []}}"#,
            "enum",
        ),
        (r#"{"name": "tip", "doc": "d", "type": ["long", "null"], "default": 0}"#, "null first"),
        (r#"{"name": "tip", "doc": "d", "type": ["null", "long"]}"#, "default"),
        (r#"{"name": "tip_minor", "doc": "d", "type": "int"}"#, "money"),
        (r#"{"name": "tip", "type": "long"}"#, "doc"),
        (r#"{"name": "weight", "doc": "d", "type": "double"}"#, "double"),
        (r#"{"name": "customer_name", "doc": "d", "type": "string"}"#, "persons"),
        (
            r#"{"name": "k", "doc": "d", "type": {"type": "record", "doc": "d", "fields": []}}"#,
            "needs a field",
        ),
        (r#"{"name": "code", "doc": "d", "type": "string"}"#, "secrets"),
    ];
    for (field, remedy) in cases {
        let record = format!(r#"{{"type": "record", "doc": "d", "fields": [{field}]}}"#);
        let mut broken = Vec::new();
        judge_record(&serde_json::from_str(&record).expect("JSON"), "record", &mut broken);
        assert!(matches!(&broken[..], [one] if one.contains(remedy)), "{field}: {broken:?}");
    }
}

/// The nullable columns of the latest version of `E`, in order.
fn blocks<E: Event>() -> Vec<String> {
    let schema: Value = serde_json::from_str(E::SUBJECT.latest()).expect("JSON");
    let fields = schema["fields"].as_array().expect("fields");
    let blocks = fields.iter().filter(|field| field["type"][1]["type"] == "record");
    blocks.map(|field| field["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn every_block_of_the_latest_version_is_a_fact_of_the_typed_event() {
    assert_eq!(blocks::<OrderEvent>(), OrderEvent::EVENT_TYPES);
    assert_eq!(blocks::<VoucherEvent>(), VoucherEvent::EVENT_TYPES);
}
