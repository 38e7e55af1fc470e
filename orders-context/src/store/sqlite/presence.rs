//! Which restaurants have an app connected.

use super::Sqlite;
use crate::domain::Timestamp;
use crate::store::presence::{Attendance, Connected, PresenceStore};
use crate::store::{Answer, Error};
use rusqlite::{Connection, params};

impl PresenceStore for Sqlite {
    fn note_attendance(&self, attendance: Attendance) -> Answer<'_, ()> {
        self.write(move |conn| note(conn, &attendance))
    }

    fn connections(&self, restaurant_id: String) -> Answer<'_, Vec<Connected>> {
        self.read(move |conn| find(conn, &restaurant_id))
    }

    fn forget_connections(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.write(move |conn| delete_old(conn, before, limit))
    }
}

fn note(conn: &mut Connection, attendance: &Attendance) -> Result<(), Error> {
    let Attendance { instance, restaurant_ids, at, until } = attendance;
    let mut statement = conn.prepare_cached(
        "INSERT INTO app_connections (restaurant_id, instance, since, until)
         SELECT value, ?2, ?3, ?4 FROM json_each(?1) WHERE true
         ON CONFLICT (restaurant_id, instance) DO UPDATE SET until = excluded.until,
             since = CASE WHEN app_connections.until <= excluded.since THEN excluded.since
                 ELSE app_connections.since END",
    )?;
    let restaurant_ids = serde_json::to_string(restaurant_ids)?;
    statement.execute(params![restaurant_ids, instance, at.0, until.0])?;
    Ok(())
}

fn find(conn: &mut Connection, restaurant_id: &str) -> Result<Vec<Connected>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT since, until FROM app_connections WHERE restaurant_id = ?1")?;
    let rows = statement.query_map([restaurant_id], |row| {
        Ok(Connected { since: Timestamp(row.get(0)?), until: Timestamp(row.get(1)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn delete_old(conn: &mut Connection, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM app_connections WHERE (restaurant_id, instance) IN
             (SELECT restaurant_id, instance FROM app_connections WHERE until <= ?1 LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before.0, limit as i64])?)
}
