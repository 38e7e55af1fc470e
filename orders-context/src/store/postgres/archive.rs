//! Orders at rest on their way to compact history, and back.
//!
//! They are read without a transaction: only the one statement that moves them has an id, and holds
//! back the readers of the journal. It checks that they still stand as they were read.

use super::columns::Orders;
use super::counters::{Changes, LAST_SLOT};
use super::read::select;
use super::rows::{JOURNAL, TASK, get, text};
use super::tasks;
use crate::domain::Timestamp;
use crate::store::archive::{
    Archived, Living, Packed, Packer, Portion, RawEvent, RawRow, RawTask, Returning, Whole, raw,
    unpack,
};
use crate::store::damage::pass_over;
use crate::store::{Counters, Error, TaskChange};
use chassis::postgres::{Client, pipelined};
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Who is busy with an order is not waited for. What was read is still true: the version stands for
/// row and journal, the attempts for the tasks, of which none is open.
const MOVE: &str = "WITH asked AS (
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[])
            AS asked (order_id, version, attempts, status, data)),
    free AS (
        SELECT orders.order_id FROM orders JOIN asked USING (order_id)
        WHERE orders.version = asked.version AND wake_at IS NULL AND asked.attempts =
            (SELECT coalesce(sum(tasks.attempts), 0) FROM tasks
             WHERE tasks.order_id = orders.order_id)
        FOR UPDATE OF orders SKIP LOCKED),
    moved AS (DELETE FROM orders USING free WHERE orders.order_id = free.order_id
        RETURNING orders.order_id),
    closed AS (DELETE FROM tasks USING moved WHERE tasks.order_id = moved.order_id
        RETURNING tasks.state),
    counted AS (INSERT INTO counters (what, word, bucket, slot, count)
        SELECT 'tasks', 'given_up', 0, $6, -count(*) FROM closed WHERE state = 'given_up'
        HAVING count(*) > 0
        ON CONFLICT (what, word, bucket, slot) DO UPDATE SET count = counters.count + excluded.count),
    told AS (DELETE FROM journal USING moved WHERE journal.order_id = moved.order_id
        RETURNING position),
    noted AS (UPDATE journal_base SET archived = newest
        FROM (SELECT max(position) AS newest FROM told) AS told WHERE archived < newest),
    gone AS (INSERT INTO reader_positions AS known (name, position)
        SELECT 'archive', max(position) FROM told HAVING count(*) > 0
        ON CONFLICT (name) DO UPDATE SET position = greatest(known.position, excluded.position))
    INSERT INTO archive (order_id, status, data)
    SELECT order_id, status, data FROM asked JOIN moved USING (order_id)
    RETURNING order_id";

/// What may go, packed, and how far this portion reaches.
pub async fn pack(client: &Client, portion: &Portion) -> Result<(Archived, Vec<Packed>), Error> {
    let (reached, order_ids) = candidates(client, portion).await?;
    let (mut packer, mut packed) = (Packer::new()?, Vec::new());
    for living in find_living(client, &order_ids).await? {
        if living.may_go(portion) {
            packed.push(packer.pack(&living.whole)?);
        }
    }
    Ok((reached, packed))
}

/// Orders of the oldest rows of the journal, each once.
async fn candidates(
    client: &Client,
    portion: &Portion,
) -> Result<(Archived, BTreeSet<String>), Error> {
    let sql = "SELECT position, order_id, occurred_at FROM journal
         WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";
    let limit = portion.limit as i64;
    let rows = select(client, sql, &[&portion.after, &portion.published, &limit]).await?;
    let (mut reached, mut order_ids, mut looked_at) = (portion.after, BTreeSet::new(), 0);
    for row in &rows {
        let occurred_at = Timestamp(get(row, 2)?);
        if portion.ends_at(occurred_at) {
            break;
        }
        reached = get(row, 0)?;
        if occurred_at < portion.before {
            order_ids.insert(get(row, 1)?);
        }
        looked_at += 1;
    }
    let has_more = looked_at == portion.limit;
    Ok((Archived { reached, has_more, ..Archived::default() }, order_ids))
}

