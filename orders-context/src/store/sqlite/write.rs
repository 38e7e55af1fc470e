//! Changes of the database: one transaction for a whole group of commits.

use super::availability::Restaurants;
use super::statements::Statements;
use super::{archive, counters, late, read, tasks};
use crate::domain::{Order, Restaurant, Timestamp};
use crate::store::damage::pass_over;
use crate::store::{Commit, Counters, Entry, Error, Outcome, Remembered, Wake};
use std::collections::HashSet;

use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

/// Room for the text of a state with a few items, and of an event: longer ones take more.
const STATE_BYTES: usize = 1_280;
const EVENT_BYTES: usize = 256;

pub fn commit(conn: &mut Connection, commits: &[Commit]) -> Result<Vec<Outcome>, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut statements = Statements::on(&tx);
    let mut outcomes = Vec::with_capacity(commits.len());
    let mut contended = HashSet::new();
    let mut counters = Counters::default();
    let mut restaurants = Restaurants::default();
    for commit in commits {
        let order_id = &commit.order.order_id;
        let outcome = match contended.contains(order_id) {
            true => Outcome::Conflict,
            false => write_commit(&mut statements, commit, &mut counters, &mut restaurants)?,
        };
        if outcome != Outcome::Committed {
            contended.insert(order_id);
        }
        outcomes.push(outcome);
    }
    restaurants.write(statements.conn())?;
    counters::add(&mut statements, &counters)?;
    drop(statements);
    tx.commit()?;
    Ok(outcomes)
}

pub fn put_restaurant(conn: &mut Connection, restaurant: &Restaurant) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO restaurants (restaurant_id, data) VALUES (?1, ?2)
         ON CONFLICT (restaurant_id) DO UPDATE SET data = excluded.data",
    )?
    .execute(params![restaurant.restaurant_id, serde_json::to_string(restaurant)?])?;
    Ok(())
}

/// Nobody else writes to the file between the two statements.
pub fn replace_restaurant(
    conn: &mut Connection,
    before: &Restaurant,
    next: &Restaurant,
) -> Result<bool, Error> {
    let is_before = read::restaurant(conn, &before.restaurant_id)?.as_ref() == Some(before);
    if is_before {
        put_restaurant(conn, next)?;
    }
    Ok(is_before)
}

pub fn forget_keys(conn: &mut Connection, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM idempotency WHERE (order_id, key) IN
            (SELECT order_id, key FROM idempotency WHERE at < ?1 ORDER BY at LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before.0, limit as i64])?)
}

/// The guard comes first: when the order has moved, nothing of this commit has been written yet.
fn write_commit(
    tx: &mut Statements<'_>,
    commit: &Commit,
    counters: &mut Counters,
    restaurants: &mut Restaurants,
) -> Result<Outcome, Error> {
    if let Some(remembered) = &commit.remember
        && !insert_remembered(tx, remembered)?
    {
        return Ok(Outcome::Conflict);
    }
    if let Err(refused) = restaurants.admit(tx, commit)? {
        forget_key(tx, commit)?;
        return Ok(refused);
    }
    if let Some(most_open) = commit.most_open
        && is_crowded(tx, &commit.order.customer_id, most_open)?
    {
        forget_key(tx, commit)?;
        return Ok(Outcome::Crowded);
    }
    let put = put_order(tx, commit, counters)?;
    if put != Outcome::Committed {
        forget_key(tx, commit)?;
        return Ok(put);
    }
    restaurants.follow(tx, commit)?;
    for entry in &commit.entries {
        insert_entry(tx, commit, entry)?;
    }
    for change in &commit.tasks {
        tasks::change(tx, &commit.order.order_id, change, counters)?;
    }
    counters.add_commit(commit);
    if let Some(contact) = &commit.contact {
        tx.prepare_cached(
            "INSERT INTO contacts (order_id, name, email, note) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            commit.order.order_id,
            contact.name,
            contact.email,
            contact.note
        ])?;
    }
    if let Some(remark) = &commit.remark {
        tx.prepare_cached("UPDATE contacts SET remark = ?2 WHERE order_id = ?1")?
            .execute(params![commit.order.order_id, remark])?;
    }
    Ok(Outcome::Committed)
}

/// How many orders of a customer are under way, up to so many. Reads as many entries of an index.
pub const COUNT_UNDER_WAY: &str = "SELECT count(*) FROM (SELECT 1 FROM orders
    WHERE customer_id = ?1 AND deadline IS NOT NULL LIMIT ?2)";

/// Whether the customer has so many orders under way.
fn is_crowded(tx: &mut Statements<'_>, customer_id: &str, most_open: u32) -> Result<bool, Error> {
    let under_way: u32 = tx
        .prepare_cached(COUNT_UNDER_WAY)?
        .query_row(params![customer_id, most_open], |row| row.get(0))?;
    Ok(under_way >= most_open)
}

/// A key that led to nothing is free again.
fn forget_key(tx: &mut Statements<'_>, commit: &Commit) -> Result<(), Error> {
    if let Some(remembered) = &commit.remember {
        tx.prepare_cached("DELETE FROM idempotency WHERE order_id = ?1 AND key = ?2")?
            .execute([&remembered.order_id, &remembered.key])?;
    }
    Ok(())
}

fn insert_remembered(tx: &mut Statements<'_>, remembered: &Remembered) -> Result<bool, Error> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO idempotency (key, request_hash, order_id, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            remembered.key,
            remembered.request_hash,
            remembered.order_id,
            remembered.at.0
        ])?;
    Ok(inserted == 1)
}

