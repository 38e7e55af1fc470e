//! The journal in shards.
//!
//! A generation begins at the first position of the transaction that stores it, and that position
//! bounds every reader of the generation before in the statement that reads. A statement whose
//! snapshot does not show the new generation yet reads below its horizon, and the horizon lies below
//! any transaction that it does not show. So nobody reads beyond the bound, whether they know of it or
//! not, and neither locks nor the consent of those who read are needed.

use super::journal::{
    Connection, FIRST, HORIZON, newest, wait_for_archived, wait_for_gone, wait_for_next,
};
use super::read::select;
use super::rows::{JOURNAL, get, journal_row};
use super::{ask, tombstones};
use crate::store::{Division, Error, Generation, JournalReader, JournalRow, Resharded, ToPublish};
use chassis::postgres::{Address, Client};
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The slot of a row, as [`slot`](crate::store::slot) has it.
const SLOT: &str = "(get_byte(sha256(convert_to(order_id, 'UTF8')), 0) * 256
    + get_byte(sha256(convert_to(order_id, 'UTF8')), 1)) % 840";

/// How often a reader that finds nothing asks whether its generation has ended.
pub(super) const ASK_FOR_END_EVERY: Duration = Duration::from_millis(250);

/// The last generation that is open, and the one after it.
pub async fn read(client: &Client) -> Result<Division, Error> {
    let sql = "SELECT generation, shards, begins_at, open FROM relay_generations
         ORDER BY generation DESC LIMIT 2";
    let rows = select(client, sql, &[]).await?;
    match rows.as_slice() {
        [latest, before] if !get::<bool>(latest, 3)? => {
            Ok(Division { active: generation(before)?, next: Some(generation(latest)?) })
        }
        [latest, ..] => Ok(Division { active: generation(latest)?, next: None }),
        [] => Err(Error::Corrupt(anyhow::anyhow!("the journal has no generation"))),
    }
}

fn generation(row: &Row) -> Result<Generation, Error> {
    let begins_at: i64 = get(row, 2)?;
    let begins_after = (begins_at - 1).max(0);
    Ok(Generation { number: get(row, 0)?, shards: get(row, 1)?, begins_after })
}

/// One statement: it begins a generation whole or not at all.
pub async fn reshard(client: &Client, shards: i32) -> Result<Resharded, Error> {
    let sql = format!(
        "INSERT INTO relay_generations (generation, shards, begins_at, open)
         SELECT generation + 1, $1::int, {FIRST}, false
         FROM (SELECT * FROM relay_generations ORDER BY generation DESC LIMIT 1) AS latest
         WHERE open AND shards <> $1::int
         ON CONFLICT DO NOTHING RETURNING generation"
    );
    if !select(client, &sql, &[&shards]).await?.is_empty() {
        return Ok(Resharded::Begun);
    }
    let division = read(client).await?;
    match division.next.unwrap_or(division.active).shards {
        latest if latest == shards => Ok(Resharded::Already),
        latest => Ok(Resharded::UnderWay(latest)),
    }
}

pub async fn open(client: &Client, number: i64) -> Result<(), Error> {
    let sql = "UPDATE relay_generations SET open = true WHERE generation = $1 AND NOT open";
    select(client, sql, &[&number]).await?;
    Ok(())
}

/// Reads the rows of one shard of one generation.
pub struct Reader {
    connection: Connection,
    generation: Generation,
    shard: i32,
    ask_for_end_at: Instant,
    end: Option<i64>,
}

impl Reader {
    pub fn new(address: &Address, generation: Generation, shard: i32) -> Result<Self, Error> {
        let connection = Connection::new(address)?;
        Ok(Self { connection, generation, shard, ask_for_end_at: Instant::now(), end: None })
    }

    fn page(&self, position: i64, limit: usize) -> Result<Vec<JournalRow>, Error> {
        let (pool, generation, shard) = (self.connection.pool(), self.generation, self.shard);
        let read = async move |client: &Client| {
            read_after(client, generation, shard, position, limit).await
        };
        self.connection.wait(async move { ask(&pool, read).await })
    }

    fn to_publish(&self, position: i64, limit: usize) -> Result<ToPublish, Error> {
        let (pool, generation, shard) = (self.connection.pool(), self.generation, self.shard);
        let read = async move |client: &Client| {
            let Generation { number, shards, begins_after } = generation;
            let (of_shard, position) = (in_shard(generation), position.max(begins_after));
            let values: [&(dyn ToSql + Sync); 3] = [&number, &shard, &shards];
            tombstones::read_to_publish(client, &of_shard, position, &values, limit).await
        };
        self.connection.wait(async move { ask(&pool, read).await })
    }

