//! Everything that is kept of an order, for checks.

use super::rows::{JOURNAL, TASK, journal_row, json, task, word};
use super::{archive, late};
use crate::domain::{Status, Timestamp};
use crate::store::{Error, Kept, KeptRow};
use rusqlite::{Connection, Row, Transaction, params};

/// Each part comes from an index, in its order, so that the limit ends the search.
pub fn known_ids(conn: &mut Connection, after: &str, limit: usize) -> Result<Vec<String>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT order_id FROM orders WHERE order_id > ?1
         UNION SELECT order_id FROM journal WHERE order_id > ?1
         UNION SELECT order_id FROM archive WHERE order_id > ?1 ORDER BY order_id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, limit as i64], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// In one transaction: rows and journals of the same moment.
pub fn kept(conn: &mut Connection, order_ids: Vec<String>) -> Result<Vec<Kept>, Error> {
    let tx = conn.transaction()?;
    order_ids.into_iter().map(|order_id| kept_of(&tx, order_id)).collect()
}

fn kept_of(tx: &Transaction<'_>, order_id: String) -> Result<Kept, Error> {
    let mut rows = tx.prepare_cached(
        "SELECT version, status, restaurant_id, customer_id, placed_at, since, deadline, wake_at, state,
            flow_version
         FROM orders WHERE order_id = ?1",
    )?;
    let mut journal = tx.prepare_cached(&format!(
        "SELECT {JOURNAL} FROM journal WHERE order_id = ?1 ORDER BY sequence"
    ))?;
    let mut kept = Kept::default();
    for row in rows.query_map([&order_id], kept_row)? {
        kept.row = readable(row, "the row", &mut kept.unreadable)?;
    }
    let row = kept.row.as_ref();
    if let Some(KeptRow { restaurant_id, customer_id: Some(customer_id), placed_at, .. }) = row {
        let placed_at = placed_at.0;
        let entry = late::Entry { restaurant_id, customer_id, placed_at, order_id: &order_id };
        if !entry.is_found(tx)? {
            let cause = "the row: listings of its restaurant or its customer do not find it";
            kept.unreadable.push(cause.to_owned());
        }
    }
    for row in journal.query_map([&order_id], journal_row)? {
        kept.journal.extend(readable(row, "an event", &mut kept.unreadable)?);
    }
    if kept == Kept::default() {
        match archive::find(tx, &order_id) {
            Ok(Some(whole)) => kept = whole.kept(),
            Err(Error::Corrupt(cause)) => kept.unreadable.push(format!("its archive: {cause}")),
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    let mut tasks = tx.prepare_cached(&format!(
        "SELECT {TASK} FROM tasks WHERE order_id = ?1 ORDER BY sequence"
    ))?;
    for row in tasks.query_map([&order_id], task)? {
        readable(row, "a task", &mut kept.unreadable)?;
    }
    Ok(Kept { order_id, ..kept })
}

fn readable<T>(
    read: rusqlite::Result<T>,
    name: &str,
    unreadable: &mut Vec<String>,
) -> Result<Option<T>, Error> {
    match read.map_err(Error::from) {
        Ok(read) => Ok(Some(read)),
        Err(Error::Corrupt(cause)) => {
            unreadable.push(format!("{name}: {cause}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn kept_row(row: &Row<'_>) -> rusqlite::Result<KeptRow> {
    let moment = |at| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(at)?.map(Timestamp));
    Ok(KeptRow {
        version: row.get(0)?,
        status: word(row, 1, Status::from_word)?,
        restaurant_id: row.get(2)?,
        customer_id: row.get(3)?,
        placed_at: Timestamp(row.get(4)?),
        since: moment(5)?,
        deadline: moment(6)?,
        wake_at: moment(7)?,
        order: json(row, 8)?,
        flow_version: row.get(9)?,
    })
}
