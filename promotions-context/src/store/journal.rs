//! The journal: what happened to vouchers and what was set aside, in commit order, for the relay.

use rusqlite::types::Type;
use rusqlite::{Row, named_params, params};

use super::dead_letters::{StoredDeadLetter, read_dead_letter};
use super::{Error, Reader, Tx};
use crate::domain::VoucherIssued;

/// From so many bytes of dead letters on, a page of the journal ends. Facts are small and do not count.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// A fact about one voucher, with where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Unique for good; consumers remember it.
    pub event_id: String,
    /// Counts the events of this voucher from 1, without gaps.
    pub sequence: i64,
    /// When it happened.
    pub occurred_at_us: i64,
    /// The id of the event of others that caused it.
    pub causation_id: String,
    /// What all events of the same story share.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: String,
    /// What happened.
    pub issued: VoucherIssued,
}

/// One row of the journal.
#[derive(Clone, Debug)]
pub enum JournalRow {
    /// A fact about a voucher.
    VoucherEvent(StoredEvent),
    /// A record of others that was set aside.
    DeadLetter(StoredDeadLetter),
}

/// Appends a voucher's event at the end of the journal.
///
/// # Errors
/// The database refuses, among others because the voucher has an event of this sequence.
pub fn append_event(tx: &Tx<'_>, event: &StoredEvent) -> Result<(), Error> {
    let data = serde_json::to_string(&event.issued)
        .map_err(|cause| Error::ToSqlConversionFailure(cause.into()))?;
    tx.prepare_cached("INSERT INTO journal (kind) VALUES ('voucher_event')")?.execute([])?;
    tx.prepare_cached(
        "INSERT INTO voucher_event (position, event_id, voucher_id, sequence, event_type,
             occurred_at_us, causation_id, correlation_id, traceparent, data)
         VALUES (last_insert_rowid(), :event_id, :voucher_id, :sequence, :event_type,
             :occurred_at_us, :causation_id, :correlation_id, :traceparent, :data)",
    )?
    .execute(named_params! {
        ":event_id": event.event_id,
        ":voucher_id": event.issued.voucher_id,
        ":sequence": event.sequence,
        ":event_type": VoucherIssued::EVENT_TYPE,
        ":occurred_at_us": event.occurred_at_us,
        ":causation_id": event.causation_id,
        ":correlation_id": event.correlation_id,
        ":traceparent": event.traceparent,
        ":data": data,
    })?;
    Ok(())
}

/// Rows behind `position`, each with its position, ascending: at most `limit`, and none after those whose dead
/// letters come to eight megabytes. So there may be more although there are fewer than `limit`; there are no more
/// when there is none.
///
/// # Errors
/// The database refuses, or a row is damaged.
pub fn read_journal_after(
    reader: &Reader,
    position: i64,
    limit: u32,
) -> Result<Vec<(i64, JournalRow)>, Error> {
    let mut statement = reader.0.prepare_cached(
        "SELECT journal.position AS position, kind,
             event_id, sequence, occurred_at_us, causation_id, correlation_id, traceparent, data,
             topic, partition, record_offset, timestamp_ms, origin_key, payload, headers, class,
             cause, attempts, first_failed_at_us
         FROM journal LEFT JOIN voucher_event USING (position) LEFT JOIN dead_letter USING (position)
         WHERE journal.position > ?1 ORDER BY journal.position LIMIT ?2",
    )?;
    let mut found = statement.query(params![position, limit])?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES
        && let Some(row) = found.next()?
    {
        let (position, read) = read_row(row)?;
        if let JournalRow::DeadLetter(letter) = &read {
            bytes += letter.bytes();
        }
        rows.push((position, read));
    }
    Ok(rows)
}

fn read_row(row: &Row<'_>) -> Result<(i64, JournalRow), Error> {
    let read = match row.get_ref("kind")?.as_str()? {
        "dead_letter" => JournalRow::DeadLetter(read_dead_letter(row)?),
        _ => JournalRow::VoucherEvent(read_event(row)?),
    };
    Ok((row.get("position")?, read))
}

fn read_event(row: &Row<'_>) -> Result<StoredEvent, Error> {
    let issued = serde_json::from_str(row.get_ref("data")?.as_str()?)
        .map_err(|cause| Error::FromSqlConversionFailure(0, Type::Text, cause.into()))?;
    Ok(StoredEvent {
        event_id: row.get("event_id")?,
        sequence: row.get("sequence")?,
        occurred_at_us: row.get("occurred_at_us")?,
        causation_id: row.get("causation_id")?,
        correlation_id: row.get("correlation_id")?,
        traceparent: row.get("traceparent")?,
        issued,
    })
}

/// The position of the newest row, 0 when there is none.
///
/// # Errors
/// The database refuses.
pub fn newest_position(reader: &Reader) -> Result<i64, Error> {
    reader
        .0
        .prepare_cached("SELECT coalesce(max(position), 0) FROM journal")?
        .query_row([], |row| row.get(0))
}
