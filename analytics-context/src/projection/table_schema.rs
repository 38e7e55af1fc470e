//! The columns of a table: those of the topic's record, every one nullable, then the lineage.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::lineage;
use super::reader::RecordReader;

/// Why a record cannot be a table.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The Avro schema is none, or not of a record.
    #[error("the Avro schema cannot be read: {0}")]
    Unreadable(String),
    /// A column has a type that tables do not have.
    #[error("column `{column}` has type {found}, which the lake does not keep; use {instead}")]
    Type {
        /// Dotted path of the column.
        column: String,
        /// What it is.
        found: String,
        /// What it may be.
        instead: &'static str,
    },
    /// A column is one thing in the table and another in the record.
    #[error("column `{column}` is {table} in the table and {record} in the record")]
    Conflict {
        /// Dotted path of the column.
        column: String,
        /// Its type in the table.
        table: String,
        /// Its type in the record.
        record: String,
    },
    /// The record would write a column of the lineage.
    #[error("column `{0}` belongs to the lineage; a record cannot have it")]
    Reserved(String),
    /// A column is a record of nothing, for which files have no columns.
    #[error("column `{0}` is a record without fields, which files cannot hold; give it one")]
    Empty(String),
    /// Two columns are one and the same to readers.
    #[error("columns `{first}` and `{second}` differ in nothing but capitals")]
    Twins {
        /// Dotted path of the one that was there before.
        first: String,
        /// Dotted path of the other.
        second: String,
    },
}

/// What a table looks like, and the one record it is for.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// Full name of the Avro record.
    pub record: String,
    /// All columns.
    pub columns: SchemaRef,
}

impl TableSchema {
    /// The table for records of an Avro schema.
    ///
    /// # Errors
    /// When the schema is not of a record, or has a type that tables do not have.
    pub fn of_record(avro: &str) -> Result<Self, SchemaError> {
        let reader = RecordReader::new(0, avro)?;
        let lineage = lineage::fields().map(Arc::new);
        let columns = reader.columns().iter().cloned().chain(lineage);
        Ok(Self {
            record: reader.record().to_owned(),
            columns: Arc::new(Schema::new(columns.collect::<Vec<_>>())),
        })
    }
}

/// The table's columns and whatever the record has beyond them; `None` when it has nothing new.
/// New columns of the record stand before the lineage.
///
/// # Errors
/// When a column exists in both and is not the same, or is not the same but for capitals.
pub fn widened(table: &SchemaRef, record: &Fields) -> Result<Option<SchemaRef>, SchemaError> {
    let merged = merge(table.fields(), record, "")?;
    if merged == *table.fields() {
        return Ok(None);
    }
    let is_lineage = |field: &Arc<Field>| lineage::LINEAGE.contains(&field.name().as_str());
    let (last, first): (Vec<_>, Vec<_>) = merged.iter().cloned().partition(is_lineage);
    Ok(Some(Arc::new(Schema::new([first, last].concat()))))
}

fn merge(table: &Fields, record: &Fields, path: &str) -> Result<Fields, SchemaError> {
    let mut merged: Vec<Arc<Field>> = table.iter().cloned().collect();
    for new in record {
        let column = format!("{path}{}", new.name());
        match merged.iter_mut().find(|known| known.name() == new.name()) {
            None => {
                no_twin(&merged, new.name(), path)?;
                merged.push(Arc::clone(new));
            }
            Some(known) => {
                let both = merge_type(known.data_type(), new.data_type(), &column)?;
                if both != *known.data_type() {
                    *known = Arc::new(known.as_ref().clone().with_data_type(both));
                }
            }
        }
    }
    Ok(merged.into())
}

