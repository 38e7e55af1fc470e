//! What the feeds of restaurants ask.

use super::rows::{JOURNAL, journal_row};
use super::{Sqlite, copy};
use crate::store::feed::{FeedStore, MOST_ORDERS, Stretch};
use crate::store::listing::late::Whose;
use crate::store::{Answer, Error, JournalRow};
use rusqlite::{Connection, Transaction, params};

impl FeedStore for Sqlite {
    fn settled_end(&self) -> Answer<'_, i64> {
        // With one writer nothing comes before what is there.
        self.read(|conn| Ok(copy::positions(conn)?))
    }

    fn stretch(&self, stretch: Stretch) -> Answer<'_, Option<Vec<JournalRow>>> {
        self.read(move |conn| read_stretch(conn, &stretch))
    }
}

fn read_stretch(
    conn: &mut Connection,
    stretch: &Stretch,
) -> Result<Option<Vec<JournalRow>>, Error> {
    let tx = conn.transaction()?;
    if archived(&tx)? > stretch.after || has_too_many_orders(&tx, &stretch.restaurant_id)? {
        return Ok(None);
    }
    // Along the journals of its orders, however many others have written meanwhile.
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE +position > ?2 AND +position <= ?3 AND order_id IN
             ({})
         ORDER BY position LIMIT ?4",
        Whose::Restaurant.ids("?1")
    );
    let Stretch { restaurant_id, after, up_to, most } = stretch;
    let mut statement = tx.prepare_cached(&sql)?;
    let one_more = *most as i64 + 1;
    let rows = statement.query_map(params![restaurant_id, after, up_to, one_more], journal_row)?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok((rows.len() <= *most).then_some(rows))
}

fn has_too_many_orders(tx: &Transaction<'_>, restaurant_id: &str) -> Result<bool, Error> {
    let sql = format!("SELECT count(*) FROM ({} LIMIT ?2)", Whose::Restaurant.ids("?1"));
    let mut statement = tx.prepare_cached(&sql)?;
    let one_more = MOST_ORDERS as i64 + 1;
    let orders: i64 = statement.query_row(params![restaurant_id, one_more], |row| row.get(0))?;
    Ok(orders == one_more)
}

/// The last position that went to compact history.
fn archived(tx: &Transaction<'_>) -> Result<i64, Error> {
    let mut statement = tx.prepare_cached("SELECT position FROM journal_archived")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Notes that rows up to `position` went to compact history, in the transaction that moves them.
pub fn note_archived(tx: &Transaction<'_>, position: i64) -> Result<(), Error> {
    tx.prepare_cached("UPDATE journal_archived SET position = ?1 WHERE position < ?1")?
        .execute([position])?;
    Ok(())
}
