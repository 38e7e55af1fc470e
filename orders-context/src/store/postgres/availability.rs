//! How restaurants stand to new orders. A group locks, in the order of their ids, those that may refuse
//! one of its orders and those that it changes, and nobody else's: a restaurant that is open for any
//! number of orders is locked by none of them.

use super::read::select;
use super::rows::{get, text, word};
use super::under_way::UnderWay;
use crate::domain::{Availability, Bearing, Opening, Role, Timestamp};
use crate::store::damage::pass_over;
use crate::store::{Commit, Error, Outcome};
use chassis::postgres::Client;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

type Value<'a> = &'a (dyn ToSql + Sync);

/// What a group needs, compiled before it begins.
pub struct Statements {
    pub insert: Statement,
    pub lock: Statement,
    pub count: Statement,
    pub update: Statement,
}

impl Statements {
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            insert: client
                .prepare_cached(
                    "INSERT INTO availability (restaurant_id, version, opening, set_by, since,
                        expired_in_a_row)
                     SELECT restaurant_id, 0, 'open', 'system', $2::bigint, 0
                     FROM unnest($1::text[]) AS concerned (restaurant_id) ON CONFLICT DO NOTHING",
                )
                .await?,
            lock: client
                .prepare_cached(
                    "SELECT restaurant_id, version, opening, until, reason, set_by, since, capacity,
                        expired_in_a_row
                     FROM availability
                     WHERE restaurant_id = ANY($1::text[])
                            AND (opening <> 'open' OR capacity IS NOT NULL)
                        OR restaurant_id = ANY($2::text[])
                        OR restaurant_id = ANY($3::text[]) AND expired_in_a_row > 0
                     ORDER BY restaurant_id FOR NO KEY UPDATE",
                )
                .await?,
            // A statement later: it sees what those have committed whom the locks were waited for.
            count: client
                .prepare_cached(
                    "SELECT restaurant_id, count(*) FROM orders
                     WHERE restaurant_id IN (SELECT restaurant_id FROM availability
                            WHERE restaurant_id = ANY($1::text[]) AND capacity IS NOT NULL)
                        AND deadline IS NOT NULL
                     GROUP BY restaurant_id",
                )
                .await?,
            update: client
                .prepare_cached(
                    "UPDATE availability SET version = moved.version, opening = moved.opening,
                        until = moved.until, reason = moved.reason, set_by = moved.set_by,
                        since = moved.since, expired_in_a_row = moved.expired_in_a_row
                     FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[],
                        $6::text[], $7::bigint[], $8::bigint[]) AS moved (restaurant_id, version,
                        opening, until, reason, set_by, since, expired_in_a_row)
                     WHERE availability.restaurant_id = moved.restaurant_id",
                )
                .await?,
        })
    }
}

/// The restaurants that a group concerns, in the order of their ids.
#[derive(Default)]
pub struct Concerned<'a> {
    /// Those of new orders.
    pub asked: Vec<&'a str>,
    /// Those that were silent, or take no orders at all.
    pub moving: Vec<&'a str>,
    /// Those that answered.
    pub answering: Vec<&'a str>,
}

impl<'a> Concerned<'a> {
    pub fn of(commits: &'a [Commit]) -> Self {
        let (mut asked, mut moving, mut answering) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for commit in commits {
            let id = commit.order.restaurant_id.as_str();
            match commit.bearing {
                None => false,
                Some(Bearing::Asks) => asked.insert(id),
                Some(Bearing::Answered) => answering.insert(id),
                Some(Bearing::Silent { .. } | Bearing::Declines { .. }) => moving.insert(id),
            };
        }
        let list = |ids: BTreeSet<&'a str>| ids.into_iter().collect();
        Self { asked: list(asked), moving: list(moving), answering: list(answering) }
    }

    pub fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.moving.is_empty() && self.answering.is_empty()
    }
}

/// What the database said of them, and what becomes of it.
#[derive(Default)]
pub struct Restaurants {
    locked: HashMap<String, Availability>,
    unreadable: HashSet<String>,
    in_work: UnderWay,
    moved: BTreeMap<String, Availability>,
}

impl Restaurants {
    pub fn read(locked: &[Row], counted: &[Row]) -> Result<Self, Error> {
        let mut read = Self { in_work: UnderWay::read(counted)?, ..Self::default() };
        for row in locked {
            let id: String = get(row, 0)?;
            match pass_over("availability", &id, availability(row, 1))? {
                Some(availability) => drop(read.locked.insert(id, availability)),
                None => drop(read.unreadable.insert(id)),
            }
        }
        Ok(read)
    }

    /// The group has inserted this order, which does not stand yet.
    pub fn set_aside(&mut self, commit: &Commit) {
        self.in_work.set_aside(&commit.order.restaurant_id);
    }

