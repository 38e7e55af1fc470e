//! The journal in commit order, although several transactions write it at once.
//!
//! **Position.** A row's position is `(base + id of its transaction) << 16 | place within it`: it is
//! known when the row is written, by whoever writes it. Positions have gaps.
//!
//! **Nothing is skipped.** A reader sees only rows below the horizon: those of transactions older
//! than every one that was under way when its statement began (`pg_snapshot_xmin`). All of these
//! have ended, so what they wrote is there in full, and whoever comes later writes above. What lies
//! below the horizon therefore never grows, and one number says how far a reader has come. A reader
//! waits for the oldest transaction of the whole server that writes; sessions of ours that are
//! abandoned within one are ended by the server (`chassis::postgres::pool`).
//!
//! **Per order it rises.** Two events of an order come from one transaction, which numbers its rows
//! in the order of its commits, or the second transaction began, and got its id, after the first
//! had ended: it holds the version that the first one wrote, which `load` had read before.
//!
//! **What left comes back below.** Orders move to compact history ([`archive`]) only when all of their
//! rows are published, and come back with the positions they had: readers, which are past them, do not
//! meet them again.
//!
//! **Range.** 16 bits are 65,536 rows in a transaction, which a group never exceeds ([`PLACES`]); 47 bits of
//! transaction ids last for 446 years at 10,000 a second.
//!
//! **Another server.** Transaction ids belong to a server and start anew where a dump is restored.
//! `base` lifts positions above those restored; nobody may write before that ([`require_order`]).

use super::read::select;
use super::rows::{JOURNAL, get, journal_row, text};
use super::{archive, ask, tombstones};
use crate::store::{Error, JournalReader, JournalRow, ToPublish};
use chassis::postgres::{Address, Client, Pool};
use std::sync::{Arc, mpsc};
use tokio::runtime::Runtime;

/// The first position of the present transaction.
pub const FIRST: &str =
    "(SELECT (base + pg_current_xact_id()::text::bigint) << 16 FROM journal_base)";

/// Everything below it is there; nothing will be added.
pub const HORIZON: &str =
    "(SELECT (base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) << 16
    FROM journal_base)";

/// The last position written, by an event or a tombstone, whether its row is still here or in compact history; at least the place
/// where the latest generation begins.
pub const NEWEST: &str = "(SELECT greatest(archived, (SELECT max(position) FROM journal),
    (SELECT max(position) FROM tombstones), (SELECT max(begins_at) - 1 FROM relay_generations)) FROM journal_base)";

/// How many rows one transaction may write.
pub const PLACES: usize = 1 << 16;

/// Reads the whole journal.
pub struct Reader(Connection);

/// A connection for one reader, which comes back after a failure. May be used on any thread, like a
/// file: it blocks.
pub struct Connection {
    pool: Arc<Pool>,
    /// Drives the connection, also while nobody asks. Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl Connection {
    pub fn new(address: &Address) -> Result<Self, Error> {
        let pool = Pool::new(address, "orders-journal", 1).map_err(Error::Unavailable)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("orders-journal")
            .enable_all()
            .build()
            .map_err(|cause| Error::Unavailable(cause.into()))?;
        Ok(Self { pool: Arc::new(pool), runtime: Some(runtime) })
    }

    pub fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }

    /// Blocks until `question` is answered.
    pub fn wait<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = || Error::Unavailable(anyhow::anyhow!("its runtime has ended"));
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        let (reply, answer) = mpsc::channel();
        runtime.spawn(async move {
            let _ = reply.send(question.await);
        });
        answer.recv().map_err(|_| ended())?
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // To wait for it is forbidden where this may be dropped: in asynchronous code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Reader {
    pub fn new(address: &Address) -> Result<Self, Error> {
        Ok(Self(Connection::new(address)?))
    }
}

