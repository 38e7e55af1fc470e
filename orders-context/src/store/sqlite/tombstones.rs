//! The ends of orders on the state topic, in one order of positions with the journal.

use super::copy::{go_on_behind, positions};
use super::rows::{JOURNAL, journal_row};
use crate::domain::Timestamp;
use crate::store::{Error, ToPublish, Tombstone};
use rusqlite::{Connection, Row, TransactionBehavior, params};

/// See [`Store::bury`](crate::store::Store::bury).
pub fn bury(conn: &mut Connection, order_ids: &[String], at: Timestamp) -> Result<usize, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let inserted = insert(&tx, order_ids, at)?;
    tx.commit()?;
    Ok(inserted)
}

/// The same within a transaction that writes: it stands or falls with it.
pub fn insert(tx: &Connection, order_ids: &[String], at: Timestamp) -> Result<usize, Error> {
    let before = positions(tx)?;
    let mut last = before;
    let mut statement = tx.prepare_cached(
        "INSERT INTO tombstones (position, order_id, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (order_id) DO NOTHING",
    )?;
    for order_id in order_ids {
        last += statement.execute(params![last + 1, order_id, at.0])? as i64;
    }
    if last > before {
        go_on_behind(tx, last)?;
    }
    Ok(usize::try_from(last - before).unwrap_or(0))
}

/// Both kinds as of one moment.
pub fn read_to_publish(
    conn: &mut Connection,
    position: i64,
    limit: usize,
    page: &mut ToPublish,
) -> Result<(), Error> {
    let tx = conn.transaction()?;
    let sql =
        format!("SELECT {JOURNAL} FROM journal WHERE position > ?1 ORDER BY position LIMIT ?2");
    let mut rows = tx.prepare_cached(&sql)?;
    for row in rows.query_map(params![position, limit as i64], journal_row)? {
        page.rows.push(row?);
    }
    let mut tombstones = tx.prepare_cached(
        "SELECT position, order_id, at FROM tombstones WHERE position > ?1
         ORDER BY position LIMIT ?2",
    )?;
    for stone in tombstones.query_map(params![position, limit as i64], tombstone)? {
        page.tombstones.push(stone?);
    }
    page.keep_first(limit);
    Ok(())
}

/// See [`JournalReader::known_of`](crate::store::JournalReader::known_of).
pub fn known_of(
    conn: &mut Connection,
    order_ids: &[&str],
    position: i64,
) -> Result<ToPublish, Error> {
    let tx = conn.transaction()?;
    let mut known = ToPublish::default();
    let mut rows = tx.prepare_cached(&format!(
        "SELECT {JOURNAL} FROM journal WHERE order_id = ?1 AND position <= ?2 ORDER BY sequence"
    ))?;
    let mut tombstones =
        tx.prepare_cached("SELECT position, order_id, at FROM tombstones WHERE order_id = ?1")?;
    for order_id in order_ids {
        for row in rows.query_map(params![order_id, position], journal_row)? {
            known.rows.push(row?);
        }
        for stone in tombstones.query_map([order_id], tombstone)? {
            known.tombstones.push(stone?);
        }
    }
    Ok(known)
}

fn tombstone(row: &Row<'_>) -> rusqlite::Result<Tombstone> {
    Ok(Tombstone { position: row.get(0)?, order_id: row.get(1)?, at: Timestamp(row.get(2)?) })
}
