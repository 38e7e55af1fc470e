//! What endpoints are told. `data` is all of a delivery; of its columns, those that change without it win.

use super::rows::{JOURNAL, journal_row, json};
use super::{Sqlite, copy};
use crate::domain::{Delivery, DeliveryState, Endpoint, Timestamp};
use crate::store::damage::pass_over;
use crate::store::{Answer, Concerning, Deliveries, Error, Health};
use rusqlite::{Connection, OptionalExtension, Row, Rows, TransactionBehavior, params};
use serde::de::DeserializeOwned;

impl Deliveries for Sqlite {
    fn concerning(&self, after: i64, limit: usize) -> Answer<'_, Concerning> {
        self.read_for_loops(move |conn| concerning(conn, after, limit as i64))
    }

    fn endpoints_of(&self, restaurant_ids: Vec<String>) -> Answer<'_, Vec<Endpoint>> {
        self.read_for_loops(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT data, endpoint_id FROM endpoints WHERE restaurant_id = ?1
                 ORDER BY endpoint_id",
            )?;
            let mut found = Vec::new();
            for restaurant_id in &restaurant_ids {
                found.extend(readable("endpoints", statement.query([restaurant_id])?, of_json)?);
            }
            Ok(found)
        })
    }

    fn deliveries_position(&self) -> Answer<'_, i64> {
        self.read_for_loops(|conn| position(conn))
    }

    fn add_deliveries(&self, from: i64, to: i64, new: Vec<Delivery>) -> Answer<'_, bool> {
        self.write(move |conn| add(conn, from, to, &new))
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        health: Health,
        each: usize,
        limit: usize,
    ) -> Answer<'_, Vec<(Endpoint, Delivery)>> {
        self.read_for_loops(move |conn| due(conn, (now, health), each, limit))
    }

    fn stale_deliveries(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Delivery>> {
        self.read_for_loops(move |conn| {
            // Whatever is pointless was due before.
            let mut statement = conn.prepare_cached(
                "SELECT deliveries.data, event_id, next_attempt_at FROM endpoints
                    JOIN deliveries ON deliveries.endpoint_id = endpoints.endpoint_id
                        AND state = 'pending' AND next_attempt_at <= ?1
                 WHERE NOT is_active AND CASE WHEN json_valid(deliveries.data)
                    THEN json_extract(deliveries.data, '$.give_up_at') <= ?1 END
                 LIMIT ?2",
            )?;
            readable("deliveries", statement.query(params![now.0, limit as i64])?, delivery)
        })
    }

    fn untold_pauses(&self, limit: usize) -> Answer<'_, Vec<Endpoint>> {
        self.read_for_loops(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT data, endpoint_id FROM endpoints WHERE NOT is_active
                    AND CASE WHEN json_valid(data)
                        THEN json_extract(data, '$.pause.why') = 'failing'
                            AND NOT coalesce(json_extract(data, '$.pause.owner_told'), 0) END
                 ORDER BY endpoint_id LIMIT ?1",
            )?;
            readable("endpoints", statement.query([limit as i64])?, of_json)
        })
    }

    fn replace_delivery(&self, next: Delivery) -> Answer<'_, bool> {
        self.write(move |conn| replace(conn, &next))
    }

    fn deliveries(
        &self,
        endpoint_id: String,
        state: Option<DeliveryState>,
        before: Option<String>,
        limit: usize,
    ) -> Answer<'_, Vec<Delivery>> {
        self.read(move |conn| list(conn, &endpoint_id, state, before.as_deref(), limit))
    }

    fn delivery(&self, endpoint_id: String, event_id: String) -> Answer<'_, Option<Delivery>> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT data, event_id, next_attempt_at FROM deliveries
                 WHERE endpoint_id = ?1 AND event_id = ?2",
            )?;
            Ok(statement.query_row([endpoint_id, event_id], delivery).optional()?)
        })
    }

    fn hurry_deliveries(&self, endpoint_id: String, now: Timestamp) -> Answer<'_, usize> {
        self.write(move |conn| {
            let mut statement = conn.prepare_cached(
                "UPDATE deliveries SET next_attempt_at = min(next_attempt_at, ?2)
                 WHERE endpoint_id = ?1 AND state = 'pending'",
            )?;
            Ok(statement.execute(params![endpoint_id, now.0])?)
        })
    }

    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.write(move |conn| {
            let mut statement = conn.prepare_cached(
                "DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries
                 WHERE occurred_at < ?1 AND state <> 'pending' ORDER BY occurred_at LIMIT ?2)",
            )?;
            Ok(statement.execute(params![before.0, limit as i64])?)
        })
    }
}

