//! What endpoints are told. `data` is all of a delivery; of its columns, those that change without it win.
//!
//! What is asked of `data` is asked of it as text: PostgreSQL would refuse a question that meets one row of it
//! that is no JSON. In a text of JSON a quote is escaped, so no text is ever taken for a name.

use super::journal::{HORIZON, NEWEST};
use super::read::select;
use super::rows::{JOURNAL, get, journal_row, json, readable, text, to_json};
use super::{Postgres, ask};
use crate::domain::{Delivery, DeliveryState, Endpoint, Timestamp};
use crate::store::{Answer, Concerning, Deliveries, Error, Health};
use chassis::postgres::Client;
use tokio_postgres::Row;

impl Deliveries for Postgres {
    fn concerning(&self, after: i64, limit: usize) -> Answer<'_, Concerning> {
        Box::pin(ask(&self.loops, async move |client| {
            concerning(client, after, limit as i64).await
        }))
    }

    fn endpoints_of(&self, restaurant_ids: Vec<String>) -> Answer<'_, Vec<Endpoint>> {
        Box::pin(ask(&self.loops, async move |client| {
            let sql =
                "SELECT data, endpoint_id FROM endpoints WHERE restaurant_id = ANY($1::text[])
                 ORDER BY restaurant_id, endpoint_id";
            let ids: Vec<_> = restaurant_ids.iter().map(|id| text(id)).collect();
            readable("endpoints", &select(client, sql, &[&ids]).await?, |row| json(row, 0))
        }))
    }

    fn deliveries_position(&self) -> Answer<'_, i64> {
        Box::pin(ask(&self.loops, async |client| {
            let sql = "SELECT position FROM reader_positions WHERE name = 'deliveries'";
            select(client, sql, &[]).await?.first().map_or(Ok(0), |row| get(row, 0))
        }))
    }

    fn add_deliveries(&self, from: i64, to: i64, new: Vec<Delivery>) -> Answer<'_, bool> {
        Box::pin(ask(&self.loops, async move |client| {
            client.batch_execute("BEGIN").await?;
            let is_kept = go_on(client, from, to).await? && keep(client, &new).await?;
            client.batch_execute(if is_kept { "COMMIT" } else { "ROLLBACK" }).await?;
            Ok(is_kept)
        }))
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        health: Health,
        each: usize,
        limit: usize,
    ) -> Answer<'_, Vec<(Endpoint, Delivery)>> {
        Box::pin(ask(&self.loops, async move |client| {
            due(client, (now, health), each, limit).await
        }))
    }

    fn stale_deliveries(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Delivery>> {
        Box::pin(ask(&self.loops, async move |client| {
            // Whatever is pointless was due before.
            let sql = "SELECT deliveries.data, event_id, next_attempt_at FROM endpoints
                    JOIN deliveries ON deliveries.endpoint_id = endpoints.endpoint_id
                        AND state = 'pending' AND next_attempt_at <= $1
                 WHERE NOT is_active
                    AND substring(deliveries.data FROM '\"give_up_at\":(-?[0-9]{1,18})')::bigint <= $1
                 LIMIT $2";
            let rows = select(client, sql, &[&now.0, &(limit as i64)]).await?;
            readable("deliveries", &rows, delivery)
        }))
    }

    fn untold_pauses(&self, limit: usize) -> Answer<'_, Vec<Endpoint>> {
        Box::pin(ask(&self.loops, async move |client| {
            let sql = "SELECT data, endpoint_id FROM endpoints WHERE NOT is_active
                    AND data LIKE '%\"why\":\"failing\"%' AND data NOT LIKE '%\"owner_told\":true%'
                 ORDER BY endpoint_id LIMIT $1";
            let rows = select(client, sql, &[&(limit as i64)]).await?;
            readable("endpoints", &rows, |row| json(row, 0))
        }))
    }

    fn replace_delivery(&self, next: Delivery) -> Answer<'_, bool> {
        Box::pin(ask(&self.loops, async move |client| replace(client, &next).await))
    }

    fn deliveries(
        &self,
        endpoint_id: String,
        state: Option<DeliveryState>,
        before: Option<String>,
        limit: usize,
    ) -> Answer<'_, Vec<Delivery>> {
        Box::pin(ask(&self.readers, async move |client| {
            list(client, &endpoint_id, state, before.as_deref(), limit).await
        }))
    }

    fn delivery(&self, endpoint_id: String, event_id: String) -> Answer<'_, Option<Delivery>> {
        Box::pin(ask(&self.readers, async move |client| {
            let sql = "SELECT data, event_id, next_attempt_at FROM deliveries
                 WHERE endpoint_id = $1 AND event_id = $2";
            let rows = select(client, sql, &[&text(&endpoint_id), &text(&event_id)]).await?;
            rows.first().map(delivery).transpose()
        }))
    }

    fn hurry_deliveries(&self, endpoint_id: String, now: Timestamp) -> Answer<'_, usize> {
        Box::pin(ask(&self.readers, async move |client| {
            let sql = "UPDATE deliveries SET next_attempt_at = least(next_attempt_at, $2)
                 WHERE endpoint_id = $1 AND state = 'pending' RETURNING event_id";
            Ok(select(client, sql, &[&text(&endpoint_id), &now.0]).await?.len())
        }))
    }

    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        Box::pin(ask(&self.loops, async move |client| {
            let sql = "DELETE FROM deliveries WHERE (endpoint_id, event_id) IN
                    (SELECT endpoint_id, event_id FROM deliveries
                     WHERE occurred_at < $1 AND state <> 'pending' ORDER BY occurred_at
                     LIMIT $2 FOR UPDATE SKIP LOCKED)
                 RETURNING event_id";
            Ok(select(client, sql, &[&before.0, &(limit as i64)]).await?.len())
        }))
    }
}

