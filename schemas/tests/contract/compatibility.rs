//! Every shipped version of a subject can read every other, and the check that says so sees the changes
//! that would break it.

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use schemas::{Subject, topics};
use serde_json::{Value, json};

/// Every subject of every topic.
pub fn subjects() -> impl Iterator<Item = Subject> {
    topics::ALL.iter().filter_map(|topic| topic.subject)
}

/// Says why two versions cannot live together: by Avro's rules, then by ours, which are stricter. Avro's let
/// a `timestamp-micros` become a `timestamp-millis`, and every reader would be wrong by a factor of 1,000.
fn judge(earlier: &str, later: &str) -> Result<(), String> {
    let parse = |text| Schema::parse_str(text).expect("an Avro schema");
    match SchemaCompatibility::mutual_read(&parse(earlier), &parse(later)) {
        Ok(Compatibility::Full) => {}
        Ok(Compatibility::Partial) => return Err("a union has lost or gained a member".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    let json = |text| serde_json::from_str::<Value>(text).expect("JSON");
    keeps(&json(earlier), &json(later), "")
}

/// Whether `later` says all that `earlier` said, words for people aside; arrays of fields may grow.
fn keeps(earlier: &Value, later: &Value, at: &str) -> Result<(), String> {
    match (earlier, later) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before.iter().filter(|(key, _)| *key != "doc") {
                keeps(value, after.get(key).unwrap_or(&Value::Null), &format!("{at}/{key}"))?;
            }
            Ok(())
        }
        (Value::Array(before), Value::Array(after)) => {
            for (index, value) in before.iter().enumerate() {
                let at = format!("{at}/{}", value["name"].as_str().unwrap_or("?"));
                let same = after.iter().find(|other| {
                    other["name"] == value["name"] && other.is_object() == value.is_object()
                });
                keeps(value, same.or(after.get(index)).unwrap_or(&Value::Null), &at)?;
            }
            Ok(())
        }
        _ if earlier == later => Ok(()),
        _ => Err(format!("{at} was {earlier} and is now {later}")),
    }
}

#[test]
fn every_version_can_read_every_other() {
    for Subject { name, versions } in subjects() {
        for (later, text) in versions.iter().enumerate() {
            for (earlier, before) in versions[..later].iter().enumerate() {
                let verdict = judge(before, text);
                assert!(
                    verdict.is_ok(),
                    "{name}: versions {} and {} cannot read each other ({verdict:?}). A new version \
                     may only add nullable fields with null first and default null; anything else \
                     is a new topic with the next major number.",
                    earlier + 1,
                    later + 1,
                );
            }
        }
    }
}

fn changed(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut schema: Value = serde_json::from_str(topics::ORDER_EVENTS_VERSIONS[0]).expect("JSON");
    change(schema["fields"].as_array_mut().expect("fields"));
    schema.to_string()
}

#[test]
fn a_nullable_block_may_be_added() {
    let added = changed(|fields| {
        let block = json!({ "type": "record", "name": "OrderWeighed", "fields": [
            { "name": "grams", "type": "int" }] });
        fields.push(json!({ "name": "order_weighed", "type": ["null", block], "default": null }));
    });
    assert_eq!(judge(topics::ORDER_EVENTS_VERSIONS[0], &added), Ok(()));
}

#[test]
fn a_column_may_not_be_added_without_default_nor_removed_nor_changed() {
    let changes = [
        ("added", changed(|fields| fields.push(json!({ "name": "weight", "type": "int" })))),
        ("removed", changed(|fields| drop(fields.remove(5)))),
        ("renamed", changed(|fields| fields[5]["name"] = "state".into())),
        ("another type", changed(|fields| fields[8]["type"] = "string".into())),
        ("another unit", changed(|f| f[4]["type"]["logicalType"] = "timestamp-millis".into())),
        ("no unit at all", changed(|fields| fields[4]["type"] = "long".into())),
    ];
    for (change, schema) in changes {
        assert!(judge(topics::ORDER_EVENTS_VERSIONS[0], &schema).is_err(), "{change}");
    }
}

#[test]
fn a_field_of_a_block_may_not_be_removed() {
    let removed = changed(|fields| {
        let placed = fields.iter_mut().find(|field| field["name"] == "order_placed");
        let fields = &mut placed.expect("the block")["type"][1]["fields"];
        fields.as_array_mut().expect("its fields").pop();
    });
    assert!(judge(topics::ORDER_EVENTS_VERSIONS[0], &removed).is_err());
}
