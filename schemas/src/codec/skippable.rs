//! A writer's schema made ready for a reader that does not know all of it.
//!
//! apache-avro 0.22 reads straight into a type, but fails on a nested record that the type does not have:
//! it offers the record as a map, whose keys cannot be ignored. A record marked as a tuple is offered as a
//! sequence instead, which can. The mark only counts where the type does not ask for a record, and the bytes
//! of a record and of a tuple are the same, so every record gets it.

use serde_json::{Value, json};

use super::{SchemaError, cause};

const TUPLE: &str = "org.apache.avro.rust.tuple";

/// The same schema, with every record marked so that it can be skipped.
pub(super) fn skippable(schema_json: &str) -> Result<String, SchemaError> {
    let mut schema = serde_json::from_str(schema_json)
        .map_err(|error| SchemaError::NotASchema(cause(&error)))?;
    mark(&mut schema);
    Ok(schema.to_string())
}

fn mark(schema: &mut Value) {
    match schema {
        Value::Array(union) => union.iter_mut().for_each(mark),
        Value::Object(definition) => {
            for key in ["type", "items", "values"] {
                if let Some(inner) = definition.get_mut(key) {
                    mark(inner);
                }
            }
            let Some(Value::Array(fields)) = definition.get_mut("fields") else { return };
            fields.iter_mut().for_each(mark);
            if fields.len() == 1 {
                // A tuple of one is read as its only element, for ever and ever when that is the
                // record itself. A null has no bytes.
                fields.push(json!({ "name": "_", "type": "null" }));
            }
            definition.insert(TUPLE.to_owned(), Value::Bool(true));
        }
        _ => {}
    }
}
