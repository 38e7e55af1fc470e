//! `analytics rows --order ID`: what the lake knows of an order.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use chassis::clock::rfc3339;
use serde::Serialize;

use crate::boot::TOPICS;
use crate::lake::{Lake, columns_of_files, table_name};
use crate::projection::{OFFSET, PARTITION};

/// One row, as much of it as tells where it is and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The table.
    pub table: String,
    /// The topic the record was read from.
    pub topic: &'static str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// What happened.
    pub event_type: Option<String>,
    /// When, RFC 3339 in UTC.
    pub occurred_at: Option<String>,
    /// Its place in the history of its aggregate.
    pub sequence: Option<i64>,
    /// The order's status or the voucher's state after it.
    pub status: Option<String>,
    /// The voucher, for events of vouchers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voucher_id: Option<String>,
}

const COLUMNS: [&str; 9] = [
    PARTITION,
    OFFSET,
    "order_id",
    "event_type",
    "occurred_at",
    "sequence",
    "status",
    "state",
    "voucher_id",
];

/// Every row about the order, of all tables, by time and sequence.
///
/// # Errors
/// When the lake cannot be read. A table that does not exist has no rows.
pub async fn rows_of_order(lake: &Lake, order_id: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for topic in TOPICS {
        let mut table = lake.delta(topic.name)?;
        if !table.verify_deltatable_existence().await? {
            continue;
        }
        table.load().await?;
        let collect = |batch: RecordBatch| {
            rows.extend(matching(topic.name, &batch, order_id));
            Ok(())
        };
        columns_of_files(&table, &COLUMNS, collect).await?;
    }
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.occurred_at.clone(), row.topic, row.sequence);
        key(a).cmp(&key(b))
    });
    Ok(rows)
}

fn matching(topic: &'static str, batch: &RecordBatch, order_id: &str) -> Vec<Row> {
    let text = |name: &str, row: usize| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let long = |name: &str, row: usize| {
        let column: &ArrayRef = batch.column_by_name(name)?;
        let column = column.as_primitive_opt::<Int64Type>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let partition = |row: usize| {
        let column = batch.column_by_name(PARTITION)?.as_primitive_opt::<Int32Type>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |row: usize| {
        let column = batch.column_by_name("occurred_at")?;
        let column = column.as_primitive_opt::<TimestampMicrosecondType>()?;
        column.is_valid(row).then(|| rfc3339(column.value(row)))
    };
    let is_of_order = |row: &usize| text("order_id", *row).as_deref() == Some(order_id);
    (0..batch.num_rows())
        .filter(is_of_order)
        .map(|row| Row {
            table: table_name(topic),
            topic,
            partition: partition(row).unwrap_or(-1),
            offset: long(OFFSET, row).unwrap_or(-1),
            event_type: text("event_type", row),
            occurred_at: time(row),
            sequence: long("sequence", row),
            status: text("status", row).or_else(|| text("state", row)),
            voucher_id: text("voucher_id", row),
        })
        .collect()
}

/// The rows as a table for people.
pub fn show(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<30} {:>9} {:>8} {:>4} {:<24} {:<12} {}\n",
        "table", "partition", "offset", "seq", "event", "status", "occurred at"
    );
    for row in rows {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        text += &format!(
            "{:<30} {:>9} {:>8} {:>4} {:<24} {:<12} {}\n",
            row.table,
            row.partition,
            row.offset,
            row.sequence.unwrap_or_default(),
            or_dash(&row.event_type),
            or_dash(&row.status),
            or_dash(&row.occurred_at),
        );
    }
    text
}