    /// Whether the order's restaurant takes it, if it is a new one, and else what becomes of it.
    pub fn admit(&self, commit: &Commit) -> Result<(), Outcome> {
        let id = &commit.order.restaurant_id;
        match (&commit.bearing, self.locked.get(id)) {
            (Some(Bearing::Asks), Some(availability)) => {
                let admitted = availability.admit(commit.order.placed_at, self.in_work.of(id));
                admitted.map_err(Outcome::Shut)
            }
            (Some(Bearing::Asks), None) if self.unreadable.contains(id) => Err(Outcome::Unreadable),
            _ => Ok(()),
        }
    }

    /// What a commit that stands means for the order's restaurant; nothing for one of which that cannot be read.
    pub fn follow(&mut self, commit: &Commit) {
        let id = &commit.order.restaurant_id;
        self.in_work.follow(id, commit);
        let (Some(bearing), Some(entry)) = (&commit.bearing, commit.entries.last()) else { return };
        let Some(before) = self.locked.get_mut(id) else { return };
        if let Some(after) = before.after(bearing, entry.occurred_at) {
            before.clone_from(&after);
            self.moved.insert(id.clone(), after);
        }
    }

    /// What is to be written of them.
    pub fn moved(&self) -> Moved<'_> {
        let mut moved = Moved::default();
        for (id, availability) in &self.moved {
            moved.push(id, availability);
        }
        moved
    }
}

/// Restaurants as they stand from now on.
#[derive(Default)]
pub struct Moved<'a> {
    restaurant_id: Vec<&'a str>,
    version: Vec<i64>,
    opening: Vec<&'static str>,
    until: Vec<Option<i64>>,
    reason: Vec<Option<&'a str>>,
    set_by: Vec<&'static str>,
    since: Vec<i64>,
    expired_in_a_row: Vec<i64>,
}

impl<'a> Moved<'a> {
    fn push(&mut self, id: &'a str, availability: &'a Availability) {
        self.restaurant_id.push(id);
        self.version.push(availability.version);
        self.opening.push(availability.opening.as_str());
        self.until.push(availability.until.map(|at| at.0));
        self.reason.push(availability.reason.as_deref());
        self.set_by.push(availability.set_by.as_str());
        self.since.push(availability.since.0);
        self.expired_in_a_row.push(availability.expired_in_a_row.into());
    }

    pub fn values(&self) -> [Value<'_>; 8] {
        [
            &self.restaurant_id,
            &self.version,
            &self.opening,
            &self.until,
            &self.reason,
            &self.set_by,
            &self.since,
            &self.expired_in_a_row,
        ]
    }

    pub fn is_empty(&self) -> bool {
        self.restaurant_id.is_empty()
    }
}

pub async fn find(client: &Client, restaurant_id: &str) -> Result<Option<Availability>, Error> {
    let sql = "SELECT version, opening, until, reason, set_by, since, capacity, expired_in_a_row
        FROM availability WHERE restaurant_id = $1";
    let rows = select(client, sql, &[&text(restaurant_id)]).await?;
    rows.first().map(|row| availability(row, 0)).transpose()
}

/// Whether the version before was stored. One row, so it waits for groups and they for it, in no ring.
pub async fn put(client: &Client, id: &str, next: &Availability) -> Result<bool, Error> {
    let sql =
        "INSERT INTO availability (restaurant_id, version, opening, until, reason, set_by, since,
            capacity, expired_in_a_row)
         SELECT $1::text, $2::bigint, $3::text, $4::bigint, $5::text, $6::text, $7::bigint,
            $8::bigint, $9::bigint
         WHERE $2::bigint = 1 OR EXISTS (SELECT FROM availability WHERE restaurant_id = $1::text)
         ON CONFLICT (restaurant_id) DO UPDATE SET version = excluded.version,
            opening = excluded.opening, until = excluded.until, reason = excluded.reason,
            set_by = excluded.set_by, since = excluded.since, capacity = excluded.capacity,
            expired_in_a_row = excluded.expired_in_a_row
         WHERE availability.version = excluded.version - 1
         RETURNING version";
    let (opening, set_by) = (next.opening.as_str(), next.set_by.as_str());
    let (until, since) = (next.until.map(|at| at.0), next.since.0);
    let (capacity, expired) = (next.capacity.map(i64::from), i64::from(next.expired_in_a_row));
    let values: [Value<'_>; 9] =
        [&id, &next.version, &opening, &until, &next.reason, &set_by, &since, &capacity, &expired];
    Ok(!select(client, sql, &values).await?.is_empty())
}

/// What an absent row means is stored with this moment.
pub const SINCE_EVER: i64 = Timestamp::beginning().0;

fn availability(row: &Row, at: usize) -> Result<Availability, Error> {
    let number = |number: i64| u32::try_from(number).map_err(|cause| Error::Corrupt(cause.into()));
    let capacity: Option<i64> = get(row, at + 6)?;
    Ok(Availability {
        version: get(row, at)?,
        opening: word(row, at + 1, Opening::from_word)?,
        until: get::<Option<i64>>(row, at + 2)?.map(Timestamp),
        reason: get(row, at + 3)?,
        set_by: word(row, at + 4, Role::from_word)?,
        since: Timestamp(get(row, at + 5)?),
        capacity: capacity.map(number).transpose()?,
        expired_in_a_row: number(get(row, at + 7)?)?,
    })
}
