//! Bulk actions: one row each, and each change compared with the round before.

use super::read::select;
use super::rows::{get, json, text, to_json};
use crate::store::Error;
use crate::store::bulk::{Before, Bulk, NewBulk, OpenBulks, Started};
use crate::store::damage::pass_over;
use chassis::postgres::Client;

/// Of those who come with the same key at once, the first is kept and the others are told of it.
pub async fn start(client: &Client, new: &NewBulk, most_open: usize) -> Result<Started, Error> {
    let bulk = &new.bulk;
    let (data, is_open) = (to_json(bulk)?, bulk.is_open());
    let (key, most_open) = (text(&new.key), most_open as i64);
    let sql = "INSERT INTO bulk_actions (bulk_id, round, is_open, key, request_hash, data)
         SELECT $1::text, $2::bigint, $3::boolean, $4::text, $5::bytea, $6::text
         WHERE (SELECT count(*) FROM bulk_actions WHERE is_open) < $7::bigint
         ON CONFLICT (key) DO NOTHING RETURNING bulk_id";
    let inserted = select(
        client,
        sql,
        &[&bulk.bulk_id, &bulk.round, &is_open, &key, &new.request_hash, &data, &most_open],
    )
    .await?;
    if !inserted.is_empty() {
        return Ok(Started::New);
    }
    let before = of_key(client, &new.key).await?;
    Ok(before.map_or(Started::TooMany, |before| Started::Before(Box::new(before))))
}

pub async fn of_key(client: &Client, key: &str) -> Result<Option<Before>, Error> {
    let sql = "SELECT request_hash, data FROM bulk_actions WHERE key = $1";
    let rows = select(client, sql, &[&text(key)]).await?;
    let before = |row| Ok(Before { request_hash: get(row, 0)?, bulk: json(row, 1)? });
    rows.first().map(before).transpose()
}

/// Whether the round before was the one kept.
pub async fn replace(client: &Client, bulk: &Bulk) -> Result<bool, Error> {
    let (data, is_open) = (to_json(bulk)?, bulk.is_open());
    let sql = "UPDATE bulk_actions SET round = $2::bigint, is_open = $3, data = $4
         WHERE bulk_id = $1 AND round = $2::bigint - 1 RETURNING bulk_id";
    let replaced = select(client, sql, &[&bulk.bulk_id, &bulk.round, &is_open, &data]).await?;
    Ok(!replaced.is_empty())
}

pub async fn find(client: &Client, bulk_id: &str) -> Result<Option<Bulk>, Error> {
    let sql = "SELECT data FROM bulk_actions WHERE bulk_id = $1";
    let rows = select(client, sql, &[&text(bulk_id)]).await?;
    rows.first().map(|row| json(row, 0)).transpose()
}

pub async fn list(client: &Client, before: Option<&str>, limit: usize) -> Result<Vec<Bulk>, Error> {
    let sql = "SELECT data FROM bulk_actions WHERE $1::text IS NULL OR bulk_id < $1
         ORDER BY bulk_id DESC LIMIT $2";
    let rows = select(client, sql, &[&before.map(text), &(limit as i64)]).await?;
    rows.iter().map(|row| json(row, 0)).collect()
}

pub async fn open(client: &Client) -> Result<OpenBulks, Error> {
    let sql = "SELECT data, bulk_id FROM bulk_actions WHERE is_open ORDER BY bulk_id";
    let mut open = OpenBulks::default();
    for row in select(client, sql, &[]).await? {
        open.add(pass_over("bulk_actions", get(&row, 1)?, json(&row, 0))?);
    }
    Ok(open)
}
