//! The embedded store: one SQLite file, one thread that writes, a few that read.

mod archive;
mod availability;
mod bulk;
pub mod copy;
mod counters;
mod counting;
mod deliveries;
mod endpoints;
mod erasure;
mod feed;
mod journal;
mod kept;
mod late;
mod listing;
mod presence;
mod read;
mod rows;
mod schema;
mod statements;
mod tasks;
#[cfg(test)]
mod tests;
mod threads;
mod tickets;
mod tombstones;
mod write;

use super::bulk::{Before, Bulk, NewBulk, OpenBulks, Started};
use super::limit::Until;
use super::{
    Answer, Archived, Claim, Commit, Contact, Counted, Counters, Division, Due, Erasure, Error,
    FlowFigures, Found, Generation, JournalReader, JournalRow, Kept, Lease, Loaded, LookedAt,
    OrdersPage, OrdersQuery, Outcome, Pass, Portion, Resharded, Standing, Store, Task, Wanted,
};
use crate::domain::{Availability, Receiver, Restaurant, Timestamp};
use anyhow::{Context, ensure};
use chassis::sqlite::MigrateError;
use counting::Counting;
use late::Late;
use rusqlite::{Connection, ErrorCode};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use threads::Threads;
use tokio::time::timeout;

/// Readers beside the writer: HTTP questions never wait for a commit's flush.
const READERS: usize = 2;

/// How many of them listings may have at a time: the other is for questions that take no time.
const LISTINGS: usize = READERS - 1;

/// Readers for what goes on by itself: one of them has no room for an attempt to ask beside a look for more.
const LOOPS: usize = 2;

/// Orders in one SQLite file. Every commit is flushed before it is acknowledged.
#[derive(Clone)]
pub struct Sqlite {
    path: PathBuf,
    writer: Threads,
    readers: Threads,
    /// Readers for what goes on by itself (deadlines, tasks, deliveries): however many questions wait, it does not.
    loops: Threads,
    late: Arc<Late>,
    counting: Arc<Counting>,
}

impl Sqlite {
    /// Opens the file, creates it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, belongs to a newer version or another program, is used by somebody
    /// while its tables are older, or a migration fails. It is as it was then.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::over(path, migrated(path)?)
    }

    /// Opens a file that is there and has the tables of this version, and changes nothing in it.
    ///
    /// # Errors
    /// There is no such file, it is another program's, or its tables are older or newer, with what to do.
    pub fn open_existing(path: &Path) -> anyhow::Result<Self> {
        Self::over(path, existing(path)?)
    }

    fn over(path: &Path, writer: Connection) -> anyhow::Result<Self> {
        let readers = |number: usize| {
            let each = (0..number).map(|_| chassis::sqlite::open_reader(path));
            each.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            path: path.to_owned(),
            writer: Threads::start("orders-writer", vec![writer])?,
            readers: Threads::start("orders-reader", readers(READERS)?)?,
            loops: Threads::start("orders-loops", readers(LOOPS)?)?,
            late: Arc::new(Late::new()),
            counting: Arc::default(),
        })
    }

    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Answer<'_, T> {
        self.writer.run(job)
    }

    fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Answer<'_, T> {
        self.readers.ask(job)
    }

    fn read_for_loops<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Answer<'_, T> {
        self.loops.ask(job)
    }

    /// Asks what takes long on a connection of its own, and no longer than until then or than somebody waits.
    async fn ask_alone<T: Send + 'static>(
        &self,
        counting: &Counting,
        until: Until,
        question: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let conn = chassis::sqlite::open_reader(&self.path)?;
        let _ends_with_this = counting.begin(&conn);
        let own = Threads::start("orders-counts", vec![conn]);
        let own = own.map_err(|cause| Error::Unavailable(cause.into()))?;
        let left = until.left()?;
        let answer = own.ask(question);
        match left {
            None => answer.await,
            Some(left) => timeout(left, answer).await.unwrap_or(Err(Error::TooLong)),
        }
    }
}

impl Store for Sqlite {
    fn is_shared(&self) -> bool {
        false
    }

    fn listings_at_once(&self) -> usize {
        LISTINGS
    }

    fn for_loops(&self) -> Arc<dyn Store> {
        Arc::new(Self { readers: self.loops.clone(), ..self.clone() })
    }