/// Conflicts unless the order was still at the expected version.
fn put_order(
    tx: &mut Statements<'_>,
    commit: &Commit,
    counters: &mut Counters,
) -> Result<Outcome, Error> {
    let order = &commit.order;
    let wake_at = match commit.wake {
        Wake::At(at) => Some(at.0),
        Wake::Never => None,
        Wake::Unchanged if commit.entries.is_empty() => return Ok(Outcome::Committed),
        Wake::Unchanged => return Err(Error::Corrupt(anyhow::anyhow!("a move without its wake"))),
    };
    if commit.expected_version == 0 {
        return Ok(match insert_order(tx, order, wake_at)? {
            true => Outcome::Committed,
            false => Outcome::Conflict,
        });
    }
    if move_order(tx, commit, wake_at)? {
        return Ok(Outcome::Committed);
    }
    let found = pass_over("archive", &order.order_id, archive::find_returning(tx, order))?;
    Ok(match found {
        None => Outcome::Unreadable,
        Some(None) => Outcome::Conflict,
        Some(Some(returning)) => {
            let is_back = archive::bring_back(tx, returning, commit.expected_version, counters)?;
            match is_back && move_order(tx, commit, wake_at)? {
                true => Outcome::Committed,
                false => Outcome::Conflict,
            }
        }
    })
}

/// JSON, of about so many bytes.
fn text(value: &impl Serialize, bytes: usize) -> Result<String, Error> {
    let mut text = Vec::with_capacity(bytes);
    serde_json::to_writer(&mut text, value)?;
    String::from_utf8(text).map_err(|cause| Error::Corrupt(cause.into()))
}

/// Whether it was new.
pub fn insert_order(
    tx: &mut Statements<'_>,
    order: &Order,
    wake_at: Option<i64>,
) -> Result<bool, Error> {
    let (since, deadline) = (order.since.0, order.deadline().map(|at| at.0));
    let state = text(order, STATE_BYTES)?;
    let inserted = tx
        .prepare_cached(
            "INSERT INTO orders (order_id, version, status, restaurant_id, customer_id, placed_at,
                since, deadline, wake_at, state, flow_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            order.order_id,
            order.version,
            order.status.as_str(),
            order.restaurant_id,
            order.customer_id,
            order.placed_at.0,
            since,
            deadline,
            wake_at,
            state,
            order.flow_version.number()
        ])?;
    if inserted == 1 {
        let Order { restaurant_id, customer_id, order_id, .. } = order;
        late::Entry { restaurant_id, customer_id, placed_at: order.placed_at.0, order_id }
            .insert(tx)?;
    }
    Ok(inserted == 1)
}

/// Whatever a column is set to, setting it costs a change of every index that it stands in: what seldom
/// changes is set where it does.
const MOVE: &str =
    "UPDATE orders SET version = ?3, status = ?4, since = ?5, wake_at = ?6, state = ?7
    WHERE order_id = ?1 AND version = ?2";
const MOVE_WITH_DEADLINE: &str =
    "UPDATE orders SET version = ?3, status = ?4, since = ?5, wake_at = ?6,
    state = ?7, deadline = ?8 WHERE order_id = ?1 AND version = ?2";

fn move_order(
    tx: &mut Statements<'_>,
    commit: &Commit,
    wake_at: Option<i64>,
) -> Result<bool, Error> {
    let order = &commit.order;
    if commit.entries.is_empty() {
        let moved = tx
            .prepare_cached("UPDATE orders SET wake_at = ?3 WHERE order_id = ?1 AND version = ?2")?
            .execute(params![order.order_id, commit.expected_version, wake_at])?;
        return Ok(moved == 1);
    }
    let (before, deadline) = (commit.before.as_ref(), order.deadline());
    let (status, state) = (order.status.as_str(), text(&**order, STATE_BYTES)?);
    let values = params![
        order.order_id,
        commit.expected_version,
        order.version,
        status,
        order.since.0,
        wake_at,
        state,
        deadline.map(|at| at.0)
    ];
    let moved = if before.is_some_and(|before| before.deadline() == deadline) {
        tx.prepare_cached(MOVE)?.execute(&values[..7])?
    } else {
        tx.prepare_cached(MOVE_WITH_DEADLINE)?.execute(values)?
    };
    if moved == 1 && before.is_none_or(|before| before.flow_version != order.flow_version) {
        tx.prepare_cached("UPDATE orders SET flow_version = ?2 WHERE order_id = ?1")?
            .execute(params![order.order_id, order.flow_version.number()])?;
    }
    Ok(moved == 1)
}

fn insert_entry(tx: &mut Statements<'_>, commit: &Commit, entry: &Entry) -> Result<(), Error> {
    let order = &commit.order;
    tx.prepare_cached(
        "INSERT INTO journal (event_id, order_id, sequence, occurred_at, status, actor, data,
            restaurant_id, customer_id, total_minor, currency, traceparent, causation_id, flow_version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        entry.event_id,
        order.order_id,
        entry.sequence,
        entry.occurred_at.0,
        entry.status.as_str(),
        entry.actor,
        text(&entry.event, EVENT_BYTES)?,
        order.restaurant_id,
        order.customer_id,
        order.total_minor,
        order.currency,
        entry.traceparent,
        entry.causation_id,
        order.flow_version.number(),
    ])?;
    Ok(())
}
