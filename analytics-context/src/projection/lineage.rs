//! The columns that every table has beside those of its record: where a row came from.

use arrow::datatypes::{DataType, Field, TimeUnit};

/// The topic's name.
pub const TOPIC: &str = "_topic";
/// The partition within the topic.
pub const PARTITION: &str = "_partition";
/// The offset within the partition.
pub const OFFSET: &str = "_offset";
/// The record's time in Kafka, microseconds UTC; null when the record has none.
pub const TIMESTAMP: &str = "_timestamp";
/// The registry's id of the schema the record names; null when it is not framed.
pub const SCHEMA_ID: &str = "_schema_id";
/// The bytes of a record that could not be read; null otherwise.
pub const RAW: &str = "_raw";
/// Why a record could not be read; null when it could.
pub const ERROR: &str = "_error";
/// The day a row is filed under: of `occurred_at`, or of the record in Kafka. Tables are
/// partitioned by it.
pub const DATE: &str = "event_date";

/// All of them, in the order in which they follow the record's own columns.
pub const LINEAGE: [&str; 8] = [TOPIC, PARTITION, OFFSET, TIMESTAMP, SCHEMA_ID, RAW, ERROR, DATE];

/// The only type of time in a table.
pub fn micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The lineage as fields of a table.
pub fn fields() -> [Field; 8] {
    [
        Field::new(TOPIC, DataType::Utf8, true),
        Field::new(PARTITION, DataType::Int32, true),
        Field::new(OFFSET, DataType::Int64, true),
        Field::new(TIMESTAMP, micros(), true),
        Field::new(SCHEMA_ID, DataType::Int64, true),
        Field::new(RAW, DataType::Binary, true),
        Field::new(ERROR, DataType::Utf8, true),
        Field::new(DATE, DataType::Date32, true),
    ]
}
