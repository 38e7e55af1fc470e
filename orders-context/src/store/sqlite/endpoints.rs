//! Endpoints of restaurants: one row each, and each change compared with the round before.

use super::Sqlite;
use super::rows::json;
use crate::domain::Endpoint;
use crate::store::{Added, Answer, Endpoints, Error, NewEndpoint};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

impl Endpoints for Sqlite {
    fn add_endpoint(&self, new: NewEndpoint, most: usize) -> Answer<'_, Added> {
        self.write(move |conn| add(conn, &new, most))
    }

    fn endpoints(&self, restaurant_id: String) -> Answer<'_, Vec<Endpoint>> {
        self.read(move |conn| of_restaurant(conn, &restaurant_id))
    }

    fn replace_endpoint(&self, next: Endpoint) -> Answer<'_, bool> {
        self.write(move |conn| replace(conn, &next))
    }

    fn remove_endpoint(&self, restaurant_id: String, endpoint_id: String) -> Answer<'_, bool> {
        self.write(move |conn| remove(conn, &restaurant_id, &endpoint_id))
    }
}

fn add(conn: &mut Connection, new: &NewEndpoint, most: usize) -> Result<Added, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = tx
        .prepare_cached("SELECT request_hash, data FROM endpoints WHERE key = ?1")?
        .query_row([&new.key], |row| Ok((row.get(0)?, json(row, 1)?)))
        .optional()?;
    if let Some((request_hash, endpoint)) = before {
        return Ok(Added::Before { request_hash, endpoint: Box::new(endpoint) });
    }
    let endpoint = &new.endpoint;
    let (is_there, number): (bool, i64) = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM restaurants WHERE restaurant_id = ?1),
                (SELECT count(*) FROM endpoints WHERE restaurant_id = ?1)",
        )?
        .query_row([&endpoint.restaurant_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match () {
        () if !is_there => return Ok(Added::NoRestaurant),
        () if number >= most as i64 => return Ok(Added::TooMany),
        () => {}
    }
    tx.prepare_cached(
        "INSERT INTO endpoints
            (endpoint_id, restaurant_id, round, is_active, key, request_hash, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        endpoint.endpoint_id,
        endpoint.restaurant_id,
        endpoint.round,
        endpoint.pause.is_none(),
        new.key,
        new.request_hash,
        serde_json::to_string(endpoint)?
    ])?;
    tx.commit()?;
    Ok(Added::New)
}

fn of_restaurant(conn: &mut Connection, restaurant_id: &str) -> Result<Vec<Endpoint>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT data FROM endpoints WHERE restaurant_id = ?1 ORDER BY endpoint_id",
    )?;
    let rows = statement.query_map([restaurant_id], |row| json(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn replace(conn: &mut Connection, next: &Endpoint) -> Result<bool, Error> {
    let replaced = conn
        .prepare_cached(
            "UPDATE endpoints SET round = ?2, is_active = ?3, data = ?4
             WHERE endpoint_id = ?1 AND round = ?2 - 1",
        )?
        .execute(params![
            next.endpoint_id,
            next.round,
            next.pause.is_none(),
            serde_json::to_string(next)?
        ])?;
    Ok(replaced == 1)
}

fn remove(conn: &mut Connection, restaurant_id: &str, endpoint_id: &str) -> Result<bool, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let removed = tx
        .prepare_cached("DELETE FROM endpoints WHERE endpoint_id = ?1 AND restaurant_id = ?2")?
        .execute([endpoint_id, restaurant_id])?;
    if removed == 1 {
        tx.prepare_cached("DELETE FROM deliveries WHERE endpoint_id = ?1")?
            .execute([endpoint_id])?;
    }
    tx.commit()?;
    Ok(removed == 1)
}
