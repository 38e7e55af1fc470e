//! Bulk actions: one row each, and each change compared with the round before.

use super::rows::json;
use crate::store::Error;
use crate::store::bulk::{Before, Bulk, NewBulk, OpenBulks, Started};
use crate::store::damage::pass_over;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

pub fn start(conn: &mut Connection, new: &NewBulk, most_open: usize) -> Result<Started, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(before) = of_key(&tx, &new.key)? {
        return Ok(Started::Before(Box::new(before)));
    }
    let open: i64 = tx
        .prepare_cached("SELECT count(*) FROM bulk_actions WHERE is_open")?
        .query_row([], |row| row.get(0))?;
    if open >= most_open as i64 {
        return Ok(Started::TooMany);
    }
    let bulk = &new.bulk;
    tx.prepare_cached(
        "INSERT INTO bulk_actions (bulk_id, round, is_open, key, request_hash, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        bulk.bulk_id,
        bulk.round,
        bulk.is_open(),
        new.key,
        new.request_hash,
        serde_json::to_string(bulk)?
    ])?;
    tx.commit()?;
    Ok(Started::New)
}

pub fn of_key(conn: &Connection, key: &str) -> Result<Option<Before>, Error> {
    let before = conn
        .prepare_cached("SELECT request_hash, data FROM bulk_actions WHERE key = ?1")?
        .query_row([key], |row| Ok(Before { request_hash: row.get(0)?, bulk: json(row, 1)? }));
    Ok(before.optional()?)
}

/// Whether the round before was the one kept.
pub fn replace(conn: &mut Connection, bulk: &Bulk) -> Result<bool, Error> {
    let replaced = conn
        .prepare_cached(
            "UPDATE bulk_actions SET round = ?2, is_open = ?3, data = ?4
             WHERE bulk_id = ?1 AND round = ?2 - 1",
        )?
        .execute(params![bulk.bulk_id, bulk.round, bulk.is_open(), serde_json::to_string(bulk)?])?;
    Ok(replaced == 1)
}

pub fn find(conn: &mut Connection, bulk_id: &str) -> Result<Option<Bulk>, Error> {
    let mut statement = conn.prepare_cached("SELECT data FROM bulk_actions WHERE bulk_id = ?1")?;
    Ok(statement.query_row([bulk_id], |row| json(row, 0)).optional()?)
}

pub fn list(conn: &mut Connection, before: Option<&str>, limit: usize) -> Result<Vec<Bulk>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT data FROM bulk_actions WHERE ?1 IS NULL OR bulk_id < ?1
         ORDER BY bulk_id DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![before, limit as i64], |row| json(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn open(conn: &mut Connection) -> Result<OpenBulks, Error> {
    let mut statement = conn
        .prepare_cached("SELECT data, bulk_id FROM bulk_actions WHERE is_open ORDER BY bulk_id")?;
    let (mut rows, mut open) = (statement.query([])?, OpenBulks::default());
    while let Some(row) = rows.next()? {
        let bulk_id: String = row.get(1).unwrap_or_default();
        open.add(pass_over("bulk_actions", &bulk_id, json(row, 0))?);
    }
    Ok(open)
}
