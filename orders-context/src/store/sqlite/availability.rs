//! How restaurants stand to new orders: asked for each order that is placed, moved by what becomes of
//! them.

use super::rows::word;
use super::statements::Statements;
use crate::domain::{Availability, Bearing, Opening, Role, Timestamp};
use crate::store::damage::pass_over;
use crate::store::{Commit, Error, Outcome};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeSet, HashMap};

const SELECT: &str = "SELECT version, opening, until, reason, set_by, since, capacity,
    expired_in_a_row FROM availability WHERE restaurant_id = ?1";

pub fn find(conn: &Connection, restaurant_id: &str) -> Result<Option<Availability>, Error> {
    Ok(conn.prepare_cached(SELECT)?.query_row([restaurant_id], row).optional()?)
}

/// Whether the version before was stored. Nobody else writes to the file between the two statements.
pub fn put(conn: &Connection, restaurant_id: &str, next: &Availability) -> Result<bool, Error> {
    let before = find(conn, restaurant_id)?.map_or(0, |stored| stored.version);
    let is_next = next.version == before + 1;
    if is_next {
        replace(conn, restaurant_id, next)?;
    }
    Ok(is_next)
}

fn replace(conn: &Connection, restaurant_id: &str, next: &Availability) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO availability (restaurant_id, version, opening, until, reason, set_by, since,
            capacity, expired_in_a_row)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (restaurant_id) DO UPDATE SET version = excluded.version,
            opening = excluded.opening, until = excluded.until, reason = excluded.reason,
            set_by = excluded.set_by, since = excluded.since, capacity = excluded.capacity,
            expired_in_a_row = excluded.expired_in_a_row",
    )?
    .execute(params![
        restaurant_id,
        next.version,
        next.opening.as_str(),
        next.until.map(|at| at.0),
        next.reason,
        next.set_by.as_str(),
        next.since.0,
        next.capacity,
        next.expired_in_a_row,
    ])?;
    Ok(())
}

/// Those that a group of commits concerns, each read once, and written once if it has moved.
#[derive(Default)]
pub struct Restaurants {
    known: HashMap<String, Stored>,
    moved: BTreeSet<String>,
}

/// What is stored of one.
enum Stored {
    Nothing,
    This(Availability),
    Unreadable,
}

impl Restaurants {
    /// Whether the order's restaurant takes it, if it is a new one, and else what becomes of it. Nothing was
    /// written for it yet.
    pub fn admit(
        &mut self,
        tx: &mut Statements<'_>,
        commit: &Commit,
    ) -> Result<Result<(), Outcome>, Error> {
        if commit.bearing != Some(Bearing::Asks) {
            return Ok(Ok(()));
        }
        let id = &commit.order.restaurant_id;
        let availability = match self.find(tx, id)? {
            Stored::This(availability) => availability,
            Stored::Nothing => return Ok(Ok(())),
            Stored::Unreadable => return Ok(Err(Outcome::Unreadable)),
        };
        let in_work = match availability.capacity {
            Some(_) => in_work(tx, id)?,
            None => 0,
        };
        Ok(availability.admit(commit.order.placed_at, in_work).map_err(Outcome::Shut))
    }

    /// What a commit that stands means for the order's restaurant; nothing for one of which that cannot be read.
    pub fn follow(&mut self, tx: &mut Statements<'_>, commit: &Commit) -> Result<(), Error> {
        let (Some(bearing), Some(entry)) = (&commit.bearing, commit.entries.last()) else {
            return Ok(());
        };
        if *bearing == Bearing::Asks {
            return Ok(());
        }
        let id = &commit.order.restaurant_id;
        let before = match self.find(tx, id)? {
            Stored::This(before) => before.clone(),
            Stored::Nothing => Availability::unsaid(),
            Stored::Unreadable => return Ok(()),
        };
        if let Some(after) = before.after(bearing, entry.occurred_at) {
            self.known.insert(id.clone(), Stored::This(after));
            self.moved.insert(id.clone());
        }
        Ok(())
    }

    /// Writes what has become of them. Nobody else has moved them: they were read in the same transaction.
    pub fn write(&self, conn: &Connection) -> Result<(), Error> {
        for id in &self.moved {
            if let Some(Stored::This(after)) = self.known.get(id) {
                replace(conn, id, after)?;
            }
        }
        Ok(())
    }

    fn find(&mut self, tx: &mut Statements<'_>, id: &str) -> Result<&Stored, Error> {
        if !self.known.contains_key(id) {
            let found = tx.prepare_cached(SELECT)?.query_row([id], row).optional();
            let stored = match pass_over("availability", id, found)? {
                Some(Some(availability)) => Stored::This(availability),
                Some(None) => Stored::Nothing,
                None => Stored::Unreadable,
            };
            self.known.insert(id.to_owned(), stored);
        }
        Ok(self.known.get(id).unwrap_or(&Stored::Nothing))
    }
}

/// Counts entries of an index, as many as are in work.
fn in_work(tx: &mut Statements<'_>, restaurant_id: &str) -> Result<i64, Error> {
    let sql = "SELECT count(*) FROM orders WHERE restaurant_id = ?1 AND deadline IS NOT NULL";
    Ok(tx.prepare_cached(sql)?.query_row([restaurant_id], |row| row.get(0))?)
}

fn row(row: &Row<'_>) -> rusqlite::Result<Availability> {
    Ok(Availability {
        version: row.get(0)?,
        opening: word(row, 1, Opening::from_word)?,
        until: row.get::<_, Option<i64>>(2)?.map(Timestamp),
        reason: row.get(3)?,
        set_by: word(row, 4, Role::from_word)?,
        since: Timestamp(row.get(5)?),
        capacity: row.get(6)?,
        expired_in_a_row: row.get(7)?,
    })
}
