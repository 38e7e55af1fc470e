//! Sets aside the rows with times that a table cannot keep.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{Fields, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::conform;
use super::project::{FIRST_US, LAST_US, OCCURRED_AT};
use super::reader::Read;

/// The rows with their columns as a table keeps them. A time in milliseconds may be too far away to
/// be told in microseconds: such a row is set aside.
pub fn as_kept(read: Read, columns: &Fields) -> Read {
    let Some(rows) = &read.rows else { return read };
    let misfits = match conform_rows(rows, columns) {
        Ok(rows) => return Read { rows: Some(rows), ..read },
        Err(_) => (0..rows.num_rows()).map(|row| misfit(rows, columns, row)).collect(),
    };
    let read = without(read, misfits);
    let Some(rows) = &read.rows else { return read };
    match conform_rows(rows, columns) {
        Ok(rows) => Read { rows: Some(rows), ..read },
        Err(error) => Read::unreadable(read.outcome.len(), &error.to_string()),
    }
}

/// Sets aside the rows whose time no calendar of a reader can show: they have no day to be filed
/// under, and Parquet readers differ in what they make of them.
pub fn without_impossible_times(read: Read) -> Read {
    let Some(rows) = &read.rows else { return read };
    let times = rows
        .column_by_name(OCCURRED_AT)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let Some(times) = times else { return read };
    let cause = |row: usize| {
        let is_possible = times.is_null(row) || (FIRST_US..=LAST_US).contains(&times.value(row));
        (!is_possible).then(|| format!("`{OCCURRED_AT}` is not between the years 1 and 9999."))
    };
    let causes = (0..times.len()).map(cause).collect();
    without(read, causes)
}

fn conform_rows(rows: &RecordBatch, columns: &Fields) -> Result<RecordBatch, ArrowError> {
    let kept = columns.iter().zip(rows.columns());
    let kept = kept.map(|(field, column)| conform(column, field.data_type()));
    RecordBatch::try_new(Schema::new(columns.clone()).into(), kept.collect::<Result<_, _>>()?)
}

/// Why a row cannot be kept, if that is so.
fn misfit(rows: &RecordBatch, columns: &Fields, row: usize) -> Option<String> {
    // Taken and not sliced: a slice of lists still has the elements of all rows.
    let row = UInt64Array::from(vec![row as u64]);
    let misfit = columns.iter().zip(rows.columns()).find(|(field, column)| {
        take(column, &row, None).and_then(|value| conform(&value, field.data_type())).is_err()
    });
    misfit.map(|(field, _)| format!("`{}` holds a time that is too far away.", field.name()))
}

/// Without the rows that have a cause.
fn without(read: Read, causes: Vec<Option<String>>) -> Read {
    let Some(rows) = &read.rows else { return read };
    if causes.iter().all(Option::is_none) {
        return read;
    }
    let kept: BooleanArray = causes.iter().map(|cause| Some(cause.is_none())).collect();
    let mut next = 0;
    let outcome = read.outcome.into_iter().map(|outcome| match &causes[outcome?] {
        Some(cause) => Err(cause.clone()),
        None => {
            next += 1;
            Ok(next - 1)
        }
    });
    let outcome: Vec<_> = outcome.collect();
    match filter_record_batch(rows, &kept) {
        Ok(rows) => Read { rows: (rows.num_rows() > 0).then_some(rows), outcome },
        Err(error) => Read::unreadable(outcome.len(), &error.to_string()),
    }
}
