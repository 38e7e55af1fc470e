//! Counters: written with a group, read for the picture of the flow, counted again for checks.

use super::limit;
use super::read::select;
use super::rows::{get, word};
use crate::domain::{Status, Timestamp};
use crate::store::archive::unpack;
use crate::store::counters::MOST_DUE;
use crate::store::counters::recount::RECOUNT;
use crate::store::limit::Until;
use crate::store::{Counted, Counter, Counters, Error, FlowFigures};
use chassis::postgres::{Client, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Takes a slot of the counters that no other transaction has, until this one ends: so nobody waits for
/// the row of another. Nothing when all are taken.
pub const TAKE_SLOT: &str = "SELECT slot FROM generate_series(0, 30) AS slot
    WHERE pg_try_advisory_xact_lock(1869767780, slot) LIMIT 1";

/// How many orders of compact history are read at once.
const PAGE: i64 = 1_000;

/// The slot of those who found none: there they do wait for each other.
pub const LAST_SLOT: i32 = 31;

/// Changes of counters, each column an array.
#[derive(Default)]
pub struct Changes {
    what: Vec<&'static str>,
    word: Vec<&'static str>,
    bucket: Vec<i64>,
    by: Vec<i64>,
}

impl Changes {
    /// In the order of the key, so that who waits does not wait in a ring.
    pub const ADD: &'static str = "INSERT INTO counters (what, word, bucket, slot, count)
        SELECT what, word, bucket, $5, change
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            AS changed (what, word, bucket, change)
        ORDER BY what, word, bucket
        ON CONFLICT (what, word, bucket, slot) DO UPDATE SET count = counters.count + excluded.count";

    /// What these counters say.
    pub fn of(counters: &Counters) -> Self {
        let mut changes = Self::default();
        for (counter, by) in counters.iter() {
            let (what, word, bucket) = counter.columns();
            changes.what.push(what);
            changes.word.push(word);
            changes.bucket.push(bucket);
            changes.by.push(by);
        }
        changes
    }

    pub fn values<'a>(&'a self, slot: &'a i32) -> [&'a (dyn ToSql + Sync); 5] {
        [&self.what, &self.word, &self.bucket, &self.by, slot]
    }

    pub fn is_empty(&self) -> bool {
        self.what.is_empty()
    }
}

/// The slot in the answer to [`TAKE_SLOT`].
pub fn slot(rows: &[Row]) -> Result<i32, Error> {
    rows.first().map_or(Ok(LAST_SLOT), |row| get(row, 0))
}

/// As commits have left them.
pub async fn kept(client: &Client) -> Result<Counters, Error> {
    summed(&select(client, KEPT, &[]).await?)
}

/// In one statement, so that all of it is of the same moment.
pub async fn flow(client: &Client, now: Timestamp) -> Result<FlowFigures, Error> {
    let awake = Status::ALL.iter().filter(|status| !status.is_at_rest());
    let awake: Vec<&str> = awake.map(|status| status.as_str()).collect();
    let sql = format!(
        "SELECT what, word, bucket, count FROM ({KEPT}) AS kept
         UNION ALL SELECT 'oldest', status, 0::bigint, (SELECT since FROM orders
                WHERE orders.status = awake.status AND deadline IS NOT NULL AND since IS NOT NULL
                ORDER BY since LIMIT 1)
             FROM unnest($1::text[]) AS awake (status)
         UNION ALL SELECT 'due', '', 0::bigint, count(*) FROM (SELECT 1 FROM orders
                WHERE wake_at IS NOT NULL AND wake_at <= $2 LIMIT $3) AS due"
    );
    let mut figures = FlowFigures::default();
    for row in select(client, &sql, &[&awake, &now.0, &MOST_DUE]).await? {
        let number: Option<i64> = get(&row, 3)?;
        match (get(&row, 0)?, number) {
            ("due", due) => figures.due = due.unwrap_or_default(),
            ("oldest", Some(since)) => {
                figures.oldest.push((word(&row, 1, Status::from_word)?, Timestamp(since)));
            }
            ("oldest", None) => {}
            (_, count) => {
                if let Some(counter) = counter(&row)? {
                    figures.counters.add(counter, count.unwrap_or_default());
                }
            }
        }
    }
    Ok(figures)
}

/// In one transaction that sees one moment, and ends by then.
pub async fn counted(readers: &Pool, until: Until) -> Result<Counted, Error> {
    let mut client = readers.get().await.map_err(Error::Unavailable)?;
    let tx = client.build_transaction().read_only(true);
    let tx = tx.isolation_level(tokio_postgres::IsolationLevel::RepeatableRead).start().await?;
    let kept = summed(&limit::query(&tx, until, KEPT, &[]).await?)?;
    let mut found = summed(&limit::query(&tx, until, RECOUNT, &[]).await?)?;
    let archive =
        "SELECT order_id, data FROM archive WHERE order_id > $1 ORDER BY order_id LIMIT $2";
    let mut after = String::new();
    loop {
        let page = limit::query(&tx, until, archive, &[&after, &PAGE]).await?;
        for row in &page {
            found.add_readable(unpack(get(row, 1)?))?;
        }
        let Some(last) = page.last() else { break };
        after = get(last, 0)?;
    }
    tx.commit().await?;
    Ok(Counted { kept, found })
}

const KEPT: &str = "SELECT what, word, bucket, sum(count)::bigint AS count
    FROM counters GROUP BY what, word, bucket";

fn summed(rows: &[Row]) -> Result<Counters, Error> {
    let mut counters = Counters::default();
    for row in rows {
        if let Some(counter) = counter(row)? {
            counters.add(counter, get(row, 3)?);
        }
    }
    Ok(counters)
}

/// `None` for words that nobody knows: checks tell of the order in which they stand.
fn counter(row: &Row) -> Result<Option<Counter>, Error> {
    let (what, word): (&str, &str) = (get(row, 0)?, get(row, 1)?);
    Ok(Counter::from_columns(what, word, get(row, 2)?))
}