/// One statement: each order is here or there, whenever the process ends.
pub async fn archive(
    client: &Client,
    mut archived: Archived,
    packed: &[Packed],
) -> Result<Archived, Error> {
    let each = packed.iter();
    let order_ids: Vec<_> = each.clone().map(|packed| packed.order_id.as_str()).collect();
    let versions: Vec<_> = each.clone().map(|packed| packed.version).collect();
    let attempts: Vec<_> = each.clone().map(|packed| packed.attempts).collect();
    let statuses: Vec<_> = each.clone().map(|packed| packed.status.as_str()).collect();
    let data: Vec<_> = each.clone().map(|packed| packed.data.as_slice()).collect();
    let values: [&(dyn ToSql + Sync); 6] =
        [&order_ids, &versions, &attempts, &statuses, &data, &LAST_SLOT];
    let moved = select(client, MOVE, &values).await?;
    let moved: BTreeSet<&str> = moved.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    for packed in each.filter(|packed| moved.contains(packed.order_id.as_str())) {
        archived.orders += 1;
        archived.events += packed.events;
        archived.bytes += packed.data.len();
    }
    Ok(archived)
}

/// The newest position that moved here, be it in the database that this one was copied from.
pub async fn newest_gone(client: &Client) -> Result<i64, Error> {
    let sql = "SELECT position FROM reader_positions WHERE name = 'archive'";
    select(client, sql, &[]).await?.first().map_or(Ok(0), |row| get(row, 0))
}

/// The order in compact history, if it is there.
pub async fn find(client: &Client, order_id: &str) -> Result<Option<Whole>, Error> {
    let sql = "SELECT data FROM archive WHERE order_id = $1";
    let rows = select(client, sql, &[&text(order_id)]).await?;
    rows.first().map(|row| unpack(get(row, 0)?)).transpose()
}

/// What has become of orders that were to come back.
#[derive(Default)]
pub struct Back {
    /// The version of each that is back.
    pub versions: HashMap<String, i64>,
    /// Those that cannot be read, and stay where they are.
    pub unreadable: BTreeSet<String>,
}

/// Moves orders back into the tables, as they stood there, within the present transaction. Whoever else
/// wants to waits, and then finds them there. `slot` is the transaction's own; what was counted of them
/// stays counted, and their tasks count again.
pub async fn bring_back(client: &Client, order_ids: &[&str], slot: i32) -> Result<Back, Error> {
    let sql = "SELECT data, order_id FROM archive WHERE order_id = ANY($1::text[])
         ORDER BY order_id FOR UPDATE";
    let (mut back, mut returning) = (Back::default(), Vec::new());
    for row in &select(client, sql, &[&order_ids]).await? {
        let order_id: String = get(row, 1)?;
        let found = get(row, 0).and_then(unpack).and_then(Whole::returning);
        match pass_over("archive", &order_id, found)? {
            Some(found) => returning.push(found),
            None => drop(back.unreadable.insert(order_id)),
        }
    }
    let readable: Vec<&str> = returning.iter().map(|found| &*found.whole.order_id).collect();
    select(client, "DELETE FROM archive WHERE order_id = ANY($1::text[])", &[&readable]).await?;
    for found in returning {
        let (order_id, version) = (found.whole.order_id.clone(), found.whole.row.version);
        restore(client, found, slot).await?;
        back.versions.insert(order_id, version);
    }
    Ok(back)
}

async fn restore(client: &Client, returning: Returning, slot: i32) -> Result<(), Error> {
    let Returning { whole, order, tasks: living } = returning;
    let mut orders = Orders::default();
    orders.push(&order, None)?;
    select(client, Orders::INSERT, &orders.to_insert()).await?;
    let mut counters = Counters::default();
    living.iter().for_each(|task| counters.add_task(task, 1));
    let changes = Changes::of(&counters);
    if !changes.is_empty() {
        select(client, Changes::ADD, &changes.values(&slot)).await?;
    }
    let opened: Vec<_> = living.into_iter().map(TaskChange::Open).collect();
    let mut waves = tasks::Waves::default();
    for change in &opened {
        waves.push(&whole.order_id, change)?;
    }
    let statements = tasks::Statements::prepare(client).await?;
    pipelined(waves.sendings(client, &statements, &slot).collect()).await?;
    let sql = format!(
        "INSERT INTO journal ({JOURNAL})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    for row in &whole.journal {
        let data = row.data.get();
        select(
            client,
            &sql,
            &[
                &row.position,
                &row.event_id,
                &whole.order_id,
                &row.sequence,
                &row.occurred_at,
                &row.status,
                &row.actor,
                &data,
                &row.restaurant_id,
                &row.customer_id,
                &row.total_minor,
                &row.currency,
                &row.traceparent,
                &row.causation_id,
                &row.flow_version,
            ],
        )
        .await?;
    }
    Ok(())
}