    /// Asks from time to time. What was written before the end, and after the last page, is read
    /// before the end is told.
    fn look_for_end(&mut self, position: i64) -> Result<(), Error> {
        if self.end.is_some() || Instant::now() < self.ask_for_end_at {
            return Ok(());
        }
        self.ask_for_end_at = Instant::now() + ASK_FOR_END_EVERY;
        let (pool, number) = (self.connection.pool(), self.generation.number);
        let look = async move |client: &Client| end_of(client, number).await;
        let end = self.connection.wait(async move { ask(&pool, look).await })?;
        if end.is_some() {
            let rest = self.to_publish(position, 1)?;
            self.end = end.filter(|_| rest.rows.is_empty() && rest.tombstones.is_empty());
        }
        Ok(())
    }
}

impl JournalReader for Reader {
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        rows: &mut Vec<JournalRow>,
    ) -> Result<(), Error> {
        let page = self.page(position, limit)?;
        if page.is_empty() {
            self.look_for_end(position)?;
        }
        rows.extend(page);
        Ok(())
    }

    fn next_position(&mut self, position: i64) -> Result<Option<i64>, Error> {
        wait_for_next(&self.connection, position)
    }

    fn read_to_publish(
        &mut self,
        position: i64,
        limit: usize,
        page: &mut ToPublish,
    ) -> Result<(), Error> {
        *page = self.to_publish(position, limit)?;
        if page.rows.is_empty() && page.tombstones.is_empty() {
            self.look_for_end(position)?;
        }
        Ok(())
    }

    fn earlier(&mut self, position: i64, rows: usize) -> Result<i64, Error> {
        let (pool, generation, shard) = (self.connection.pool(), self.generation, self.shard);
        let look = async move |client: &Client| {
            let (of_shard, Generation { number, shards, .. }) = (in_shard(generation), generation);
            let values: [&(dyn ToSql + Sync); 3] = [&number, &shard, &shards];
            tombstones::earlier(client, &of_shard, position, &values, rows).await
        };
        self.connection.wait(async move { ask(&pool, look).await })
    }

    fn has_archived(&mut self) -> Result<bool, Error> {
        wait_for_archived(&self.connection)
    }

    fn newest_gone(&mut self) -> Result<i64, Error> {
        wait_for_gone(&self.connection)
    }

    fn known_of(&mut self, order_ids: &[&str], position: i64) -> Result<ToPublish, Error> {
        tombstones::wait_for_known(&self.connection, order_ids, position)
    }

    fn newest(&mut self) -> Result<i64, Error> {
        let pool = self.connection.pool();
        self.connection.wait(async move { ask(&pool, newest).await })
    }

    fn end(&self) -> Option<i64> {
        self.end
    }
}

async fn read_after(
    client: &Client,
    generation: Generation,
    shard: i32,
    position: i64,
    limit: usize,
) -> Result<Vec<JournalRow>, Error> {
    let Generation { number, shards, begins_after } = generation;
    let of_shard = in_shard(generation);
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE position > $1 AND position < {HORIZON} AND {of_shard}
         ORDER BY position LIMIT $2"
    );
    let (position, limit) = (position.max(begins_after), limit as i64);
    let rows = select(client, &sql, &[&position, &limit, &number, &shard, &shards]).await?;
    rows.iter().map(journal_row).collect()
}

/// What belongs to a shard of a generation: its number is $3, the shard $4, of so many as $5 says.
fn in_shard(generation: Generation) -> String {
    // One shard has every slot, and nothing to compute.
    let of_shard =
        if generation.shards == 1 { "0".to_owned() } else { format!("({SLOT}) % $5::int") };
    format!(
        "position < coalesce((SELECT begins_at FROM relay_generations
             WHERE generation = $3::bigint + 1), 9223372036854775807)
         AND {of_shard} = $4::int AND $5::int > 0"
    )
}

/// The last position of a generation, once everything of it is to be seen.
async fn end_of(client: &Client, number: i64) -> Result<Option<i64>, Error> {
    let sql = format!(
        "SELECT begins_at - 1 FROM relay_generations
         WHERE generation = $1::bigint + 1 AND begins_at <= {HORIZON}"
    );
    let rows = select(client, &sql, &[&number]).await?;
    rows.first().map(|row| get(row, 0)).transpose()
}