/// Whether the position was `from`; then it is `to`, and its row is locked.
async fn go_on(client: &Client, from: i64, to: i64) -> Result<bool, Error> {
    let sql = "INSERT INTO reader_positions AS kept (name, position)
         SELECT 'deliveries', $2::bigint WHERE $1::bigint = 0
            OR EXISTS (SELECT 1 FROM reader_positions WHERE name = 'deliveries')
         ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE kept.position = $1
         RETURNING position";
    Ok(!select(client, sql, &[&from, &to]).await?.is_empty())
}

/// Whether all of them could be kept.
async fn keep(client: &Client, new: &[Delivery]) -> Result<bool, Error> {
    let sql = "INSERT INTO deliveries (endpoint_id, event_id, round, state, next_attempt_at,
            occurred_at, data)
         SELECT $1::text, $2::text, $3::bigint, $4::text, $5::bigint, $6::bigint, $7::text
         WHERE EXISTS (SELECT 1 FROM endpoints WHERE endpoint_id = $1)
         ON CONFLICT DO NOTHING";
    for delivery in new {
        if delivery.round > 1 {
            if !replace(client, delivery).await? {
                return Ok(false);
            }
            continue;
        }
        let data = to_json(delivery)?;
        select(
            client,
            sql,
            &[
                &delivery.endpoint_id,
                &delivery.event_id,
                &delivery.round,
                &delivery.state.as_str(),
                &delivery.next_attempt_at.0,
                &delivery.occurred_at.0,
                &data,
            ],
        )
        .await?;
    }
    Ok(true)
}

