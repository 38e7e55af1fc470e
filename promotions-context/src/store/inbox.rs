//! The inbox: how far each partition was taken, and which events have had their effect.
//!
//! Positions alone make each *record* count once. Event ids catch the same *event* in two records,
//! as when a topic is rebuilt from its journal. Only events that had an effect are remembered,
//! since repeating any other changes nothing: one row for each completed order, not one for each
//! event, and unlike the highest sequence of each order it stays right when events of an order
//! are repeated out of order.

use chassis::kafka::consumer::Position;
use rusqlite::{OptionalExtension, params};

use super::{Error, Tx, Writer};

/// How far every partition was taken. Partitions never taken from are not named.
///
/// # Errors
/// The database refuses.
pub fn read_positions(writer: &Writer) -> Result<Vec<Position>, Error> {
    writer
        .0
        .prepare_cached("SELECT topic, partition, next_offset FROM inbox_position ORDER BY 1, 2")?
        .query_map([], |row| {
            Ok(Position { topic: row.get(0)?, partition: row.get(1)?, offset: row.get(2)? })
        })?
        .collect()
}

/// Whether any partition was ever taken from.
///
/// # Errors
/// The database refuses.
pub fn has_positions(tx: &Tx<'_>) -> Result<bool, Error> {
    tx.prepare_cached("SELECT 1 FROM inbox_position LIMIT 1")?.exists([])
}

/// The id of the Kafka cluster that the positions are of, once it is known.
///
/// # Errors
/// The database refuses.
pub fn read_cluster(tx: &Tx<'_>) -> Result<Option<String>, Error> {
    tx.prepare_cached("SELECT cluster_id FROM inbox_cluster")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Keeps the id of the cluster that positions are of from now on.
///
/// # Errors
/// The database refuses.
pub fn keep_cluster(tx: &Tx<'_>, cluster_id: &str) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO inbox_cluster (only_row, cluster_id) VALUES (1, ?1)
         ON CONFLICT DO UPDATE SET cluster_id = excluded.cluster_id",
    )?
    .execute([cluster_id])?;
    Ok(())
}

/// Moves a partition's position from `from` to `to`. False, and nothing moved, if it does not
/// stand at `from`. A partition never taken from may begin anywhere.
///
/// # Errors
/// The database refuses.
pub fn advance_position(
    tx: &Tx<'_>,
    topic: &str,
    partition: i32,
    from: i64,
    to: i64,
) -> Result<bool, Error> {
    let moved = tx
        .prepare_cached(
            "INSERT INTO inbox_position (topic, partition, next_offset) VALUES (?1, ?2, ?4)
             ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
             WHERE next_offset = ?3",
        )?
        .execute(params![topic, partition, from, to])?;
    Ok(moved == 1)
}

/// Remembers an event. False if it was remembered before.
///
/// # Errors
/// The database refuses.
pub fn remember_event(tx: &Tx<'_>, event_id: &str, now_us: i64) -> Result<bool, Error> {
    let added = tx
        .prepare_cached(
            "INSERT INTO inbox_event (event_id, taken_at_us) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![event_id, now_us])?;
    Ok(added == 1)
}

/// Forgets at most `limit` events taken before `before_us`, and says how many.
///
/// # Errors
/// The database refuses.
pub fn forget_events(tx: &Tx<'_>, before_us: i64, limit: u32) -> Result<usize, Error> {
    tx.prepare_cached(
        "DELETE FROM inbox_event WHERE event_id IN
             (SELECT event_id FROM inbox_event WHERE taken_at_us < ?1 ORDER BY taken_at_us LIMIT ?2)",
    )?
    .execute(params![before_us, limit])
}
