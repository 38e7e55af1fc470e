//! Counters: written with a group, read for the picture of the flow, counted again for checks.

use super::statements::Statements;
use crate::domain::{Status, Timestamp};
use crate::store::archive::unpack;
use crate::store::counters::MOST_DUE;
use crate::store::counters::recount::RECOUNT;
use crate::store::{Counted, Counter, Counters, Error, FlowFigures};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// All changes of a group: a row for each counter.
pub fn add(tx: &mut Statements<'_>, changes: &Counters) -> Result<(), Error> {
    for (counter, by) in changes.iter() {
        let (what, word, bucket) = counter.columns();
        tx.prepare_cached(
            "INSERT INTO counters (what, word, bucket, slot, count) VALUES (?1, ?2, ?3, 0, ?4)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![what, word, bucket, by])?;
    }
    Ok(())
}

pub fn flow(conn: &mut Connection, now: Timestamp) -> Result<FlowFigures, Error> {
    let tx = conn.transaction()?;
    let counters = read(&tx, KEPT)?;
    let mut oldest = Vec::new();
    for &status in Status::ALL.iter().filter(|status| !status.is_at_rest()) {
        let first = "SELECT since FROM orders WHERE status = ?1 AND deadline IS NOT NULL
             ORDER BY since LIMIT 1";
        let first = tx.prepare_cached(first)?.query_row([status.as_str()], |row| row.get(0));
        oldest.extend(first.optional()?.map(|since| (status, Timestamp(since))));
    }
    let due = tx
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM orders
                WHERE wake_at IS NOT NULL AND wake_at <= ?1 LIMIT ?2)",
        )?
        .query_row(params![now.0, MOST_DUE], |row| row.get(0))?;
    Ok(FlowFigures { counters, oldest, due })
}

/// As commits have left them.
pub fn kept(conn: &Connection) -> Result<Counters, Error> {
    read(conn, KEPT)
}

/// What it sorts goes to a temporary file: its memory does not grow with what is stored.
pub fn counted(conn: &mut Connection) -> Result<Counted, Error> {
    conn.execute_batch("PRAGMA temp_store = FILE")?;
    let counted = count(conn);
    conn.execute_batch("PRAGMA temp_store = MEMORY")?;
    counted
}

fn count(conn: &mut Connection) -> Result<Counted, Error> {
    let tx = conn.transaction()?;
    let mut found = read(&tx, RECOUNT)?;
    let mut archive = tx.prepare_cached("SELECT data FROM archive")?;
    let mut rows = archive.query([])?;
    while let Some(row) = rows.next()? {
        let data = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        found.add_readable(unpack(data))?;
    }
    Ok(Counted { kept: read(&tx, KEPT)?, found })
}

const KEPT: &str = "SELECT what, word, bucket, count FROM counters";

fn read(tx: &Connection, sql: &str) -> Result<Counters, Error> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut counters = Counters::default();
    while let Some(row) = rows.next()? {
        if let Some(counter) = counter(row)? {
            counters.add(counter, row.get(3)?);
        }
    }
    Ok(counters)
}

/// `None` for words that nobody knows: checks tell of the order in which they stand.
fn counter(row: &Row<'_>) -> Result<Option<Counter>, Error> {
    let (what, word) = (row.get_ref(0)?.as_str(), row.get_ref(1)?.as_str());
    let (what, word) = (what.map_err(rusqlite::Error::from)?, word.map_err(rusqlite::Error::from)?);
    Ok(Counter::from_columns(what, word, row.get(2)?))
}
