//! Reading the journal. With one writer, positions are commit order.

use super::rows::{JOURNAL, journal_row};
use super::{archive, tombstones};
use crate::store::{Error, JournalReader, JournalRow, ToPublish};
use rusqlite::{Connection, OptionalExtension, params};

/// Reads the whole journal on a connection of its own.
pub struct Reader(pub Connection);

impl JournalReader for Reader {
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        rows: &mut Vec<JournalRow>,
    ) -> Result<(), Error> {
        let sql =
            format!("SELECT {JOURNAL} FROM journal WHERE position > ?1 ORDER BY position LIMIT ?2");
        let mut statement = self.0.prepare_cached(&sql)?;
        for row in statement.query_map(params![position, limit as i64], journal_row)? {
            rows.push(row?);
        }
        Ok(())
    }

    fn next_position(&mut self, position: i64) -> Result<Option<i64>, Error> {
        let sql = "SELECT min(position) FROM journal WHERE position > ?1";
        Ok(self.0.prepare_cached(sql)?.query_row([position], |row| row.get(0))?)
    }

    fn read_to_publish(
        &mut self,
        position: i64,
        limit: usize,
        page: &mut ToPublish,
    ) -> Result<(), Error> {
        tombstones::read_to_publish(&mut self.0, position, limit, page)
    }

    fn earlier(&mut self, position: i64, rows: usize) -> Result<i64, Error> {
        let sql = "SELECT position FROM journal WHERE position <= ?1
             UNION ALL SELECT position FROM tombstones WHERE position <= ?1
             ORDER BY position DESC LIMIT 1 OFFSET ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let found = statement.query_row(params![position, rows as i64], |row| row.get(0));
        Ok(found.optional()?.unwrap_or(0))
    }

    fn has_archived(&mut self) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM archive)";
        Ok(self.0.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn newest_gone(&mut self) -> Result<i64, Error> {
        archive::newest_gone(&self.0)
    }

    fn known_of(&mut self, order_ids: &[&str], position: i64) -> Result<ToPublish, Error> {
        tombstones::known_of(&mut self.0, order_ids, position)
    }

    fn newest(&mut self) -> Result<i64, Error> {
        // The last position given, whether its row is still here or in compact history.
        let mut statement =
            self.0.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'journal'")?;
        let newest: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(newest.unwrap_or(0))
    }
}

/// Rows of one order after `sequence`, ascending.
pub fn read_order(
    conn: &mut Connection,
    order_id: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<JournalRow>, Error> {
    let tx = conn.transaction()?;
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {JOURNAL} FROM journal WHERE order_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![order_id, after, limit as i64], journal_row)?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    match rows.is_empty().then(|| archive::find(&tx, order_id)).transpose()?.flatten() {
        Some(whole) => whole.history(after, limit),
        None => Ok(rows),
    }
}
