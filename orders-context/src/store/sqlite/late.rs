//! The indexes of what restaurants and customers have are written late: see [`crate::store::listing::late`].

use super::statements::Statements;
use crate::store::Error;
use crate::store::listing::late::NOT_INDEXED;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many of the youngest orders stay out of the indexes. A listing of a restaurant or a customer reads them
/// all, twice as many at most; and the more of them go at once, the fewer pages of the indexes they take.
/// Few in tests, so that there are some on both sides.
const YOUNGEST: usize = if cfg!(test) { 4 } else { 1_024 };

/// How many orders of customers a run has, or some more: as many as stand on 300 pages. Few in tests, so that there
/// are several.
const RUN: usize = if cfg!(test) { 3 } else { 16 * YOUNGEST };

/// How many orders were placed since some last went to the indexes.
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

/// What the indexes keep of an order.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub restaurant_id: &'a str,
    pub customer_id: &'a str,
    pub placed_at: i64,
    pub order_id: &'a str,
}

/// The run in which an order stands that was placed at `?1`.
macro_rules! run {
    () => {
        "(SELECT max(from_at) FROM customer_runs WHERE from_at <= ?1)"
    };
}

impl Entry<'_> {
    /// An order that was placed before some that are indexed already goes there at once: it waited for long, or
    /// comes back from compact history. No trigger does this: with one, SQLite copies each page before an order
    /// changes it, so that it could take the order back.
    pub fn insert(self, tx: &mut Statements<'_>) -> Result<(), Error> {
        let end: i64 = tx
            .prepare_cached("SELECT placed_at FROM indexed_to")?
            .query_row([], |row| row.get(0))?;
        if self.placed_at <= end {
            tx.prepare_cached(
                "INSERT INTO restaurant_orders (placed_at, restaurant_id, order_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![self.placed_at, self.restaurant_id, self.order_id])?;
            tx.prepare_cached(concat!(
                "INSERT INTO customer_orders (run, placed_at, customer_id, order_id) VALUES (",
                run!(),
                ", ?1, ?2, ?3) ON CONFLICT DO NOTHING"
            ))?
            .execute(params![self.placed_at, self.customer_id, self.order_id])?;
        }
        Ok(())
    }

    /// The order leaves `orders`.
    pub fn remove(self, tx: &Connection) -> rusqlite::Result<()> {
        tx.prepare_cached(
            "DELETE FROM restaurant_orders WHERE placed_at = ?1 AND restaurant_id = ?2 AND order_id = ?3",
        )?
        .execute(params![self.placed_at, self.restaurant_id, self.order_id])?;
        tx.prepare_cached(concat!(
            "DELETE FROM customer_orders WHERE run = ",
            run!(),
            " AND placed_at = ?1 AND customer_id = ?2 AND order_id = ?3"
        ))?
        .execute(params![self.placed_at, self.customer_id, self.order_id])?;
        Ok(())
    }

    /// Whether the order is where listings of its restaurant and its customer look for it.
    pub fn is_found(self, tx: &Connection) -> rusqlite::Result<bool> {
        let mut statement = tx.prepare_cached(concat!(
            "SELECT ?1 > (SELECT placed_at FROM indexed_to)
             OR EXISTS (SELECT 1 FROM restaurant_orders
                WHERE restaurant_id = ?2 AND placed_at = ?1 AND order_id = ?4)
             AND EXISTS (SELECT 1 FROM customer_orders
                WHERE customer_id = ?3 AND placed_at = ?1 AND order_id = ?4 AND run = ",
            run!(),
            ")"
        ))?;
        let Self { restaurant_id, customer_id, placed_at, order_id } = self;
        statement
            .query_row(params![placed_at, restaurant_id, customer_id, order_id], |row| row.get(0))
    }
}

/// Puts all but the youngest into the indexes, in one transaction. What fails is made up for by the next;
/// until then listings take longer.
pub fn catch_up(conn: &mut Connection) -> Result<(), Error> {
    let caught_up = all_but_the_youngest(conn);
    if let Err(cause) = &caught_up {
        tracing::warn!(%cause, "orders cannot be indexed by restaurant and customer: listings become slow");
    }
    Ok(caught_up?)
}

fn all_but_the_youngest(conn: &mut Connection) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    index(&tx, YOUNGEST)?;
    tx.commit()
}

/// Puts all but so many of the youngest into the indexes. What a hand has left there is in nobody's way.
pub fn index(tx: &Transaction<'_>, but: usize) -> rusqlite::Result<()> {
    let mut last = tx.prepare_cached(&format!(
        "SELECT placed_at FROM orders WHERE {NOT_INDEXED}
         ORDER BY placed_at DESC LIMIT 1 OFFSET ?1"
    ))?;
    let Some(last) = last.query_row([but as i64], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(());
    };
    begin_run(tx)?;
    let of_these = format!("FROM orders WHERE {NOT_INDEXED} AND placed_at <= ?1");
    tx.prepare_cached(&format!(
        "INSERT INTO restaurant_orders (restaurant_id, placed_at, order_id)
         SELECT restaurant_id, placed_at, order_id {of_these} ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING"
    ))?
    .execute([last])?;
    tx.prepare_cached(&format!(
        "INSERT INTO customer_orders (run, customer_id, placed_at, order_id)
         SELECT ({NEWEST_RUN}), customer_id, placed_at, order_id {of_these}
         ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING"
    ))?
    .execute([last])?;
    tx.prepare_cached("UPDATE indexed_to SET placed_at = ?1")?.execute([last])?;
    Ok(())
}

const NEWEST_RUN: &str = "SELECT max(from_at) FROM customer_runs";

/// Begins another run of what customers have, if the newest is full: with the first that is not indexed. Runs
/// that all orders have left are looked for in vain, and go; but not the first, in which the oldest would stand.
fn begin_run(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let begun = tx
        .prepare_cached(&format!(
            "INSERT INTO customer_runs SELECT placed_at + 1 FROM indexed_to WHERE EXISTS (SELECT 1
                FROM customer_orders WHERE run = ({NEWEST_RUN}) LIMIT 1 OFFSET ?1)"
        ))?
        .execute([RUN as i64 - 1])?;
    if begun > 0 {
        tx.prepare_cached(&format!(
            "DELETE FROM customer_runs WHERE from_at < ({NEWEST_RUN})
             AND from_at > (SELECT min(from_at) FROM customer_runs)
             AND NOT EXISTS (SELECT 1 FROM customer_orders WHERE run = from_at)"
        ))?
        .execute([])?;
    }
    Ok(())
}