/// Orders that nobody wants to be woken for, with their journals and tasks. What cannot be read
/// stays where checks find it.
async fn find_living(client: &Client, order_ids: &BTreeSet<String>) -> Result<Vec<Living>, Error> {
    let order_ids: Vec<&str> = order_ids.iter().map(String::as_str).collect();
    let orders = "SELECT version, status, restaurant_id, placed_at, state, order_id FROM orders
         WHERE order_id = ANY($1::text[]) AND wake_at IS NULL";
    let whose = "WHERE order_id = ANY($1::text[]) ORDER BY order_id, sequence";
    let orders = select(client, orders, &[&order_ids]).await?;
    let tasks = format!("SELECT {TASK} FROM tasks {whose}");
    let tasks = select(client, &tasks, &[&order_ids]).await?;
    let journal = format!("SELECT {JOURNAL} FROM journal {whose}");
    let journal = select(client, &journal, &[&order_ids]).await?;
    let mut found = Vec::with_capacity(orders.len());
    for row in &orders {
        let order_id: String = get(row, 5)?;
        let tasks = of_order(&tasks, 0, &order_id)?.map(raw_task).collect();
        let journal = of_order(&journal, 2, &order_id)?.map(raw_event).collect();
        match (raw_row(row), tasks, journal) {
            (Ok((row, state)), Ok(tasks), Ok(journal)) => {
                found.push(Living { whole: Whole { order_id, row, tasks, journal }, state });
            }
            _ => tracing::debug!(order.id = order_id, "cannot be read"),
        }
    }
    Ok(found)
}

/// The rows of one order; all of them are sorted by it.
fn of_order<'a>(
    rows: &'a [Row],
    column: usize,
    order_id: &str,
) -> Result<std::slice::Iter<'a, Row>, Error> {
    let is_before = |row: &Row| get::<&str>(row, column).is_ok_and(|id| id < order_id);
    let from = rows.partition_point(is_before);
    let is_ours = |row: &Row| get::<&str>(row, column).is_ok_and(|id| id <= order_id);
    let to = rows.partition_point(is_ours);
    Ok(rows.get(from..to).unwrap_or_default().iter())
}

fn raw_row(row: &Row) -> Result<(RawRow, String), Error> {
    let raw_row = RawRow {
        version: get(row, 0)?,
        status: get(row, 1)?,
        restaurant_id: get(row, 2)?,
        placed_at: get(row, 3)?,
    };
    Ok((raw_row, get(row, 4)?))
}

fn raw_task(row: &Row) -> Result<RawTask, Error> {
    Ok(RawTask {
        sequence: get(row, 1)?,
        kind: raw(get(row, 2)?)?,
        state: get(row, 3)?,
        attempts: get(row, 4)?,
        next_attempt_at: get(row, 5)?,
        give_up_at: get(row, 6)?,
        last_error: get(row, 7)?,
        event_id: get(row, 8)?,
        traceparent: get(row, 9)?,
    })
}

fn raw_event(row: &Row) -> Result<RawEvent, Error> {
    Ok(RawEvent {
        position: get(row, 0)?,
        event_id: get(row, 1)?,
        sequence: get(row, 3)?,
        occurred_at: get(row, 4)?,
        status: get(row, 5)?,
        actor: get(row, 6)?,
        data: raw(get(row, 7)?)?,
        restaurant_id: get(row, 8)?,
        customer_id: get(row, 9)?,
        total_minor: get(row, 10)?,
        currency: get(row, 11)?,
        traceparent: get(row, 12)?,
        causation_id: get(row, 13)?,
        flow_version: get(row, 14)?,
    })
}
