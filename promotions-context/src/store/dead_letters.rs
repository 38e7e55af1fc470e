//! Records of others that were set aside, with their bytes and the cause.

use chassis::kafka::Incoming;
use rusqlite::types::Type;
use rusqlite::{Row, named_params, params};

use super::{Error, Tx};

/// What stands for the time of a record that has none.
const NO_TIME: i64 = 0;

/// A record that was set aside.
#[derive(Clone, Debug)]
pub struct StoredDeadLetter {
    /// The record as it came.
    pub origin: Incoming,
    /// A stable word for the kind of failure.
    pub class: String,
    /// What went wrong, for people; never a part of the record.
    pub cause: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed for the first time.
    pub first_failed_at_us: i64,
}

impl StoredDeadLetter {
    /// How many bytes the record has: its key, its value and its headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        let headers = self.origin.headers.iter().map(|(name, value)| name.len() + value.len());
        length(&self.origin.key) + length(&self.origin.payload) + headers.sum::<usize>()
    }
}

/// Sets a record aside: a row of the journal, to be published in its place. One that was set aside before, when
/// everything is read again, stays as it is. Whether it is new.
///
/// # Errors
/// The database refuses, among others because another record was set aside in this one's place.
pub fn append_dead_letter(tx: &Tx<'_>, letter: &StoredDeadLetter) -> Result<bool, Error> {
    let origin = &letter.origin;
    let timestamp_ms = origin.timestamp_ms.unwrap_or(NO_TIME);
    let is_known = tx
        .prepare_cached(
            "SELECT 1 FROM dead_letter
             WHERE cluster_id = coalesce((SELECT cluster_id FROM inbox_cluster), '')
                 AND topic = ?1 AND partition = ?2 AND record_offset = ?3 AND timestamp_ms = ?4
                 AND origin_key IS ?5 AND payload IS ?6",
        )?
        .exists(params![
            &*origin.topic,
            origin.partition,
            origin.offset,
            timestamp_ms,
            origin.key,
            origin.payload
        ])?;
    if is_known {
        return Ok(false);
    }
    let headers = serde_json::to_string(&origin.headers)
        .map_err(|cause| Error::ToSqlConversionFailure(cause.into()))?;
    tx.prepare_cached("INSERT INTO journal (kind) VALUES ('dead_letter')")?.execute([])?;
    tx.prepare_cached(
        "INSERT INTO dead_letter (position, cluster_id, topic, partition, record_offset, timestamp_ms,
             origin_key, payload, headers, class, cause, attempts, first_failed_at_us)
         VALUES (last_insert_rowid(), coalesce((SELECT cluster_id FROM inbox_cluster), ''), :topic,
             :partition, :record_offset, :timestamp_ms, :origin_key, :payload, :headers, :class,
             :cause, :attempts, :first_failed_at_us)",
    )?
    .execute(named_params! {
        ":topic": &*origin.topic,
        ":partition": origin.partition,
        ":record_offset": origin.offset,
        ":timestamp_ms": timestamp_ms,
        ":origin_key": origin.key,
        ":payload": origin.payload,
        ":headers": headers,
        ":class": letter.class,
        ":cause": letter.cause,
        ":attempts": letter.attempts,
        ":first_failed_at_us": letter.first_failed_at_us,
    })?;
    Ok(true)
}

/// Whether a record of this key was set aside before `origin`, which must then wait behind it. One of another cluster
/// holds up none of this: what is in this one's way will be met in it.
///
/// # Errors
/// The database refuses.
pub fn is_blocked(tx: &Tx<'_>, origin: &Incoming, key: &[u8]) -> Result<bool, Error> {
    tx.prepare_cached(
        "SELECT 1 FROM dead_letter
         WHERE cluster_id = coalesce((SELECT cluster_id FROM inbox_cluster), '')
             AND topic = ?1 AND origin_key = ?2 AND (partition <> ?3 OR record_offset < ?4) LIMIT 1",
    )?
    .exists(params![&*origin.topic, key, origin.partition, origin.offset])
}

/// Says that what was set aside before any cluster was known is of the cluster of this id.
///
/// # Errors
/// The database refuses.
pub fn assign_dead_letters(tx: &Tx<'_>, cluster_id: &str) -> Result<(), Error> {
    tx.prepare_cached("UPDATE dead_letter SET cluster_id = ?1 WHERE cluster_id = ''")?
        .execute([cluster_id])?;
    Ok(())
}

/// Reads a dead letter from a row that has the columns of its table.
pub(super) fn read_dead_letter(row: &Row<'_>) -> Result<StoredDeadLetter, Error> {
    let headers = serde_json::from_str(row.get_ref("headers")?.as_str()?)
        .map_err(|cause| Error::FromSqlConversionFailure(0, Type::Text, cause.into()))?;
    Ok(StoredDeadLetter {
        origin: Incoming {
            topic: row.get_ref("topic")?.as_str()?.into(),
            partition: row.get("partition")?,
            offset: row.get("record_offset")?,
            timestamp_ms: Some(row.get("timestamp_ms")?).filter(|at| *at != NO_TIME),
            key: row.get("origin_key")?,
            payload: row.get("payload")?,
            headers,
        },
        class: row.get("class")?,
        cause: row.get("cause")?,
        attempts: row.get("attempts")?,
        first_failed_at_us: row.get("first_failed_at_us")?,
    })
}
