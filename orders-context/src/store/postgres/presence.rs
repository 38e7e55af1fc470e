//! Which restaurants have an app connected.

use super::read::select;
use super::rows::{get, text};
use super::{Postgres, ask};
use crate::domain::Timestamp;
use crate::store::presence::{Attendance, Connected, PresenceStore};
use crate::store::{Answer, Error};
use chassis::postgres::Client;

impl PresenceStore for Postgres {
    fn note_attendance(&self, attendance: Attendance) -> Answer<'_, ()> {
        Box::pin(ask(&self.loops, async move |client| note(client, &attendance).await))
    }

    fn connections(&self, restaurant_id: String) -> Answer<'_, Vec<Connected>> {
        Box::pin(ask(&self.readers, async move |client| find(client, &restaurant_id).await))
    }

    fn forget_connections(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        Box::pin(ask(&self.loops, async move |client| delete_old(client, before, limit).await))
    }
}

/// No other instance ever writes these rows.
async fn note(client: &Client, attendance: &Attendance) -> Result<(), Error> {
    let sql = "INSERT INTO app_connections AS known (restaurant_id, instance, since, until)
         SELECT restaurant_id, $2, $3, $4 FROM unnest($1::text[]) AS asked (restaurant_id)
         ON CONFLICT (restaurant_id, instance) DO UPDATE SET until = excluded.until,
             since = CASE WHEN known.until <= excluded.since THEN excluded.since
                 ELSE known.since END";
    let Attendance { instance, restaurant_ids, at, until } = attendance;
    let restaurant_ids: Vec<_> = restaurant_ids.iter().map(|id| text(id)).collect();
    select(client, sql, &[&restaurant_ids, instance, &at.0, &until.0]).await.map(drop)
}

async fn find(client: &Client, restaurant_id: &str) -> Result<Vec<Connected>, Error> {
    let sql = "SELECT since, until FROM app_connections WHERE restaurant_id = $1";
    let rows = select(client, sql, &[&text(restaurant_id)]).await?;
    let connected = rows.iter().map(|row| {
        Ok(Connected { since: Timestamp(get(row, 0)?), until: Timestamp(get(row, 1)?) })
    });
    connected.collect()
}

async fn delete_old(client: &Client, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let sql = "DELETE FROM app_connections WHERE (restaurant_id, instance) IN
             (SELECT restaurant_id, instance FROM app_connections WHERE until <= $1 LIMIT $2)
         RETURNING 1";
    Ok(select(client, sql, &[&before.0, &(limit as i64)]).await?.len())
}
