//! Orders at rest on their way to compact history, and back.

use super::counters;
use super::feed::note_archived;
use super::late;
use super::rows::{JOURNAL, TASK};
use super::statements::Statements;
use super::tasks::insert as insert_task;
use super::write::insert_order;
use crate::domain::{Order, Timestamp};
use crate::store::archive::{
    Archived, Living, Packed, Packer, Portion, RawEvent, RawRow, RawTask, Returning, Whole, raw,
    unpack,
};
use crate::store::{Counters, Error, TaskState};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use std::collections::BTreeSet;

/// What may go, packed, and how far this portion reaches.
pub fn pack(conn: &mut Connection, portion: &Portion) -> Result<(Archived, Vec<Packed>), Error> {
    let tx = conn.transaction()?;
    let (reached, order_ids) = candidates(&tx, portion)?;
    let (mut packer, mut packed) = (Packer::new()?, Vec::new());
    for order_id in order_ids {
        // What cannot be read stays where checks find it.
        match find_living(&tx, order_id) {
            Ok(Some(living)) if living.may_go(portion) => {
                packed.push(packer.pack(&living.whole)?);
            }
            Ok(_) | Err(Error::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((reached, packed))
}

/// Orders of the oldest rows of the journal, each once.
fn candidates(
    tx: &Transaction<'_>,
    portion: &Portion,
) -> Result<(Archived, BTreeSet<String>), Error> {
    let mut statement = tx.prepare_cached(
        "SELECT position, order_id, occurred_at FROM journal WHERE position > ?1 AND position <= ?2
         ORDER BY position LIMIT ?3",
    )?;
    let mut rows =
        statement.query(params![portion.after, portion.published, portion.limit as i64])?;
    let mut order_ids = BTreeSet::new();
    let (mut reached, mut looked_at) = (portion.after, 0);
    while let Some(row) = rows.next()? {
        // One that cannot be read says as little as one that lies ahead.
        let occurred_at = Timestamp(row.get(2).unwrap_or(i64::MAX));
        if portion.ends_at(occurred_at) {
            break;
        }
        reached = row.get(0)?;
        if occurred_at < portion.before {
            order_ids.insert(row.get(1)?);
        }
        looked_at += 1;
    }
    let has_more = looked_at == portion.limit;
    Ok((Archived { reached, has_more, ..Archived::default() }, order_ids))
}

/// One transaction: each order is here or there, whenever the process ends.
pub fn archive(
    conn: &mut Connection,
    mut archived: Archived,
    packed: &[Packed],
) -> Result<Archived, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut last, mut counters) = (None, Counters::default());
    for packed in packed {
        if let Some(position) = move_one(&tx, packed, &mut counters)? {
            last = last.max(Some(position));
            archived.orders += 1;
            archived.events += packed.events;
            archived.bytes += packed.data.len();
        }
    }
    if let Some(position) = last {
        note_archived(&tx, position)?;
        note_gone(&tx, position)?;
    }
    counters::add(&mut Statements::on(&tx), &counters)?;
    tx.commit()?;
    Ok(archived)
}

/// The newest position that moved here, be it in the database that this one was copied from.
pub fn newest_gone(conn: &Connection) -> Result<i64, Error> {
    let sql = "SELECT max(position) FROM reader_positions WHERE name = 'archive'";
    let newest: Option<i64> = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(newest.unwrap_or(0))
}

fn note_gone(tx: &Transaction<'_>, position: i64) -> Result<(), Error> {
    let sql = "INSERT INTO reader_positions (name, position) VALUES ('archive', ?1)
               ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)";
    tx.prepare_cached(sql)?.execute([position])?;
    Ok(())
}

