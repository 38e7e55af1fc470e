//! Rows as values: one place that knows the columns.

use crate::domain::{FlowVersion, Status, Timestamp};
use crate::store::{JournalRow, Task, TaskState};
use rusqlite::Row;
use rusqlite::types::Type;

/// The columns of [`journal_row`], in its order.
pub const JOURNAL: &str = "position, event_id, order_id, sequence, occurred_at, status, actor, data, \
    restaurant_id, customer_id, total_minor, currency, traceparent, causation_id, flow_version";

/// The columns of [`task`], in its order.
pub const TASK: &str = "order_id, sequence, kind, state, attempts, next_attempt_at, give_up_at, \
    last_error, event_id, traceparent";

pub fn journal_row(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        position: row.get(0)?,
        event_id: row.get(1)?,
        order_id: row.get(2)?,
        sequence: row.get(3)?,
        occurred_at: Timestamp(row.get(4)?),
        status: word(row, 5, Status::from_word)?,
        actor: row.get(6)?,
        event: json(row, 7)?,
        flow_version: flow_version(row, 14)?,
        restaurant_id: row.get(8)?,
        customer_id: row.get(9)?,
        total_minor: row.get(10)?,
        currency: row.get(11)?,
        traceparent: row.get(12)?,
        causation_id: row.get(13)?,
    })
}

pub fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        order_id: row.get(0)?,
        sequence: row.get(1)?,
        kind: json(row, 2)?,
        state: word(row, 3, TaskState::from_word)?,
        attempts: row.get(4)?,
        next_attempt_at: Timestamp(row.get(5)?),
        give_up_at: Timestamp(row.get(6)?),
        last_error: row.get(7)?,
        event_id: row.get(8)?,
        traceparent: row.get(9)?,
    })
}

/// A column that older rows have nothing in.
fn flow_version(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<FlowVersion>> {
    let number: Option<i32> = row.get(at)?;
    let unknown =
        |what: String| rusqlite::Error::FromSqlConversionFailure(at, Type::Integer, what.into());
    number.map(|number| FlowVersion::try_from(number).map_err(unknown)).transpose()
}

/// A column of JSON.
pub fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(e)))
}

/// A column of one of our words.
pub fn word<T>(row: &Row<'_>, at: usize, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    let unknown = || format!("unknown word {text:?}").into();
    parse(text).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, unknown()))
}
