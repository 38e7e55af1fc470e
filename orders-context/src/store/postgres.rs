//! The store of several instances: PostgreSQL.
//!
//! - Every instance writes. A group is one transaction and two round trips ([`write`]); that an
//!   order has moved is noticed under its row lock.
//! - `load` reads what is committed before the transaction of its group begins. So the transaction
//!   that writes version n + 1 of an order began after the one that wrote version n had ended, and
//!   per order the transaction ids rise: the order of the journal ([`journal`]).
//! - Tables are brought up to date by [`Postgres::migrate`] and by nothing else; [`Postgres::open`]
//!   refuses those of an older version, and those of a newer one that this one cannot use ([`schema`]).

mod archive;
mod availability;
mod bulk;
mod columns;
pub mod copy;
mod counters;
mod customers;
mod deliveries;
mod division;
mod endpoints;
mod erasure;
mod feed;
mod in_use;
mod journal;
mod kept;
mod leases;
mod limit;
mod listing;
mod presence;
mod read;
mod rows;
mod schema;
mod tasks;
#[cfg(test)]
mod tests;
mod tickets;
mod tombstones;
mod under_way;
mod write;

use super::bulk::{Before, Bulk, NewBulk, OpenBulks, Started};
use super::limit::Until;
use super::{
    Answer, Archived, Claim, Commit, Contact, Counted, Counters, Division, Due, Erasure, Error,
    FlowFigures, Found, Generation, JournalReader, JournalRow, Kept, Lease, Loaded, LookedAt,
    OrdersPage, OrdersQuery, Outcome, Pass, Portion, Resharded, Standing, Store, Task, Wanted,
};
use crate::domain::{Availability, Receiver, Restaurant, Timestamp};
use anyhow::Context;
use chassis::backoff::Backoff;
use chassis::postgres::{
    Address, Client, Migrated, Pool, VersionError, is_compatible, require_compatible,
};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// Connections that write; one group is committed at a time.
const WRITERS: usize = 2;

/// Connections beside them: HTTP questions never wait for a commit.
const READERS: usize = 4;

/// How many of them listings may have at a time: the others are for questions that take no time.
const LISTINGS: usize = READERS / 2;

/// Connections for what goes on by itself (deadlines, tasks, deliveries): however many questions wait, it does not.
const LOOPS: usize = 2;

/// The connection on which leases are prolonged. Whoever waits too long for it has lost them all.
const LEASES: usize = 1;

/// The connection for counting everything again, which takes long.
const COUNTS: usize = 1;

/// How long an answer may take, a lost server included. Longer than the server lets a statement run.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// How often a group is sent that other instances' transactions stand in the way of.
const ATTEMPTS: u32 = 5;

/// Between two of these.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));

/// Orders in a PostgreSQL database. Every commit is flushed before it is acknowledged.
#[derive(Clone)]
pub struct Postgres {
    address: Address,
    writers: Arc<Pool>,
    readers: Arc<Pool>,
    loops: Arc<Pool>,
    leases: Arc<Pool>,
    counts: Arc<Pool>,
}

impl Postgres {
    /// Connects to a database whose tables are those of this version, or of a newer one with which this
    /// one may go on.
    ///
    /// # Errors
    /// The database does not answer, its tables are older or too new, or it was restored from a dump
    /// and not migrated since.
    pub async fn open(address: &Address) -> anyhow::Result<Self> {
        let store = Self::unchecked(address)?;
        let client = store.writers.get().await?;
        advised(require_compatible(&client, schema::MIGRATIONS).await)?;
        journal::require_order(&client).await?;
        drop(client);
        Ok(store)
    }

    /// Connects to nothing yet.
    fn unchecked(address: &Address) -> anyhow::Result<Self> {
        let pool = |size| Pool::new(address, "orders", size).map(Arc::new);
        Ok(Self {
            address: address.clone(),
            writers: pool(WRITERS)?,
            readers: pool(READERS)?,
            loops: pool(LOOPS)?,
            leases: pool(LEASES)?,
            counts: pool(COUNTS)?,
        })
    }