/// The last position of its journal, if it still stood as it was packed. None of its tasks was open.
fn move_one(
    tx: &Transaction<'_>,
    packed: &Packed,
    counters: &mut Counters,
) -> Result<Option<i64>, Error> {
    let Packed { order_id, version, status, attempts, data, .. } = packed;
    let stood = tx
        .prepare_cached(
            "SELECT restaurant_id, customer_id, placed_at FROM orders
             WHERE order_id = ?1 AND version = ?2 AND wake_at IS NULL
             AND ?3 = (SELECT coalesce(sum(attempts), 0) FROM tasks WHERE order_id = ?1)",
        )?
        .query_row(params![order_id, version, attempts], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some(stood) = stood else { return Ok(None) };
    let (restaurant_id, customer_id, placed_at): (String, String, i64) = stood;
    late::Entry { restaurant_id: &restaurant_id, customer_id: &customer_id, placed_at, order_id }
        .remove(tx)?;
    tx.prepare_cached("DELETE FROM orders WHERE order_id = ?1")?.execute([order_id])?;
    let last = tx
        .prepare_cached("SELECT coalesce(max(position), 0) FROM journal WHERE order_id = ?1")?
        .query_row([order_id], |row| row.get(0))?;
    let given_up: i64 = tx
        .prepare_cached("SELECT count(*) FROM tasks WHERE order_id = ?1 AND state = 'given_up'")?
        .query_row([order_id], |row| row.get(0))?;
    counters.add_task_in(TaskState::GivenUp, 0, None, -given_up);
    tx.prepare_cached("DELETE FROM tasks WHERE order_id = ?1")?.execute([order_id])?;
    tx.prepare_cached("DELETE FROM journal WHERE order_id = ?1")?.execute([order_id])?;
    tx.prepare_cached("INSERT INTO archive (order_id, status, data) VALUES (?1, ?2, ?3)")?
        .execute(params![order_id, status, data])?;
    Ok(Some(last))
}

/// The order in compact history, if it is there.
pub fn find(conn: &Connection, order_id: &str) -> Result<Option<Whole>, Error> {
    let mut statement = conn.prepare_cached("SELECT data FROM archive WHERE order_id = ?1")?;
    let data: Option<Vec<u8>> = statement.query_row([order_id], |row| row.get(0)).optional()?;
    data.map(|data| unpack(&data)).transpose()
}

/// The same, ready to come back.
pub fn find_returning(tx: &Statements<'_>, order: &Order) -> Result<Option<Returning>, Error> {
    find(tx.conn(), &order.order_id)?.map(Whole::returning).transpose()
}

/// Moves an order that stood at `version` when it was archived back into the tables, as it stood
/// there: whether it was one.
pub fn bring_back(
    tx: &mut Statements<'_>,
    Returning { whole, order, tasks }: Returning,
    version: i64,
    counters: &mut Counters,
) -> Result<bool, Error> {
    if whole.row.version != version {
        return Ok(false);
    }
    let order_id = &whole.order_id;
    tx.prepare_cached("DELETE FROM archive WHERE order_id = ?1")?.execute([order_id])?;
    insert_order(tx, &order, None)?;
    for task in tasks {
        insert_task(tx, &task)?;
        counters.add_task(&task, 1);
    }
    let mut statement = tx.conn().prepare_cached(&format!(
        "INSERT INTO journal ({JOURNAL})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    ))?;
    for row in &whole.journal {
        statement.execute(params![
            row.position,
            row.event_id,
            order_id,
            row.sequence,
            row.occurred_at,
            row.status,
            row.actor,
            row.data.get(),
            row.restaurant_id,
            row.customer_id,
            row.total_minor,
            row.currency,
            row.traceparent,
            row.causation_id,
            row.flow_version,
        ])?;
    }
    Ok(true)
}

fn find_living(tx: &Transaction<'_>, order_id: String) -> Result<Option<Living>, Error> {
    let row = tx
        .prepare_cached(
            "SELECT version, status, restaurant_id, placed_at, state FROM orders
             WHERE order_id = ?1 AND wake_at IS NULL",
        )?
        .query_row([&order_id], |row| Ok(raw_row(row)))
        .optional()?;
    let Some((row, state)) = row.transpose()? else { return Ok(None) };
    let tasks = format!("SELECT {TASK} FROM tasks WHERE order_id = ?1 ORDER BY sequence");
    let journal = format!("SELECT {JOURNAL} FROM journal WHERE order_id = ?1 ORDER BY sequence");
    let tasks = select(tx, &tasks, &order_id, raw_task)?;
    let journal = select(tx, &journal, &order_id, raw_event)?;
    Ok(Some(Living { whole: Whole { order_id, row, tasks, journal }, state }))
}

fn select<T>(
    tx: &Transaction<'_>,
    sql: &str,
    order_id: &str,
    read: fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([order_id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn raw_row(row: &Row<'_>) -> Result<(RawRow, String), Error> {
    let raw_row = RawRow {
        version: row.get(0)?,
        status: row.get(1)?,
        restaurant_id: row.get(2)?,
        placed_at: row.get(3)?,
    };
    Ok((raw_row, row.get(4)?))
}

fn raw_task(row: &Row<'_>) -> Result<RawTask, Error> {
    Ok(RawTask {
        sequence: row.get(1)?,
        kind: raw(row.get(2)?)?,
        state: row.get(3)?,
        attempts: row.get(4)?,
        next_attempt_at: row.get(5)?,
        give_up_at: row.get(6)?,
        last_error: row.get(7)?,
        event_id: row.get(8)?,
        traceparent: row.get(9)?,
    })
}

fn raw_event(row: &Row<'_>) -> Result<RawEvent, Error> {
    Ok(RawEvent {
        position: row.get(0)?,
        event_id: row.get(1)?,
        sequence: row.get(3)?,
        occurred_at: row.get(4)?,
        status: row.get(5)?,
        actor: row.get(6)?,
        data: raw(row.get(7)?)?,
        restaurant_id: row.get(8)?,
        customer_id: row.get(9)?,
        total_minor: row.get(10)?,
        currency: row.get(11)?,
        traceparent: row.get(12)?,
        causation_id: row.get(13)?,
        flow_version: row.get(14)?,
    })
}
