//! Erasures: rows of their own, and the deletion of what is personal. The connection overwrites what
//! it deletes (`secure_delete`).

use super::tombstones;
use crate::domain::Timestamp;
use crate::store::erasure::{Looked, Theirs};
use crate::store::{Erased, Erasure, Error, Person, key_scope};
use chassis::sqlite::BUSY_TIMEOUT;
use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params, params,
};
use std::time::Duration;

/// How long the log of changes waits for those who read it, and every commit with it.
const READERS_TAKE: Duration = Duration::from_millis(500);

const COLUMNS: &str = "erasure_id, customer_id, email, requested_at, done_at, scanned, orders, \
    contacts, keys";

pub fn insert(conn: &mut Connection, erasure: &Erasure) -> Result<(), Error> {
    let (customer_id, email) = match &erasure.person {
        Some(Person::Customer(id)) => (Some(id), None),
        Some(Person::Mail(address)) => (None, Some(address)),
        None => (None, None),
    };
    conn.execute(
        "INSERT INTO erasures (erasure_id, customer_id, email, requested_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (erasure_id) DO NOTHING",
        params![erasure.erasure_id, customer_id, email, erasure.requested_at.0],
    )?;
    Ok(())
}

pub fn find(conn: &mut Connection, erasure_id: &str) -> Result<Option<Erasure>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE erasure_id = ?1");
    Ok(conn.query_row(&sql, [erasure_id], erasure).optional()?)
}

pub fn open(conn: &mut Connection, limit: usize) -> Result<Vec<Erasure>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM erasures WHERE done_at IS NULL ORDER BY requested_at LIMIT ?1"
    ))?;
    let rows = statement.query_map([limit as i64], erasure)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn erase_portion(
    conn: &mut Connection,
    erasure: &Erasure,
    after: &str,
    limit: usize,
) -> Result<Option<String>, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(person) = &erasure.person else { return Ok(None) };
    let looked = portion(&tx, after, limit)?;
    let last = looked.last().map(|looked| looked.order_id.clone());
    let mut erased = Erased { scanned: looked.len() as i64, ..Erased::default() };
    let mut buried = Vec::new();
    for looked in looked {
        if let Some(Theirs { order_id, customer_id }) = looked.theirs(person)? {
            erased.orders += 1;
            erase_order(&tx, &order_id, &customer_id, &mut erased)?;
            buried.push(order_id);
        }
    }
    tombstones::insert(&tx, &buried, erasure.requested_at)?;
    tx.execute(
        "UPDATE erasures SET scanned = scanned + :scanned, orders = orders + :orders,
             contacts = contacts + :contacts, keys = keys + :keys WHERE erasure_id = :id",
        named_params! {
            ":scanned": erased.scanned,
            ":orders": erased.orders,
            ":contacts": erased.contacts,
            ":keys": erased.keys,
            ":id": erasure.erasure_id,
        },
    )?;
    tx.commit()?;
    Ok(last)
}

/// The next contacts, in the order of their ids.
fn portion(tx: &Transaction<'_>, after: &str, limit: usize) -> Result<Vec<Looked>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT contacts.order_id, email, customer_id, data FROM contacts
         LEFT JOIN orders USING (order_id) LEFT JOIN archive USING (order_id)
         WHERE contacts.order_id > ?1 ORDER BY contacts.order_id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, limit as i64], |row| {
        Ok(Looked {
            order_id: row.get(0)?,
            email: row.get(1)?,
            customer_id: row.get(2)?,
            archived: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn erase_order(
    tx: &Transaction<'_>,
    order_id: &str,
    customer_id: &str,
    erased: &mut Erased,
) -> Result<(), Error> {
    let contacts = tx.execute("DELETE FROM contacts WHERE order_id = ?1", [order_id])?;
    let scope = key_scope(customer_id);
    let keys = tx.execute(
        "DELETE FROM idempotency WHERE order_id = ?1 AND substr(key, 1, length(?2)) = ?2",
        params![order_id, scope],
    )?;
    erased.contacts += contacts as i64;
    erased.keys += keys as i64;
    Ok(())
}

/// Says so only when nothing of the person is left in any file: whoever hears of it may look.
pub fn close(conn: &mut Connection, erasure_id: &str, at: Timestamp) -> Result<(), Error> {
    forget(conn, erasure_id)?;
    empty_log(conn)?;
    let sql = "UPDATE erasures SET done_at = ?2 WHERE erasure_id = ?1";
    conn.execute(sql, params![erasure_id, at.0])?;
    Ok(())
}

/// Whom it was about, and where their restaurants read mail. A second time there is nobody.
fn forget(conn: &mut Connection, erasure_id: &str) -> Result<(), Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let of_restaurants = tx.execute(
        "UPDATE restaurants SET data = json_remove(data, '$.mail')
         WHERE lower(json_extract(data, '$.mail')) =
            (SELECT lower(email) FROM erasures WHERE erasure_id = ?1)",
        [erasure_id],
    )?;
    tx.execute(
        "UPDATE erasures SET customer_id = NULL, email = NULL, contacts = contacts + ?2
         WHERE erasure_id = ?1",
        params![erasure_id, of_restaurants as i64],
    )?;
    Ok(tx.commit()?)
}

/// Brings the log of changes into the database and cuts it off. Readers are short: the writer waits a
/// moment for those that are under way, and where that is not enough, somebody has to try again.
fn empty_log(conn: &Connection) -> Result<(), Error> {
    conn.busy_timeout(READERS_TAKE)?;
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let is_busy = conn.query_row(checkpoint, [], |row| row.get::<_, bool>(0));
    conn.busy_timeout(BUSY_TIMEOUT)?;
    if is_busy? {
        let cause = "a reader keeps the log of changes from being emptied";
        return Err(Error::Unavailable(anyhow::anyhow!(cause)));
    }
    Ok(())
}

fn erasure(row: &Row<'_>) -> rusqlite::Result<Erasure> {
    let customer_id: Option<String> = row.get(1)?;
    let email: Option<String> = row.get(2)?;
    let done_at: Option<i64> = row.get(4)?;
    Ok(Erasure {
        erasure_id: row.get(0)?,
        person: customer_id.map(Person::Customer).or(email.map(Person::Mail)),
        requested_at: Timestamp(row.get(3)?),
        done_at: done_at.map(Timestamp),
        erased: Erased {
            scanned: row.get(5)?,
            orders: row.get(6)?,
            contacts: row.get(7)?,
            keys: row.get(8)?,
        },
    })
}