    /// Brings the tables to this version, and the journal of a restored dump behind the server's
    /// transaction ids. May run beside itself, and beside instances that may go on with what it does.
    ///
    /// # Errors
    /// The database does not answer, its tables are newer, instances run that cannot go on (nothing is
    /// done then), or a migration fails.
    pub async fn migrate(address: &Address) -> anyhow::Result<Migrated> {
        let mut client = Pool::new(address, "orders-migrate", 1)?.get().await?;
        if !is_compatible(&client, schema::MIGRATIONS).await? {
            let left = in_use::wait_until_left(&client).await;
            left.context("programs of an earlier version cannot use the tables of this one")?;
        }
        let migrated = chassis::postgres::migrate(&mut client, schema::MIGRATIONS).await?;
        journal::restore_order(&mut client).await?;
        Ok(migrated)
    }
}

impl Store for Postgres {
    fn listings_at_once(&self) -> usize {
        LISTINGS
    }

    fn for_loops(&self) -> Arc<dyn Store> {
        Arc::new(Self { readers: Arc::clone(&self.loops), ..self.clone() })
    }

    fn load(&self, wanted: Wanted) -> Answer<'_, Loaded> {
        Box::pin(ask(&self.writers, async move |client| read::load(client, &wanted).await))
    }

    fn commit(&self, commits: Vec<Commit>) -> Answer<'_, Vec<Outcome>> {
        // A task of its own: a caller who goes away does not leave half a group behind.
        let committing = tokio::spawn(commit(Arc::clone(&self.writers), commits));
        Box::pin(async move { committing.await.map_err(|ended| Error::Unavailable(ended.into()))? })
    }

    fn put_restaurant(&self, restaurant: Restaurant) -> Answer<'_, ()> {
        let write = async move |client: &Client| write::put_restaurant(client, &restaurant).await;
        Box::pin(ask(&self.writers, write))
    }

    fn replace_restaurant(&self, before: Restaurant, next: Restaurant) -> Answer<'_, bool> {
        Box::pin(ask(&self.readers, async move |client| {
            write::replace_restaurant(client, &before, &next).await
        }))
    }

    fn availability(&self, restaurant_id: String) -> Answer<'_, Option<Availability>> {
        Box::pin(ask(&self.readers, async move |client| {
            availability::find(client, &restaurant_id).await
        }))
    }

    fn put_availability(&self, restaurant_id: String, next: Availability) -> Answer<'_, bool> {
        Box::pin(ask(&self.readers, async move |client| {
            availability::put(client, &restaurant_id, &next).await
        }))
    }

    fn restaurant(&self, restaurant_id: String) -> Answer<'_, Option<Restaurant>> {
        Box::pin(ask(&self.readers, async move |client| {
            read::restaurant(client, &restaurant_id).await
        }))
    }

    fn order(&self, order_id: String) -> Answer<'_, Option<Found>> {
        Box::pin(ask(&self.readers, async move |client| read::order(client, &order_id).await))
    }

    fn orders(&self, query: OrdersQuery) -> Answer<'_, OrdersPage> {
        Box::pin(ask_alone(&self.readers, async move |client| {
            listing::orders(client, &query).await
        }))
    }

    fn history(&self, order_id: String, after: i64, limit: usize) -> Answer<'_, Vec<JournalRow>> {
        Box::pin(ask(&self.readers, async move |client| {
            journal::read_order(client, &order_id, after, limit).await
        }))
    }

    fn contact(&self, order_id: String) -> Answer<'_, Option<Contact>> {
        Box::pin(ask(&self.readers, async move |client| read::contact(client, &order_id).await))
    }

    fn due_orders(&self, now: Timestamp, after: Option<Due>, limit: usize) -> Answer<'_, Vec<Due>> {
        Box::pin(ask(&self.loops, async move |client| {
            read::due_orders(client, now, after.as_ref(), limit).await
        }))
    }

    fn next_wake_at(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(ask(&self.loops, async move |client| read::next_wake_at(client).await))
    }

    fn open_tasks(
        &self,
        to: Receiver,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Answer<'_, Vec<(String, Task)>> {
        Box::pin(ask(&self.loops, async move |client| {
            read::open_tasks(client, to, due, limit).await
        }))
    }

    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        Box::pin(ask(&self.writers, async move |client| {
            write::forget_keys(client, before, limit).await
        }))
    }

    fn ask_erasure(&self, erasure: Erasure) -> Answer<'_, ()> {
        Box::pin(ask(&self.writers, async move |client| erasure::insert(client, &erasure).await))
    }

    fn erasure(&self, erasure_id: String) -> Answer<'_, Option<Erasure>> {
        Box::pin(ask(&self.readers, async move |client| erasure::find(client, &erasure_id).await))
    }

    fn open_erasures(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Erasure>> {
        Box::pin(ask(&self.loops, async move |client| erasure::open(client, now, limit).await))
    }

    fn erase_portion(&self, erasure: Erasure, after: String, limit: usize) -> Answer<'_, LookedAt> {
        Box::pin(async move {
            let look =
                async |client: &mut Client| erasure::look(client, &erasure, &after, limit).await;
            let sighted = ask_alone(&self.readers, look).await?;
            if !sighted.is_empty() {
                let erase =
                    async |client: &Client| erasure::erase(client, &erasure, &sighted).await;
                ask(&self.writers, erase).await?;
            }
            Ok(sighted.looked_at)
        })
    }

    fn end_pass(&self, erasure_id: String, pass: Pass, next: Timestamp) -> Answer<'_, ()> {
        Box::pin(ask(&self.writers, async move |client| {
            erasure::end_pass(client, &erasure_id, pass, next).await
        }))
    }

    fn close_erasures(&self, erasure_ids: Vec<String>, at: Timestamp) -> Answer<'_, ()> {
        Box::pin(ask(&self.writers, async move |client| {
            erasure::close(client, &erasure_ids, at).await
        }))
    }

    fn prolong_leases(&self, claim: Claim) -> Answer<'_, Standing> {
        Box::pin(ask(&self.leases, async move |client| leases::prolong(client, &claim).await))
    }

    fn take_leases(&self, claim: Claim) -> Answer<'_, Vec<Lease>> {
        Box::pin(ask(&self.leases, async move |client| leases::take(client, &claim).await))
    }

    fn give_back_leases(&self, claim: Claim) -> Answer<'_, ()> {
        Box::pin(ask(&self.leases, async move |client| leases::give_back(client, &claim).await))
    }

    fn leave_leases(&self, owner: String) -> Answer<'_, ()> {
        Box::pin(ask(&self.leases, async move |client| leases::leave(client, &owner).await))
    }

    fn division(&self) -> Answer<'_, Division> {
        Box::pin(ask(&self.loops, async |client| division::read(client).await))
    }

    fn reshard(&self, shards: i32) -> Answer<'_, Resharded> {
        Box::pin(ask(&self.writers, async move |client| division::reshard(client, shards).await))
    }

    fn open_generation(&self, number: i64) -> Answer<'_, ()> {
        Box::pin(ask(&self.writers, async move |client| division::open(client, number).await))
    }

    fn shard_reader(
        &self,
        generation: Generation,
        shard: i32,
    ) -> Result<Box<dyn JournalReader>, Error> {
        Ok(Box::new(division::Reader::new(&self.address, generation, shard)?))
    }

    fn archive(&self, portion: Portion) -> Answer<'_, Archived> {
        Box::pin(async move {
            let pack = async |client: &Client| archive::pack(client, &portion).await;
            let (archived, packed) = ask(&self.readers, pack).await?;
            if packed.is_empty() {
                return Ok(archived);
            }
            let write = async |client: &Client| archive::archive(client, archived, &packed).await;
            ask(&self.writers, write).await
        })
    }

    fn matching(
        &self,
        query: OrdersQuery,
        order_ids: Vec<String>,
    ) -> Answer<'_, HashMap<String, i64>> {
        Box::pin(ask(&self.readers, async move |client| {
            listing::matching(client, &query, &order_ids).await
        }))
    }

    fn count_orders(&self, query: OrdersQuery, within: Duration) -> Answer<'_, u64> {
        let until = Until::within(Some(within));
        Box::pin(ask_alone(&self.readers, async move |client| {
            listing::count(client, &query, until).await
        }))
    }

    fn start_bulk(&self, new: NewBulk, most_open: usize) -> Answer<'_, Started> {
        Box::pin(ask(&self.readers, async move |client| bulk::start(client, &new, most_open).await))
    }

    fn bulk_of_key(&self, key: String) -> Answer<'_, Option<Before>> {
        Box::pin(ask(&self.readers, async move |client| bulk::of_key(client, &key).await))
    }

    fn replace_bulk(&self, next: Bulk) -> Answer<'_, bool> {
        Box::pin(ask(&self.loops, async move |client| bulk::replace(client, &next).await))
    }

    fn bulk(&self, bulk_id: String) -> Answer<'_, Option<Bulk>> {
        Box::pin(ask(&self.readers, async move |client| bulk::find(client, &bulk_id).await))
    }

    fn bulks(&self, before: Option<String>, limit: usize) -> Answer<'_, Vec<Bulk>> {
        Box::pin(ask(&self.readers, async move |client| {
            bulk::list(client, before.as_deref(), limit).await
        }))
    }

    fn open_bulks(&self) -> Answer<'_, OpenBulks> {
        Box::pin(ask(&self.loops, async move |client| bulk::open(client).await))
    }

    fn known_ids(&self, after: String, limit: usize) -> Answer<'_, Vec<String>> {
        Box::pin(ask(&self.readers, async move |client| {
            kept::known_ids(client, &after, limit).await
        }))
    }

    fn kept(&self, order_ids: Vec<String>) -> Answer<'_, Vec<Kept>> {
        Box::pin(ask(&self.readers, async move |client| kept::kept(client, &order_ids).await))
    }

    fn bury(&self, order_ids: Vec<String>, at: Timestamp) -> Answer<'_, usize> {
        Box::pin(ask(&self.readers, async move |client| {
            tombstones::bury(client, &order_ids, at).await
        }))
    }

    fn counters(&self) -> Answer<'_, Counters> {
        Box::pin(ask(&self.readers, async |client| counters::kept(client).await))
    }

    fn flow(&self, now: Timestamp) -> Answer<'_, FlowFigures> {
        Box::pin(ask(&self.readers, async move |client| counters::flow(client, now).await))
    }

    fn counted(&self, within: Option<Duration>) -> Answer<'_, Counted> {
        Box::pin(counters::counted(&self.counts, Until::within(within)))
    }

    fn journal_reader(&self) -> Result<Box<dyn JournalReader>, Error> {
        Ok(Box::new(journal::Reader::new(&self.address)?))
    }
}