impl JournalReader for Reader {
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        rows: &mut Vec<JournalRow>,
    ) -> Result<(), Error> {
        let pool = self.0.pool();
        let read = async move |client: &Client| read_after(client, position, limit).await;
        rows.extend(self.0.wait(async move { ask(&pool, read).await })?);
        Ok(())
    }

    fn next_position(&mut self, position: i64) -> Result<Option<i64>, Error> {
        wait_for_next(&self.0, position)
    }

    fn read_to_publish(
        &mut self,
        position: i64,
        limit: usize,
        page: &mut ToPublish,
    ) -> Result<(), Error> {
        let pool = self.0.pool();
        let read = async move |client: &Client| {
            tombstones::read_to_publish(client, "true", position, &[], limit).await
        };
        *page = self.0.wait(async move { ask(&pool, read).await })?;
        Ok(())
    }

    fn earlier(&mut self, position: i64, rows: usize) -> Result<i64, Error> {
        let pool = self.0.pool();
        let look = async move |client: &Client| {
            tombstones::earlier(client, "true", position, &[], rows).await
        };
        self.0.wait(async move { ask(&pool, look).await })
    }

    fn has_archived(&mut self) -> Result<bool, Error> {
        wait_for_archived(&self.0)
    }

    fn newest_gone(&mut self) -> Result<i64, Error> {
        wait_for_gone(&self.0)
    }

    fn known_of(&mut self, order_ids: &[&str], position: i64) -> Result<ToPublish, Error> {
        tombstones::wait_for_known(&self.0, order_ids, position)
    }

    fn newest(&mut self) -> Result<i64, Error> {
        let pool = self.0.pool();
        self.0.wait(async move { ask(&pool, newest).await })
    }
}

async fn read_after(
    client: &Client,
    position: i64,
    limit: usize,
) -> Result<Vec<JournalRow>, Error> {
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE position > $1 AND position < {HORIZON}
         ORDER BY position LIMIT $2"
    );
    let rows = select(client, &sql, &[&position, &(limit as i64)]).await?;
    rows.iter().map(journal_row).collect()
}

/// As [`JournalReader::next_position`] has it.
pub fn wait_for_next(connection: &Connection, position: i64) -> Result<Option<i64>, Error> {
    let sql =
        format!("SELECT min(position) FROM journal WHERE position > $1 AND position < {HORIZON}");
    let pool = connection.pool();
    let read = async move |client: &Client| {
        let rows = select(client, &sql, &[&position]).await?;
        rows.first().map_or(Ok(None), |row| get(row, 0))
    };
    connection.wait(async move { ask(&pool, read).await })
}

/// As [`JournalReader::has_archived`] has it.
pub fn wait_for_archived(connection: &Connection) -> Result<bool, Error> {
    let pool = connection.pool();
    let look = async move |client: &Client| {
        let rows = select(client, "SELECT EXISTS (SELECT FROM archive)", &[]).await?;
        rows.first().map_or(Ok(false), |row| get(row, 0))
    };
    connection.wait(async move { ask(&pool, look).await })
}

/// As [`JournalReader::newest_gone`] has it.
pub fn wait_for_gone(connection: &Connection) -> Result<i64, Error> {
    let pool = connection.pool();
    connection.wait(async move { ask(&pool, archive::newest_gone).await })
}

pub async fn newest(client: &Client) -> Result<i64, Error> {
    let rows = select(client, &format!("SELECT {NEWEST}"), &[]).await?;
    rows.first().map_or(Ok(0), |row| get(row, 0))
}

/// Rows of one order after `sequence`, ascending. As with [`order`](super::read::order), both places
/// are asked twice.
pub async fn read_order(
    client: &Client,
    order_id: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<JournalRow>, Error> {
    for _ in 0..2 {
        let rows = read_living(client, order_id, after, limit).await?;
        if !rows.is_empty() {
            return Ok(rows);
        }
        if let Some(whole) = archive::find(client, order_id).await? {
            return whole.history(after, limit);
        }
    }
    Ok(Vec::new())
}

async fn read_living(
    client: &Client,
    order_id: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<JournalRow>, Error> {
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE order_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
    );
    let rows = select(client, &sql, &[&text(order_id), &after, &(limit as i64)]).await?;
    rows.iter().map(journal_row).collect()
}

/// Refuses a journal that transactions to come would write before its end.
pub async fn require_order(client: &Client) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT {NEWEST} >> 16 < base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint
         FROM journal_base"
    );
    let rises: bool = client.query_one(&sql, &[]).await?.try_get(0)?;
    anyhow::ensure!(
        rises,
        "the journal was written on another server (a restored dump?): run `orders migrate`, which \
         lets it go on here"
    );
    Ok(())
}

/// Lets the present transaction, and those after it, write behind the journal's end.
pub async fn restore_order(client: &mut Client) -> anyhow::Result<()> {
    let sql = format!(
        "UPDATE journal_base SET base = newest + 1 - pg_current_xact_id()::text::bigint
         FROM (SELECT {NEWEST} >> 16 AS newest) AS journal
         WHERE newest >= base + pg_current_xact_id()::text::bigint"
    );
    if client.execute(&sql, &[]).await? > 0 {
        tracing::info!("the journal goes on behind what was restored");
    }
    Ok(())
}
