//! Erasures: rows of their own, and the deletion of what is personal. The connection overwrites what
//! it deletes (`secure_delete`).

use super::tombstones;
use crate::domain::Timestamp;
use crate::store::erasure::{Looked, PLACING_SCOPE, Sighted, TheirRestaurant, Theirs};
use crate::store::{Erased, Erasure, Error, Pass, Person, key_scope};
use chassis::sqlite::BUSY_TIMEOUT;
use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, named_params,
    params,
};
use std::time::Duration;

/// How long the log of changes waits for those who read it, and every commit with it.
const READERS_TAKE: Duration = Duration::from_millis(500);

const COLUMNS: &str = "erasure_id, customer_id, email, requested_at, done_at, scanned, unreadable, \
    orders, contacts, keys";

pub fn insert(conn: &mut Connection, erasure: &Erasure) -> Result<(), Error> {
    let (customer_id, email) = match &erasure.person {
        Some(Person::Customer(id)) => (Some(id), None),
        Some(Person::Mail(address)) => (None, Some(address)),
        None => (None, None),
    };
    conn.execute(
        "INSERT INTO erasures (erasure_id, customer_id, email, requested_at, next_attempt_at)
         VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (erasure_id) DO NOTHING",
        params![erasure.erasure_id, customer_id, email, erasure.requested_at.0],
    )?;
    Ok(())
}

pub fn find(conn: &mut Connection, erasure_id: &str) -> Result<Option<Erasure>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE erasure_id = ?1");
    Ok(conn.query_row(&sql, [erasure_id], erasure).optional()?)
}

pub fn open(conn: &mut Connection, now: Timestamp, limit: usize) -> Result<Vec<Erasure>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM erasures WHERE done_at IS NULL AND next_attempt_at <= ?1
         ORDER BY next_attempt_at LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![now.0, limit as i64], erasure)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Looks at the next contacts, in the order of their ids, and behind the last of them at restaurants,
/// all as of one moment.
pub fn look(
    conn: &mut Connection,
    erasure: &Erasure,
    after: &str,
    limit: usize,
) -> Result<Sighted, Error> {
    let mut sighted = Sighted::default();
    let Some(person) = &erasure.person else { return Ok(sighted) };
    let tx = conn.transaction()?;
    let mut statement = tx.prepare_cached(
        "SELECT contacts.order_id, email, customer_id FROM contacts LEFT JOIN orders USING (order_id)
         WHERE contacts.order_id > ?1 ORDER BY contacts.order_id LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, limit as i64])?;
    while let Some(row) = rows.next()? {
        let (email, customer_id) = (row.get(1), row.get(2));
        let (email, customer_id) = (email.map_err(Error::from), customer_id.map_err(Error::from));
        let looked = Looked { order_id: row.get(0)?, email, customer_id };
        sighted.looked_at.scanned += 1;
        sighted.looked_at.last = Some(looked.order_id.clone());
        if looked.may_be_of(person) {
            match archived(&tx, &looked) {
                Ok(archived) => sighted.judge(looked, archived, person),
                // Whose address it is says enough.
                Err(Error::Corrupt(_)) if matches!(person, Person::Mail(_)) => {
                    sighted.judge(looked, None, person);
                }
                Err(cause @ Error::Corrupt(_)) => sighted.leave("order", looked.order_id, cause),
                Err(cause) => return Err(cause),
            }
        }
    }
    if let (None, Person::Mail(address)) = (&sighted.looked_at.last, person) {
        look_at_restaurants(&tx, address, &mut sighted)?;
    }
    Ok(sighted)
}

/// What compact history has of an order, where it has to be asked.
fn archived(tx: &Transaction<'_>, looked: &Looked) -> Result<Option<Vec<u8>>, Error> {
    if !looked.is_history() {
        return Ok(None);
    }
    let mut statement = tx.prepare_cached("SELECT data FROM archive WHERE order_id = ?1")?;
    Ok(statement.query_row([&looked.order_id], |row| row.get(0)).optional()?)
}