/// With what to do about it.
fn advised(checked: Result<(), VersionError>) -> anyhow::Result<()> {
    match checked {
        Err(older @ VersionError::Older { .. }) => Err(older).context("run `orders migrate` first"),
        checked => Ok(checked?),
    }
}

/// Sends a group until other instances' transactions no longer stand in its way.
async fn commit(writers: Arc<Pool>, commits: Vec<Commit>) -> Result<Vec<Outcome>, Error> {
    for attempt in 0..ATTEMPTS {
        match ask(&writers, async |client| write::commit(client, &commits).await).await {
            Err(error) if stood_in_the_way(&error) => {
                tracing::warn!(error = %error, attempt, "A group is committed again");
                tokio::time::sleep(AGAIN.delay(attempt)).await;
            }
            settled => return settled,
        }
    }
    Err(Error::Unavailable(anyhow::anyhow!("other transactions stand in the way of this one")))
}

/// Whether the server ended a transaction, which wrote nothing, for the sake of another.
fn stood_in_the_way(error: &Error) -> bool {
    let Error::Unavailable(cause) = error else { return false };
    let code = cause.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    code.is_some_and(|code| {
        [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code)
    })
}

/// Asks on a free connection. One that failed is not used again, nor one whose answer nobody waited for, so
/// that neither an open transaction nor a late answer is left to who comes next.
async fn ask<T>(
    pool: &Pool,
    question: impl AsyncFnOnce(&Client) -> Result<T, Error>,
) -> Result<T, Error> {
    ask_alone(pool, async |client| question(client).await).await
}

/// The same for what has a transaction of its own.
async fn ask_alone<T>(
    pool: &Pool,
    question: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut lent = Lent(None);
    let client = lent.0.insert(pool.get().await.map_err(Error::Unavailable)?);
    let answer = tokio::time::timeout(ANSWER_LIMIT, question(client)).await;
    let answer = answer.unwrap_or_else(|late| Err(Error::Unavailable(late.into())))?;
    drop(lent.0.take());
    Ok(answer)
}

/// A connection that is closed unless it is taken out: its question failed, or who asked did not wait.
struct Lent(Option<Client>);

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Client::take(client));
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(cause: tokio_postgres::Error) -> Self {
        match cause.code() {
            // Data exceptions: the same data fails again.
            Some(code) if code.code().starts_with("22") => Self::Corrupt(cause.into()),
            _ => Self::Unavailable(cause.into()),
        }
    }
}
