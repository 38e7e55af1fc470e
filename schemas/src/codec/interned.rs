//! Parsed schemas, each once for the whole life of the process.
//!
//! apache-avro's readers and writers borrow their schema. There are as many schemas as versions were
//! shipped, so they are kept for ever and the readers and writers can live anywhere.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use apache_avro::Schema;

use super::{SchemaError, cause};

static SCHEMAS: LazyLock<Mutex<HashMap<String, &'static Schema>>> = LazyLock::new(Mutex::default);

/// The parsed schema of this text.
pub(super) fn schema(json: &str) -> Result<&'static Schema, SchemaError> {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(schema) = schemas.get(json) {
        return Ok(schema);
    }
    let schema = Schema::parse_str(json).map_err(|error| SchemaError::NotASchema(cause(&error)))?;
    let schema: &'static Schema = Box::leak(Box::new(schema));
    schemas.insert(json.to_owned(), schema);
    Ok(schema)
}