fn look_at_restaurants(
    tx: &Transaction<'_>,
    address: &str,
    sighted: &mut Sighted,
) -> Result<(), Error> {
    let mut statement = tx.prepare_cached("SELECT restaurant_id, data FROM restaurants")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sighted.judge_restaurant(row.get(0)?, row.get(1).map_err(Error::from), address);
    }
    Ok(())
}

/// Erases what was found, counts it and buries the orders, all in one transaction. Whose an order is
/// never changes, so what was found is still theirs, or gone.
pub fn erase(conn: &mut Connection, erasure: &Erasure, sighted: &Sighted) -> Result<(), Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut erased = Erased::default();
    for theirs in &sighted.theirs {
        erase_order(&tx, theirs, &mut erased)?;
    }
    for TheirRestaurant { restaurant_id, mail } in &sighted.restaurants {
        erased.contacts += tx.execute(
            "UPDATE restaurants SET data = json_remove(data, '$.mail')
             WHERE restaurant_id = ?1 AND json_extract(data, '$.mail') = ?2",
            params![restaurant_id, mail],
        )? as i64;
    }
    let buried: Vec<_> = sighted.theirs.iter().map(|theirs| theirs.order_id.clone()).collect();
    tombstones::insert(&tx, &buried, erasure.requested_at)?;
    tx.execute(
        "UPDATE erasures SET orders = orders + :orders, contacts = contacts + :contacts,
             keys = keys + :keys WHERE erasure_id = :id",
        named_params! {
            ":orders": erased.orders,
            ":contacts": erased.contacts,
            ":keys": erased.keys,
            ":id": erasure.erasure_id,
        },
    )?;
    Ok(tx.commit()?)
}

fn erase_order(tx: &Transaction<'_>, theirs: &Theirs, erased: &mut Erased) -> Result<(), Error> {
    let order_id = &theirs.order_id;
    let contacts = tx.execute("DELETE FROM contacts WHERE order_id = ?1", [order_id])? as i64;
    let scope = theirs.customer_id.as_deref().map_or_else(|| PLACING_SCOPE.to_owned(), key_scope);
    let keys = tx.execute(
        "DELETE FROM idempotency WHERE order_id = ?1 AND substr(key, 1, length(?2)) = ?2",
        params![order_id, scope],
    )?;
    erased.orders += contacts;
    erased.contacts += contacts;
    erased.keys += keys as i64;
    Ok(())
}

pub fn end_pass(
    conn: &mut Connection,
    erasure_id: &str,
    pass: Pass,
    next_attempt_at: Timestamp,
) -> Result<(), Error> {
    conn.execute(
        "UPDATE erasures SET scanned = ?2, unreadable = ?3, next_attempt_at = ?4
         WHERE erasure_id = ?1",
        params![erasure_id, pass.scanned, pass.unreadable, next_attempt_at.0],
    )?;
    Ok(())
}

/// Says so only when nothing of these persons is left in any file: whoever hears of it may look.
pub fn close(conn: &mut Connection, erasure_ids: &[String], at: Timestamp) -> Result<(), Error> {
    let forget = "UPDATE erasures SET customer_id = NULL, email = NULL WHERE erasure_id = ?1";
    of_each(conn, forget, erasure_ids, &[])?;
    empty_log(conn)?;
    of_each(conn, "UPDATE erasures SET done_at = ?2 WHERE erasure_id = ?1", erasure_ids, &[&at.0])
}

fn of_each(
    conn: &mut Connection,
    sql: &str,
    erasure_ids: &[String],
    values: &[&dyn ToSql],
) -> Result<(), Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for erasure_id in erasure_ids {
        let id: &dyn ToSql = erasure_id;
        tx.prepare_cached(sql)?.execute(&*[&[id], values].concat())?;
    }
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
        pass: Pass { scanned: row.get(5)?, unreadable: row.get(6)? },
        erased: Erased { orders: row.get(7)?, contacts: row.get(8)?, keys: row.get(9)? },
    })
}