/// Names of columns are the same to Delta and to SQL whatever their capitals.
fn no_twin(fields: &[Arc<Field>], name: &str, path: &str) -> Result<(), SchemaError> {
    match fields.iter().find(|field| is_same(field.name(), name)) {
        Some(twin) => Err(SchemaError::Twins {
            first: format!("{path}{}", twin.name()),
            second: format!("{path}{name}"),
        }),
        None => Ok(()),
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn merge_type(table: &DataType, record: &DataType, path: &str) -> Result<DataType, SchemaError> {
    match (table, record) {
        (DataType::Struct(known), DataType::Struct(new)) => {
            Ok(DataType::Struct(merge(known, new, &format!("{path}."))?))
        }
        (DataType::List(known), DataType::List(new)) => {
            let element = merge_type(known.data_type(), new.data_type(), path)?;
            Ok(DataType::List(Arc::new(known.as_ref().clone().with_data_type(element))))
        }
        (known, new) if known == new => Ok(known.clone()),
        (known, new) => Err(SchemaError::Conflict {
            column: path.to_owned(),
            table: known.to_string(),
            record: new.to_string(),
        }),
    }
}

/// The fields of a record as a table keeps them: nullable at every level, times in microseconds
/// UTC, the elements of arrays called `element`.
pub fn kept_fields(fields: &Fields, path: &str) -> Result<Fields, SchemaError> {
    let kept = fields.iter().enumerate().map(|(index, field)| {
        let column = format!("{path}{}", field.name());
        if lineage::LINEAGE.iter().any(|reserved| is_same(reserved, &column)) {
            return Err(SchemaError::Reserved(column));
        }
        no_twin(&fields[..index], field.name(), path)?;
        Ok(Field::new(field.name(), kept_type(field.data_type(), &column)?, true))
    });
    kept.collect::<Result<Vec<_>, _>>().map(Fields::from)
}

fn kept_type(found: &DataType, path: &str) -> Result<DataType, SchemaError> {
    match found {
        DataType::Boolean
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32 => Ok(found.clone()),
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Millisecond, Some(_)) => {
            Ok(lineage::micros())
        }
        DataType::Struct(fields) if fields.is_empty() => Err(SchemaError::Empty(path.to_owned())),
        DataType::Struct(fields) => Ok(DataType::Struct(kept_fields(fields, &format!("{path}."))?)),
        DataType::List(element) => {
            let kept = kept_type(element.data_type(), &format!("{path}[]"))?;
            Ok(DataType::List(Arc::new(Field::new("element", kept, true))))
        }
        other => Err(SchemaError::Type {
            column: path.to_owned(),
            found: other.to_string(),
            instead: "text, numbers, timestamp-micros, bytes, records, arrays or null",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::samples;

    fn names(schema: &SchemaRef) -> Vec<&str> {
        schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn a_table_is_the_record_column_for_column_then_the_lineage() {
        let table = TableSchema::of_record(samples::ORDER_V1).unwrap();
        assert_eq!(table.record, "test.Order");
        assert_eq!(names(&table.columns)[..4], ["event_id", "event_type", "order_id", "sequence"]);
        assert!(names(&table.columns).ends_with(&lineage::LINEAGE));
        assert!(table.columns.fields().iter().all(|field| field.is_nullable()));
    }

    #[test]
    fn a_new_block_and_a_new_field_of_a_block_widen_the_table() {
        let table = TableSchema::of_record(samples::ORDER_V1).unwrap().columns;
        let newer = RecordReader::new(2, samples::ORDER_V2).unwrap();
        let wider = widened(&table, newer.columns()).unwrap().expect("two new columns");
        assert!(wider.field_with_name("order_rated").is_ok());
        assert!(names(&wider).ends_with(&lineage::LINEAGE));
        let DataType::Struct(placed) = wider.field_with_name("placed").unwrap().data_type() else {
            panic!("a block is a struct");
        };
        assert!(placed.find("channel").is_some());
        assert!(widened(&wider, newer.columns()).unwrap().is_none(), "nothing is new any more");
    }

    #[test]
    fn a_column_that_changes_its_type_is_refused() {
        let table = TableSchema::of_record(samples::ORDER_V1).unwrap().columns;
        let odd = RecordReader::new(3, &samples::ORDER_V1.replace("\"long\"", "\"string\""));
        let error = widened(&table, odd.unwrap().columns()).unwrap_err();
        assert!(error.to_string().contains("sequence"), "{error}");
    }

    #[test]
    fn what_tables_do_not_keep_is_named() {
        for (avro, cause) in [
            (
                r#"{"type":"record","name":"A","fields":[{"name":"a","type":["int","string"]}]}"#,
                "`a`",
            ),
            (r#"{"type":"record","name":"A","fields":[{"name":"_raw","type":"bytes"}]}"#, "`_raw`"),
            (
                r#"{"type":"record","name":"A","fields":[{"name":"_RAW","type":"bytes"}]}"#,
                "lineage",
            ),
            (r#"{"type":"record","name":"A","fields":[]}"#, "no fields"),
            (r#""string""#, "cannot be read"),
            ("no schema", "cannot be read"),
        ] {
            let error = TableSchema::of_record(avro).unwrap_err().to_string();
            assert!(error.contains(cause), "{error}");
        }
    }
}