    fn load(&self, wanted: Wanted) -> Answer<'_, Loaded> {
        // On the writer, so that a group is decided on what the group before it has written.
        self.write(move |conn| read::load(conn, &wanted))
    }

    fn commit(&self, commits: Vec<Commit>) -> Answer<'_, Vec<Outcome>> {
        let placed = commits.iter().filter(|commit| commit.expected_version == 0).count();
        let outcomes = self.write(move |conn| write::commit(conn, &commits));
        if self.late.are_enough(placed) {
            // After the commit, which does not wait for it.
            drop(self.write(late::catch_up));
        }
        outcomes
    }

    fn put_restaurant(&self, restaurant: Restaurant) -> Answer<'_, ()> {
        self.write(move |conn| write::put_restaurant(conn, &restaurant))
    }

    fn replace_restaurant(&self, before: Restaurant, next: Restaurant) -> Answer<'_, bool> {
        self.write(move |conn| write::replace_restaurant(conn, &before, &next))
    }

    fn availability(&self, restaurant_id: String) -> Answer<'_, Option<Availability>> {
        self.read(move |conn| availability::find(conn, &restaurant_id))
    }

    fn put_availability(&self, restaurant_id: String, next: Availability) -> Answer<'_, bool> {
        self.write(move |conn| availability::put(conn, &restaurant_id, &next))
    }

    fn restaurant(&self, restaurant_id: String) -> Answer<'_, Option<Restaurant>> {
        self.read(move |conn| read::restaurant(conn, &restaurant_id))
    }

    fn order(&self, order_id: String) -> Answer<'_, Option<Found>> {
        self.read(move |conn| read::order(conn, &order_id))
    }

    fn orders(&self, query: OrdersQuery) -> Answer<'_, OrdersPage> {
        self.read(move |conn| listing::orders(conn, &query))
    }

    fn history(&self, order_id: String, after: i64, limit: usize) -> Answer<'_, Vec<JournalRow>> {
        self.read(move |conn| journal::read_order(conn, &order_id, after, limit))
    }

    fn contact(&self, order_id: String) -> Answer<'_, Option<Contact>> {
        self.read(move |conn| read::contact(conn, &order_id))
    }

    fn due_orders(&self, now: Timestamp, after: Option<Due>, limit: usize) -> Answer<'_, Vec<Due>> {
        self.read_for_loops(move |conn| read::due_orders(conn, now, after.as_ref(), limit))
    }

    fn next_wake_at(&self) -> Answer<'_, Option<Timestamp>> {
        self.read_for_loops(read::next_wake_at)
    }

    fn open_tasks(
        &self,
        to: Receiver,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Answer<'_, Vec<(String, Task)>> {
        self.read_for_loops(move |conn| read::open_tasks(conn, to, due, limit))
    }

    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.write(move |conn| write::forget_keys(conn, before, limit))
    }

    fn ask_erasure(&self, erasure: Erasure) -> Answer<'_, ()> {
        self.write(move |conn| erasure::insert(conn, &erasure))
    }

    fn erasure(&self, erasure_id: String) -> Answer<'_, Option<Erasure>> {
        self.read(move |conn| erasure::find(conn, &erasure_id))
    }

    fn open_erasures(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Erasure>> {
        self.read_for_loops(move |conn| erasure::open(conn, now, limit))
    }

    fn erase_portion(&self, erasure: Erasure, after: String, limit: usize) -> Answer<'_, LookedAt> {
        Box::pin(async move {
            // What takes long is done beside the writer.
            let of = erasure.clone();
            let sighted = self.read(move |conn| erasure::look(conn, &of, &after, limit)).await?;
            if sighted.is_empty() {
                return Ok(sighted.looked_at);
            }
            self.write(move |conn| {
                erasure::erase(conn, &erasure, &sighted)?;
                Ok(sighted.looked_at)
            })
            .await
        })
    }

    fn end_pass(&self, erasure_id: String, pass: Pass, next: Timestamp) -> Answer<'_, ()> {
        self.write(move |conn| erasure::end_pass(conn, &erasure_id, pass, next))
    }

    fn close_erasures(&self, erasure_ids: Vec<String>, at: Timestamp) -> Answer<'_, ()> {
        // It empties the log.
        self.counting.end();
        self.write(move |conn| erasure::close(conn, &erasure_ids, at))
    }

    fn prolong_leases(&self, claim: Claim) -> Answer<'_, Standing> {
        let (taken, held) = (claim.names.clone(), granted(claim));
        let standing = Standing { held, taken, instances: 1, settled: 1 };
        Box::pin(std::future::ready(Ok(standing)))
    }

    fn take_leases(&self, claim: Claim) -> Answer<'_, Vec<Lease>> {
        Box::pin(std::future::ready(Ok(granted(claim))))
    }

    fn give_back_leases(&self, _: Claim) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn leave_leases(&self, _: String) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn division(&self) -> Answer<'_, Division> {
        let division = Division { active: Generation::ONLY, next: None };
        Box::pin(std::future::ready(Ok(division)))
    }

    fn reshard(&self, _: i32) -> Answer<'_, Resharded> {
        let cause = anyhow::anyhow!("one process uses the file, and one relay is all it needs");
        Box::pin(std::future::ready(Err(Error::Unavailable(cause))))
    }

    fn open_generation(&self, _: i64) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn shard_reader(&self, _: Generation, _: i32) -> Result<Box<dyn JournalReader>, Error> {
        self.journal_reader()
    }

    fn archive(&self, portion: Portion) -> Answer<'_, Archived> {
        Box::pin(async move {
            // What takes long is done beside the writer.
            let (archived, packed) = self.read(move |conn| archive::pack(conn, &portion)).await?;
            if packed.is_empty() {
                return Ok(archived);
            }
            self.write(move |conn| archive::archive(conn, archived, &packed)).await
        })
    }

    fn matching(
        &self,
        query: OrdersQuery,
        order_ids: Vec<String>,
    ) -> Answer<'_, HashMap<String, i64>> {
        self.read(move |conn| listing::matching(conn, &query, &order_ids))
    }

    fn count_orders(&self, query: OrdersQuery, within: Duration) -> Answer<'_, u64> {
        let until = Until::within(Some(within));
        Box::pin(async move {
            let count = move |conn: &mut Connection| listing::count(conn, &query);
            self.ask_alone(&Counting::default(), until, count).await
        })
    }

    fn start_bulk(&self, new: NewBulk, most_open: usize) -> Answer<'_, Started> {
        self.write(move |conn| bulk::start(conn, &new, most_open))
    }

    fn bulk_of_key(&self, key: String) -> Answer<'_, Option<Before>> {
        self.read(move |conn| bulk::of_key(conn, &key))
    }

    fn replace_bulk(&self, next: Bulk) -> Answer<'_, bool> {
        self.write(move |conn| bulk::replace(conn, &next))
    }

    fn bulk(&self, bulk_id: String) -> Answer<'_, Option<Bulk>> {
        self.read(move |conn| bulk::find(conn, &bulk_id))
    }

    fn bulks(&self, before: Option<String>, limit: usize) -> Answer<'_, Vec<Bulk>> {
        self.read(move |conn| bulk::list(conn, before.as_deref(), limit))
    }

    fn open_bulks(&self) -> Answer<'_, OpenBulks> {
        self.read_for_loops(bulk::open)
    }

    fn known_ids(&self, after: String, limit: usize) -> Answer<'_, Vec<String>> {
        self.read(move |conn| kept::known_ids(conn, &after, limit))
    }

    fn kept(&self, order_ids: Vec<String>) -> Answer<'_, Vec<Kept>> {
        self.read(move |conn| kept::kept(conn, order_ids))
    }

    fn bury(&self, order_ids: Vec<String>, at: Timestamp) -> Answer<'_, usize> {
        self.write(move |conn| tombstones::bury(conn, &order_ids, at))
    }

    fn counters(&self) -> Answer<'_, Counters> {
        self.read(|conn| counters::kept(conn))
    }

    fn flow(&self, now: Timestamp) -> Answer<'_, FlowFigures> {
        self.read(move |conn| counters::flow(conn, now))
    }

    fn counted(&self, within: Option<Duration>) -> Answer<'_, Counted> {
        let until = Until::within(within);
        Box::pin(self.ask_alone(&self.counting, until, counters::counted))
    }

    fn journal_reader(&self) -> Result<Box<dyn JournalReader>, Error> {
        let conn = chassis::sqlite::open_reader(&self.path)?;
        Ok(Box::new(journal::Reader(conn)))
    }
}

