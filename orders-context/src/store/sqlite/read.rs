//! Questions to the database.

use super::archive;
use super::rows::{TASK, json, task};
use crate::domain::{Order, Receiver, Restaurant, Timestamp};
use crate::store::damage::pass_over;
use crate::store::task::TELLS_CUSTOMER;
use crate::store::{Contact, Due, Error, Found, Loaded, Remembered, Task, Wanted};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::ops::RangeInclusive;
use std::sync::Arc;

pub fn load(conn: &mut Connection, wanted: &Wanted) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();
    for order_id in &wanted.order_ids {
        if loaded.orders.contains_key(order_id) {
            continue;
        }
        match find_order(conn, order_id) {
            Ok(Some(order)) => drop(loaded.orders.insert(order_id.clone(), Arc::new(order))),
            Ok(None) => {}
            Err(Error::Corrupt(cause)) if !is_damage(&cause) => {
                loaded.unreadable.insert(order_id.clone(), cause.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    for key in &wanted.idempotency_keys {
        if let Some(remembered) = find_remembered(conn, key)? {
            loaded.remembered.insert(key.clone(), remembered);
        }
    }
    Ok(loaded)
}

/// Whether the file itself cannot be read: then nothing is known of any order.
fn is_damage(cause: &anyhow::Error) -> bool {
    matches!(cause.downcast_ref(), Some(rusqlite::Error::SqliteFailure(..)))
}

fn find_order(conn: &Connection, order_id: &str) -> Result<Option<Order>, Error> {
    match find_living(conn, order_id)? {
        Some(order) => Ok(Some(order)),
        None => archive::find(conn, order_id)?.map(|whole| whole.readable_order()).transpose(),
    }
}

fn find_living(conn: &Connection, order_id: &str) -> Result<Option<Order>, Error> {
    let mut statement = conn.prepare_cached("SELECT state FROM orders WHERE order_id = ?1")?;
    Ok(statement.query_row([order_id], |row| json(row, 0)).optional()?)
}

/// The part of an idempotency key by which it is found: the column of this name.
pub fn chosen(key: &str) -> &str {
    // Behind method and route, which are the same for all: 16 characters.
    let rest = key.char_indices().nth(16).map_or("", |(at, _)| &key[at..]);
    rest.split_once(' ').map_or(rest, |(_, chosen)| chosen)
}

fn find_remembered(conn: &Connection, key: &str) -> Result<Option<Remembered>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT request_hash, order_id, at FROM idempotency WHERE chosen = ?1 AND key = ?2",
    )?;
    let found = statement.query_row([chosen(key), key], |row| {
        Ok(Remembered {
            key: key.to_owned(),
            request_hash: row.get(0)?,
            order_id: row.get(1)?,
            at: Timestamp(row.get(2)?),
        })
    });
    Ok(found.optional()?)
}

pub fn restaurant(conn: &mut Connection, id: &str) -> Result<Option<Restaurant>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT data FROM restaurants WHERE restaurant_id = ?1")?;
    Ok(statement.query_row([id], |row| json(row, 0)).optional()?)
}

pub fn order(conn: &mut Connection, order_id: &str) -> Result<Option<Found>, Error> {
    let tx = conn.transaction()?;
    let Some(order) = find_living(&tx, order_id)? else {
        let whole = archive::find(&tx, order_id)?;
        return whole
            .map(|whole| Ok(Found { order: whole.order()?, tasks: whole.tasks()? }))
            .transpose();
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {TASK} FROM tasks WHERE order_id = ?1 ORDER BY sequence"
    ))?;
    let tasks = statement.query_map([order_id], task)?.collect::<Result<_, _>>()?;
    Ok(Some(Found { order, tasks }))
}

pub fn contact(conn: &mut Connection, order_id: &str) -> Result<Option<Contact>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT name, email, note, remark FROM contacts WHERE order_id = ?1")?;
    let found = statement.query_row([order_id], |row| {
        Ok(Contact {
            name: row.get(0)?,
            email: row.get(1)?,
            note: row.get(2)?,
            remark: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

pub fn due_orders(
    conn: &mut Connection,
    now: Timestamp,
    after: Option<&Due>,
    limit: usize,
) -> Result<Vec<Due>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT wake_at, order_id, state FROM orders
         WHERE wake_at IS NOT NULL AND wake_at <= ?1 AND (wake_at, order_id) > (?2, ?3)
         ORDER BY wake_at, order_id LIMIT ?4",
    )?;
    let (since, order_id) = after.map_or((i64::MIN, ""), |due| (due.wake_at.0, &due.order_id));
    let rows = statement.query_map(params![now.0, since, order_id, limit as i64], |row| {
        let order = json(row, 2).ok().map(Arc::new);
        Ok(Due { wake_at: Timestamp(row.get(0)?), order_id: row.get(1)?, order })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn next_wake_at(conn: &mut Connection) -> Result<Option<Timestamp>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT min(wake_at) FROM orders WHERE wake_at IS NOT NULL")?;
    let at: Option<i64> = statement.query_row([], |row| row.get(0))?;
    Ok(at.map(Timestamp))
}

/// Asks for open tasks and whose order each is: of customers or not, due between these moments.
pub fn open_tasks_sql() -> String {
    format!(
        "SELECT {TASK},
            coalesce((SELECT restaurant_id FROM orders WHERE orders.order_id = tasks.order_id), '')
                AS of_restaurant
         FROM tasks WHERE state = 'open' AND {TELLS_CUSTOMER} = ?1
         AND next_attempt_at BETWEEN ?2 AND ?3 ORDER BY next_attempt_at"
    )
}

pub fn open_tasks(
    conn: &mut Connection,
    to: Receiver,
    due: RangeInclusive<Timestamp>,
    limit: usize,
) -> Result<Vec<(String, Task)>, Error> {
    let mut statement = conn.prepare_cached(&open_tasks_sql())?;
    let tells_customer = to == Receiver::Customer;
    let mut rows = statement.query(params![tells_customer, due.start().0, due.end().0])?;
    let of_restaurant =
        |row: &Row<'_>| Ok::<_, rusqlite::Error>((row.get("of_restaurant")?, task(row)?));
    let mut found = Vec::new();
    // Read until there are enough: those that are passed over take nobody's place.
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let order_id: String = row.get(0).unwrap_or_default();
        found.extend(pass_over("tasks", &order_id, of_restaurant(row))?);
    }
    Ok(found)
}