/// All of one moment.
fn concerning(conn: &mut Connection, after: i64, limit: i64) -> Result<Concerning, Error> {
    let tx = conn.transaction()?;
    let somebody = "SELECT EXISTS (SELECT 1 FROM endpoints)";
    if !tx.prepare_cached(somebody)?.query_row([], |row| row.get::<_, bool>(0))? {
        let up_to = after.max(copy::positions(&tx)?);
        return Ok(Concerning { rows: Vec::new(), unreadable: Vec::new(), up_to, is_full: false });
    }
    let page = "SELECT coalesce(max(position), ?1), count(*) FROM
        (SELECT position FROM journal WHERE position > ?1 ORDER BY position LIMIT ?2)";
    let (up_to, count): (i64, i64) =
        tx.prepare_cached(page)?.query_row([after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE position > ?1 AND position <= ?2
            AND restaurant_id IN (SELECT restaurant_id FROM endpoints)
         ORDER BY position"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut page =
        Concerning { rows: Vec::new(), unreadable: Vec::new(), up_to, is_full: count == limit };
    let mut found = statement.query([after, up_to])?;
    while let Some(row) = found.next()? {
        match journal_row(row).map_err(Error::from) {
            Ok(row) => page.rows.push(row),
            Err(error @ Error::Corrupt(_)) => page.unreadable.push((row.get(0)?, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

fn position(conn: &Connection) -> Result<i64, Error> {
    let sql = "SELECT position FROM reader_positions WHERE name = 'deliveries'";
    let found = conn.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

fn add(conn: &mut Connection, from: i64, to: i64, new: &[Delivery]) -> Result<bool, Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if position(&tx)? != from {
        return Ok(false);
    }
    tx.prepare_cached(
        "INSERT INTO reader_positions (name, position) VALUES ('deliveries', ?1)
         ON CONFLICT (name) DO UPDATE SET position = excluded.position",
    )?
    .execute([to])?;
    for delivery in new {
        if delivery.round > 1 {
            if !replace(&tx, delivery)? {
                return Ok(false);
            }
            continue;
        }
        tx.prepare_cached(
            "INSERT INTO deliveries (endpoint_id, event_id, round, state, next_attempt_at,
                occurred_at, data)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE EXISTS (SELECT 1 FROM endpoints WHERE endpoint_id = ?1)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            delivery.endpoint_id,
            delivery.event_id,
            delivery.round,
            delivery.state.as_str(),
            delivery.next_attempt_at.0,
            delivery.occurred_at.0,
            serde_json::to_string(delivery)?,
        ])?;
    }
    tx.commit()?;
    Ok(true)
}

/// One look at an index for each endpoint. What is no JSON takes nobody's place.
fn due(
    conn: &mut Connection,
    (now, health): (Timestamp, Health),
    each: usize,
    limit: usize,
) -> Result<Vec<(Endpoint, Delivery)>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT deliveries.data, deliveries.endpoint_id || ' ' || event_id, next_attempt_at, endpoints.data
         FROM endpoints
            JOIN deliveries ON deliveries.rowid IN (SELECT one.rowid FROM deliveries AS one
                WHERE one.endpoint_id = endpoints.endpoint_id AND one.state = 'pending'
                    AND one.next_attempt_at <= ?1 AND json_valid(one.data)
                ORDER BY one.next_attempt_at LIMIT ?2)
         WHERE endpoints.is_active
            AND ?4 = (CASE WHEN json_valid(endpoints.data)
                THEN json_extract(endpoints.data, '$.failing_since') END IS NOT NULL)
         ORDER BY next_attempt_at LIMIT ?3",
    )?;
    let values = params![now.0, each as i64, limit as i64, health == Health::Failing];
    readable("deliveries", statement.query(values)?, |row| Ok((json(row, 3)?, delivery(row)?)))
}

fn replace(conn: &Connection, next: &Delivery) -> Result<bool, Error> {
    let replaced = conn
        .prepare_cached(
            "UPDATE deliveries SET round = ?3, state = ?4, next_attempt_at = ?5, data = ?6
             WHERE endpoint_id = ?1 AND event_id = ?2 AND round = ?3 - 1",
        )?
        .execute(params![
            next.endpoint_id,
            next.event_id,
            next.round,
            next.state.as_str(),
            next.next_attempt_at.0,
            serde_json::to_string(next)?,
        ])?;
    Ok(replaced == 1)
}

fn list(
    conn: &mut Connection,
    endpoint_id: &str,
    state: Option<DeliveryState>,
    before: Option<&str>,
    limit: usize,
) -> Result<Vec<Delivery>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT data, event_id, next_attempt_at FROM deliveries
         WHERE endpoint_id = ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR event_id < ?3)
         ORDER BY event_id DESC LIMIT ?4",
    )?;
    let state = state.map(DeliveryState::as_str);
    let rows = statement.query_map(params![endpoint_id, state, before, limit as i64], delivery)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery { next_attempt_at: Timestamp(row.get(2)?), ..json(row, 0)? })
}

fn of_json<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    json(row, 0)
}

/// All rows that can be read; the second column names each.
fn readable<T>(
    table: &'static str,
    mut rows: Rows<'_>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(1).unwrap_or_default();
        found.extend(pass_over(table, &id, read(row))?);
    }
    Ok(found)
}
