//! The ends of orders on the state topic, in one order of positions with the journal.
//!
//! A tombstone's position is of its transaction's, as an event's is, from the last place downwards. So what the
//! journal says of readers that skip nothing holds for both together, if both are read in one statement.

use super::ask;
use super::journal::{Connection, FIRST, HORIZON, PLACES};
use super::read::select;
use super::rows::{JOURNAL, get, journal_row, text};
use crate::domain::Timestamp;
use crate::store::{Error, JournalRow, ToPublish, Tombstone};
use chassis::postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// How many orders are buried in one statement: far fewer than a transaction has places.
const PORTION: usize = 10_000;

/// See [`Store::bury`](crate::store::Store::bury): each portion is a transaction.
pub async fn bury(client: &Client, order_ids: &[String], at: Timestamp) -> Result<usize, Error> {
    let mut inserted = 0;
    for portion in order_ids.chunks(PORTION) {
        inserted += insert(client, portion, at).await?;
    }
    Ok(inserted)
}

/// Within the present transaction, if there is one: they stand or fall with it. At most 10,000 orders.
pub async fn insert(client: &Client, order_ids: &[String], at: Timestamp) -> Result<usize, Error> {
    let sql = format!(
        "INSERT INTO tombstones (position, order_id, at)
         SELECT lowest - place, order_id, $2
         FROM unnest($1::text[]) WITH ORDINALITY AS buried (order_id, place),
             (SELECT least(first + {PLACES}, (SELECT min(position) FROM tombstones
                 WHERE position >= first)) AS lowest FROM (SELECT {FIRST} AS first) AS own) AS free
         ON CONFLICT (order_id) DO NOTHING RETURNING order_id"
    );
    let order_ids: Vec<_> = order_ids.iter().map(|id| text(id)).collect();
    Ok(select(client, &sql, &[&order_ids, &at.0]).await?.len())
}

/// What is after `position`, below the horizon and within `condition`, whose `values` are numbered from 3.
pub async fn read_to_publish(
    client: &Client,
    condition: &str,
    position: i64,
    values: &[&(dyn ToSql + Sync)],
    limit: usize,
) -> Result<ToPublish, Error> {
    let which = format!(
        "WHERE position > $1 AND position < {HORIZON} AND {condition} ORDER BY position LIMIT $2"
    );
    let sql = format!(
        "(SELECT {JOURNAL} FROM journal {which}) UNION ALL
         (SELECT position, NULL, order_id, NULL, at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             NULL, NULL FROM tombstones {which})
         ORDER BY position LIMIT $2"
    );
    let limit = limit as i64;
    let own: [&(dyn ToSql + Sync); 2] = [&position, &limit];
    let rows = select(client, &sql, &[&own, values].concat()).await?;
    let mut page = ToPublish::default();
    for row in &rows {
        match get::<Option<&str>>(row, 1)? {
            Some(_) => page.rows.push(journal_row(row)?),
            None => page.tombstones.push(tombstone(row, 2, 4)?),
        }
    }
    Ok(page)
}

/// See [`JournalReader::earlier`](crate::store::JournalReader::earlier), of what is within `condition`, whose `values`
/// are numbered from 3.
pub async fn earlier(
    client: &Client,
    condition: &str,
    position: i64,
    values: &[&(dyn ToSql + Sync)],
    rows: usize,
) -> Result<i64, Error> {
    let which = format!("WHERE position <= $1 AND {condition}");
    let sql = format!(
        "SELECT position FROM journal {which} UNION ALL SELECT position FROM tombstones {which}
         ORDER BY position DESC OFFSET $2 LIMIT 1"
    );
    let own: [&(dyn ToSql + Sync); 2] = [&position, &(rows as i64)];
    let found = select(client, &sql, &[&own, values].concat()).await?;
    found.first().map_or(Ok(0), |row| get(row, 0))
}

/// See [`JournalReader::known_of`](crate::store::JournalReader::known_of). Blocks.
pub fn wait_for_known(
    connection: &Connection,
    order_ids: &[&str],
    position: i64,
) -> Result<ToPublish, Error> {
    let order_ids: Vec<String> = order_ids.iter().map(|id| text(id).into_owned()).collect();
    let pool = connection.pool();
    let look = async move |client: &Client| known_of(client, &order_ids, position).await;
    connection.wait(async move { ask(&pool, look).await })
}

async fn known_of(
    client: &Client,
    order_ids: &[String],
    position: i64,
) -> Result<ToPublish, Error> {
    let rows = format!(
        "SELECT {JOURNAL} FROM journal WHERE order_id = ANY($1::text[]) AND position <= $2
         ORDER BY order_id, sequence"
    );
    let tombstones =
        "SELECT position, order_id, at FROM tombstones WHERE order_id = ANY($1::text[])
         ORDER BY position";
    let rows = select(client, &rows, &[&order_ids, &position]).await?;
    let tombstones = select(client, tombstones, &[&order_ids]).await?;
    Ok(ToPublish {
        rows: rows.iter().map(journal_row).collect::<Result<Vec<JournalRow>, _>>()?,
        tombstones: tombstones.iter().map(|row| tombstone(row, 1, 2)).collect::<Result<_, _>>()?,
    })
}

fn tombstone(row: &Row, order_id: usize, at: usize) -> Result<Tombstone, Error> {
    let at = Timestamp(get(row, at)?);
    Ok(Tombstone { position: get(row, 0)?, order_id: get(row, order_id)?, at })
}