/// A connection to a file whose tables were brought to this version, nobody else using it meanwhile.
fn migrated(path: &Path) -> anyhow::Result<Connection> {
    match chassis::sqlite::open_migrated(path, &schema::TABLES) {
        Err(used @ MigrateError::InUse { .. }) => Err(used).context(
            "stop `orders serve` first, and whatever else has it open (`check`, `verify`, a shell)",
        ),
        opened => Ok(opened?),
    }
}

/// A connection to a file that is there and has the tables of this version.
fn existing(path: &Path) -> anyhow::Result<Connection> {
    ensure!(path.exists(), "there is no such file: correct the address");
    match chassis::sqlite::open_existing(path, &schema::TABLES) {
        Err(older @ MigrateError::Older { .. }) => Err(older).context(
            "use the `orders` that runs on it, or stop that and run `orders migrate` first",
        ),
        opened => Ok(opened?),
    }
}

/// One process uses the file: nobody else could have a lease.
fn granted(claim: Claim) -> Vec<Lease> {
    claim.names.into_iter().map(|name| Lease { name, token: 1 }).collect()
}

impl From<rusqlite::Error> for Error {
    fn from(cause: rusqlite::Error) -> Self {
        match cause {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..) => Self::Corrupt(cause.into()),
            _ => match cause.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::Corrupt(cause.into())
                }
                _ => Self::Unavailable(cause.into()),
            },
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(cause: serde_json::Error) -> Self {
        Self::Corrupt(cause.into())
    }
}