/// Below the horizon, where the second statement finds what the first one has counted. Whether nobody has an
/// endpoint is of the same moment as the horizon: what follows the first endpoint is written above.
async fn concerning(client: &Client, after: i64, limit: i64) -> Result<Concerning, Error> {
    let sql =
        format!("SELECT least({NEWEST}, {HORIZON} - 1) WHERE NOT EXISTS (SELECT 1 FROM endpoints)");
    if let Some(row) = select(client, &sql, &[]).await?.first() {
        let up_to = after.max(get(row, 0)?);
        return Ok(Concerning { rows: Vec::new(), unreadable: Vec::new(), up_to, is_full: false });
    }
    let sql = format!(
        "SELECT coalesce(max(position), $1), count(*) FROM (SELECT position FROM journal
            WHERE position > $1 AND position < {HORIZON} ORDER BY position LIMIT $2) AS page"
    );
    let page = select(client, &sql, &[&after, &limit]).await?;
    let (up_to, count) = match page.first() {
        Some(row) => (get(row, 0)?, get::<i64>(row, 1)?),
        None => (after, 0),
    };
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE position > $1 AND position <= $2
            AND restaurant_id IN (SELECT restaurant_id FROM endpoints)
         ORDER BY position"
    );
    let mut page =
        Concerning { rows: Vec::new(), unreadable: Vec::new(), up_to, is_full: count == limit };
    for row in select(client, &sql, &[&after, &up_to]).await? {
        match journal_row(&row) {
            Ok(row) => page.rows.push(row),
            Err(error @ Error::Corrupt(_)) => page.unreadable.push((get(&row, 0)?, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

/// One look at an index for each endpoint.
async fn due(
    client: &Client,
    (now, health): (Timestamp, Health),
    each: usize,
    limit: usize,
) -> Result<Vec<(Endpoint, Delivery)>, Error> {
    let sql =
        "SELECT due.data, endpoint_id || ' ' || due.event_id, due.next_attempt_at, endpoints.data
         FROM endpoints CROSS JOIN LATERAL (SELECT data, event_id, next_attempt_at FROM deliveries
                WHERE endpoint_id = endpoints.endpoint_id AND state = 'pending'
                    AND next_attempt_at <= $1 AND data LIKE '{%}'
                ORDER BY next_attempt_at LIMIT $2) AS due
         WHERE endpoints.is_active AND $4 = (endpoints.data ~ '\"failing_since\":-?[0-9]')
         ORDER BY due.next_attempt_at LIMIT $3";
    let is_failing = health == Health::Failing;
    let rows = select(client, sql, &[&now.0, &(each as i64), &(limit as i64), &is_failing]).await?;
    readable("deliveries", &rows, |row| Ok((json(row, 3)?, delivery(row)?)))
}

async fn replace(client: &Client, next: &Delivery) -> Result<bool, Error> {
    let sql =
        "UPDATE deliveries SET round = $3::bigint, state = $4, next_attempt_at = $5, data = $6
         WHERE endpoint_id = $1 AND event_id = $2 AND round = $3::bigint - 1 RETURNING event_id";
    let data = to_json(next)?;
    let (state, at) = (next.state.as_str(), next.next_attempt_at.0);
    let replaced =
        select(client, sql, &[&next.endpoint_id, &next.event_id, &next.round, &state, &at, &data])
            .await?;
    Ok(!replaced.is_empty())
}

async fn list(
    client: &Client,
    endpoint_id: &str,
    state: Option<DeliveryState>,
    before: Option<&str>,
    limit: usize,
) -> Result<Vec<Delivery>, Error> {
    let sql = "SELECT data, event_id, next_attempt_at FROM deliveries
         WHERE endpoint_id = $1 AND ($2::text IS NULL OR state = $2)
            AND ($3::text IS NULL OR event_id < $3)
         ORDER BY event_id DESC LIMIT $4";
    let (state, before) = (state.map(DeliveryState::as_str), before.map(text));
    let rows = select(client, sql, &[&text(endpoint_id), &state, &before, &(limit as i64)]).await?;
    rows.iter().map(delivery).collect()
}

fn delivery(row: &Row) -> Result<Delivery, Error> {
    Ok(Delivery { next_attempt_at: Timestamp(get(row, 2)?), ..json(row, 0)? })
}
