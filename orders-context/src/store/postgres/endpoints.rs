//! Endpoints of restaurants: one row each, and each change compared with the round before.

use super::read::select;
use super::rows::{get, json, text, to_json};
use super::{Postgres, ask};
use crate::domain::Endpoint;
use crate::store::{Added, Answer, Endpoints, Error, NewEndpoint};
use chassis::postgres::Client;

impl Endpoints for Postgres {
    fn add_endpoint(&self, new: NewEndpoint, most: usize) -> Answer<'_, Added> {
        Box::pin(ask(&self.readers, async move |client| add(client, &new, most).await))
    }

    fn endpoints(&self, restaurant_id: String) -> Answer<'_, Vec<Endpoint>> {
        Box::pin(ask(&self.readers, async move |client| {
            of_restaurant(client, &restaurant_id).await
        }))
    }

    fn replace_endpoint(&self, next: Endpoint) -> Answer<'_, bool> {
        Box::pin(ask(&self.readers, async move |client| replace(client, &next).await))
    }

    fn remove_endpoint(&self, restaurant_id: String, endpoint_id: String) -> Answer<'_, bool> {
        Box::pin(ask(&self.readers, async move |client| {
            remove(client, &restaurant_id, &endpoint_id).await
        }))
    }
}

/// The restaurant's row is locked while its endpoints are counted: those who add come one by one.
async fn add(client: &Client, new: &NewEndpoint, most: usize) -> Result<Added, Error> {
    client.batch_execute("BEGIN").await?;
    let added = add_locked(client, new, most).await?;
    client.batch_execute("COMMIT").await?;
    Ok(added)
}

async fn add_locked(client: &Client, new: &NewEndpoint, most: usize) -> Result<Added, Error> {
    let endpoint = &new.endpoint;
    let sql = "SELECT 1 FROM restaurants WHERE restaurant_id = $1 FOR NO KEY UPDATE";
    let restaurant_id = text(&endpoint.restaurant_id);
    let is_there = !select(client, sql, &[&restaurant_id]).await?.is_empty();
    let sql = "SELECT request_hash, data FROM endpoints WHERE key = $1";
    if let Some(row) = select(client, sql, &[&text(&new.key)]).await?.first() {
        return Ok(Added::Before { request_hash: get(row, 0)?, endpoint: Box::new(json(row, 1)?) });
    }
    if !is_there {
        return Ok(Added::NoRestaurant);
    }
    let (data, is_active) = (to_json(endpoint)?, endpoint.pause.is_none());
    let sql = "INSERT INTO endpoints
            (endpoint_id, restaurant_id, round, is_active, key, request_hash, data)
         SELECT $1::text, $2::text, $3::bigint, $4::boolean, $5::text, $6::bytea, $7::text
         WHERE (SELECT count(*) FROM endpoints WHERE restaurant_id = $2) < $8::bigint
         RETURNING endpoint_id";
    let inserted = select(
        client,
        sql,
        &[
            &endpoint.endpoint_id,
            &restaurant_id,
            &endpoint.round,
            &is_active,
            &text(&new.key),
            &new.request_hash,
            &data,
            &(most as i64),
        ],
    )
    .await?;
    Ok(if inserted.is_empty() { Added::TooMany } else { Added::New })
}

async fn of_restaurant(client: &Client, restaurant_id: &str) -> Result<Vec<Endpoint>, Error> {
    let sql = "SELECT data FROM endpoints WHERE restaurant_id = $1 ORDER BY endpoint_id";
    let rows = select(client, sql, &[&text(restaurant_id)]).await?;
    rows.iter().map(|row| json(row, 0)).collect()
}

async fn replace(client: &Client, next: &Endpoint) -> Result<bool, Error> {
    let (data, is_active) = (to_json(next)?, next.pause.is_none());
    let sql = "UPDATE endpoints SET round = $2::bigint, is_active = $3, data = $4
         WHERE endpoint_id = $1 AND round = $2::bigint - 1 RETURNING endpoint_id";
    let replaced =
        select(client, sql, &[&next.endpoint_id, &next.round, &is_active, &data]).await?;
    Ok(!replaced.is_empty())
}

async fn remove(client: &Client, restaurant_id: &str, endpoint_id: &str) -> Result<bool, Error> {
    let sql = "WITH gone AS (DELETE FROM endpoints WHERE endpoint_id = $1 AND restaurant_id = $2
                RETURNING endpoint_id),
             untold AS (DELETE FROM deliveries USING gone
                WHERE deliveries.endpoint_id = gone.endpoint_id)
         SELECT endpoint_id FROM gone";
    let removed = select(client, sql, &[&text(endpoint_id), &text(restaurant_id)]).await?;
    Ok(!removed.is_empty())
}
