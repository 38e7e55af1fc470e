//! The index of what restaurants have is written late: see [`crate::store::listing::late`].

use super::statements::Statements;
use crate::domain::Order;
use crate::store::Error;
use crate::store::listing::late::NOT_INDEXED;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many of the youngest orders stay out of the index. A listing of a restaurant reads them all, twice
/// as many at most; and the more of them go at once, the fewer pages of the index they take.
/// Few in tests, so that there are some on both sides.
const YOUNGEST: usize = if cfg!(test) { 4 } else { 1_024 };

/// How many orders were placed since some last went to the index.
pub struct Late(AtomicUsize);

impl Late {
    /// Enough: nobody knows how many there were when the process before ended.
    pub fn new() -> Self {
        Self(AtomicUsize::new(YOUNGEST))
    }

    /// Counts so many more: whether it is time for [`catch_up`].
    pub fn are_enough(&self, placed: usize) -> bool {
        let waiting = self.0.fetch_add(placed, Relaxed) + placed;
        let is_time = waiting >= YOUNGEST;
        if is_time {
            self.0.store(0, Relaxed);
        }
        is_time
    }
}

/// An order that was placed before some that are indexed already goes there at once: it waited for long, or
/// comes back from compact history. No trigger does this: with one, SQLite copies each page before an order
/// changes it, so that it could take the order back.
pub fn came(tx: &mut Statements<'_>, order: &Order) -> Result<(), Error> {
    let end: i64 = tx
        .prepare_cached("SELECT placed_at FROM restaurant_orders_end")?
        .query_row([], |row| row.get(0))?;
    if order.placed_at.0 <= end {
        tx.prepare_cached(
            "INSERT INTO restaurant_orders (restaurant_id, placed_at, order_id) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![order.restaurant_id, order.placed_at.0, order.order_id])?;
    }
    Ok(())
}

/// An order leaves `orders`.
pub fn went(
    tx: &Connection,
    restaurant_id: &str,
    placed_at: i64,
    order_id: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "DELETE FROM restaurant_orders WHERE restaurant_id = ?1 AND placed_at = ?2 AND order_id = ?3",
    )?
    .execute(params![restaurant_id, placed_at, order_id])?;
    Ok(())
}

/// Puts all but the youngest into the index, in one transaction. What fails is made up for by the next;
/// until then listings take longer.
pub fn catch_up(conn: &mut Connection) -> Result<(), Error> {
    let caught_up = all_but_the_youngest(conn);
    if let Err(cause) = &caught_up {
        tracing::warn!(%cause, "orders of restaurants cannot be indexed: listings become slow");
    }
    Ok(caught_up?)
}

fn all_but_the_youngest(conn: &mut Connection) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    index(&tx, YOUNGEST)?;
    tx.commit()
}

/// Whether the order is where listings of its restaurant look for it.
pub fn is_found(
    tx: &Connection,
    restaurant_id: &str,
    placed_at: i64,
    order_id: &str,
) -> rusqlite::Result<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT ?2 > (SELECT placed_at FROM restaurant_orders_end) OR EXISTS (SELECT 1
            FROM restaurant_orders WHERE restaurant_id = ?1 AND placed_at = ?2 AND order_id = ?3)",
    )?;
    statement.query_row(params![restaurant_id, placed_at, order_id], |row| row.get(0))
}

/// Puts all but so many of the youngest into the index. What a hand has left there is in nobody's way.
pub fn index(tx: &Transaction<'_>, but: usize) -> rusqlite::Result<()> {
    let mut last = tx.prepare_cached(&format!(
        "SELECT placed_at FROM orders WHERE {NOT_INDEXED}
         ORDER BY placed_at DESC LIMIT 1 OFFSET ?1"
    ))?;
    let Some(last) = last.query_row([but as i64], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(());
    };
    let mut insert = tx.prepare_cached(&format!(
        "INSERT INTO restaurant_orders (restaurant_id, placed_at, order_id)
         SELECT restaurant_id, placed_at, order_id FROM orders
         WHERE {NOT_INDEXED} AND placed_at <= ?1
         ORDER BY restaurant_id, placed_at, order_id ON CONFLICT DO NOTHING"
    ))?;
    insert.execute([last])?;
    tx.prepare_cached("UPDATE restaurant_orders_end SET placed_at = ?1")?.execute([last])?;
    Ok(())
}
