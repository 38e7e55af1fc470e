//! Where orders are kept: the interface, and what goes over it.
//!
//! [`Store`] is what every database behind the orders context guarantees; `store/contract.rs` in the
//! tests holds each implementation to it. [`sqlite`] is the embedded one, [`postgres`] that of several
//! instances. SQL is written below this module and nowhere else.

mod archive;
pub mod bulk;
#[cfg(test)]
pub(crate) mod contract;
pub mod copy;
pub mod counters;
mod damage;
mod deliveries;
mod division;
mod endpoints;
pub mod erasure;
pub mod feed;
mod kept;
mod lease;
mod limit;
pub mod listing;
pub mod postgres;
pub mod presence;
mod reader;
pub mod sqlite;
mod task;
pub mod ticket;

pub use archive::{Archived, Portion};
pub use counters::{Counted, Counter, Counters, FlowFigures};
pub use deliveries::{Concerning, Deliveries, Health};
pub use division::{Division, Generation, MOST_SHARDS, Resharded, SLOTS, slot};
pub use endpoints::{Added, Endpoints, NewEndpoint};
pub use erasure::{Erased, Erasure, LookedAt, Pass, Person, key_scope};
pub use kept::{Kept, KeptRow};
pub use lease::{Claim, Lease, Standing};
pub use listing::{OrdersFilter, OrdersPage, OrdersQuery, OrdersSort, Place, TaskCondition};
pub use reader::{JournalReader, ToPublish};
pub use task::{ENDPOINT_NOT_YET, Task, TaskChange, TaskState};

use crate::domain::{
    Availability, Bearing, Event, FlowVersion, Order, Receiver, Restaurant, Shut, Status, Timestamp,
};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A store's answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It did not answer or refused; nothing is known to be stored. Trying again is safe for whoever
    /// compares versions.
    #[error("the database does not answer: {0}")]
    Unavailable(#[source] anyhow::Error),
    /// What is stored cannot be understood; trying again does not help.
    #[error("stored data cannot be read: {0}")]
    Corrupt(#[source] anyhow::Error),
    /// It was not answered within the time that it was given, and is asked for no longer.
    #[error("the answer takes longer than it may")]
    TooLong,
}

/// Keeps orders, their journal, tasks and restaurants; and what [`Endpoints`], [`Deliveries`], feeds,
/// presences and tickets keep.
pub trait Store:
    Endpoints + Deliveries + feed::FeedStore + presence::PresenceStore + ticket::TicketStore + 'static
{
    /// Whether other processes may write to it too, so that what was read of it grows old.
    fn is_shared(&self) -> bool {
        true
    }

    /// How many listings and counts it may be asked for at a time, so that who asks for one order does
    /// not wait for them. What goes on by itself (deadlines, tasks, deliveries, leases) waits for no
    /// question, however many are asked.
    fn listings_at_once(&self) -> usize;

    /// The same store for what goes on by itself: whatever is asked of this one waits for no question.
    fn for_loops(&self) -> Arc<dyn Store>;

    /// The present state of those orders and idempotency keys that exist.
    fn load(&self, wanted: Wanted) -> Answer<'_, Loaded>;

    /// Writes all of them in one transaction, durable once this returns. Each is applied whole or not
    /// at all: a commit whose order has moved since it was loaded comes back as
    /// [`Outcome::Conflict`] and leaves other orders untouched; every later commit of the same order
    /// conflicts with it, for it was decided on what has not happened. What cannot be read spoils the
    /// commits that are about it, and no other. Outcomes stand in the order of the commits.
    fn commit(&self, commits: Vec<Commit>) -> Answer<'_, Vec<Outcome>>;

    /// Creates or replaces a restaurant.
    fn put_restaurant(&self, restaurant: Restaurant) -> Answer<'_, ()>;

    /// Replaces a restaurant, if what is stored is `before`; whether it was.
    fn replace_restaurant(&self, before: Restaurant, next: Restaurant) -> Answer<'_, bool>;

    /// How a restaurant stands to new orders, if that was ever spoken of.
    fn availability(&self, restaurant_id: String) -> Answer<'_, Option<Availability>>;

    /// Replaces how a restaurant stands, if what is stored is of the version before; whether it was.
    /// Orders that are placed once this returns are judged by it.
    fn put_availability(&self, restaurant_id: String, next: Availability) -> Answer<'_, bool>;

    /// The restaurant with this id.
    fn restaurant(&self, restaurant_id: String) -> Answer<'_, Option<Restaurant>>;

    /// One order with its tasks, oldest first.
    fn order(&self, order_id: String) -> Answer<'_, Option<Found>>;

    /// A page of orders. Orders that move while pages are read are judged as they stand when theirs is.
    fn orders(&self, query: OrdersQuery) -> Answer<'_, OrdersPage>;

    /// Which of these orders are of the query's filter as they stand now, each with its version.
    fn matching(
        &self,
        query: OrdersQuery,
        order_ids: Vec<String>,
    ) -> Answer<'_, HashMap<String, i64>>;

    /// How many orders there are of the query's filter, on all its pages. [`Error::TooLong`] when `within` is
    /// over: the database reads no further then.
    fn count_orders(&self, query: OrdersQuery, within: Duration) -> Answer<'_, u64>;

    /// Journal of one order after `sequence`, at most `limit` rows, ascending.
    fn history(&self, order_id: String, after: i64, limit: usize) -> Answer<'_, Vec<JournalRow>>;

    /// How to reach the customer of an order.
    fn contact(&self, order_id: String) -> Answer<'_, Option<Contact>>;

    /// Orders that wanted to be looked at by `now`, by moment and id, those after `after`.
    fn due_orders(&self, now: Timestamp, after: Option<Due>, limit: usize) -> Answer<'_, Vec<Due>>;

    /// The earliest moment at which an order wants to be looked at.
    fn next_wake_at(&self) -> Answer<'_, Option<Timestamp>>;

    /// Open tasks that tell `to` and whose next attempt is due at one of these moments, the most overdue first,
    /// each with the restaurant of its order. However many there are to others costs nothing. Those that cannot be
    /// read are passed over, and told of in the log.
    fn open_tasks(
        &self,
        to: Receiver,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Answer<'_, Vec<(String, Task)>>;

    /// Forgets idempotency keys first used before `before`, at most `limit`; how many.
    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answer<'_, usize>;

    /// Keeps a request to erase somebody; one with the same id stays as it is.
    fn ask_erasure(&self, erasure: Erasure) -> Answer<'_, ()>;

    /// The erasure with this id.
    fn erasure(&self, erasure_id: String) -> Answer<'_, Option<Erasure>>;

    /// Erasures that are not done and whose turn it is by `now`, the longest due first.
    fn open_erasures(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Erasure>>;

    /// Looks at the next `limit` contacts behind the order `after`, and behind the last contact at
    /// restaurants; erases what is the person's, with the idempotency keys of those orders, and counts
    /// it. Passes over what cannot be read. Writes nothing where nothing is found. Safe to repeat.
    fn erase_portion(&self, erasure: Erasure, after: String, limit: usize) -> Answer<'_, LookedAt>;

    /// Says what a pass came to, and when it is the erasure's turn again, if it is not done by then.
    fn end_pass(
        &self,
        erasure_id: String,
        pass: Pass,
        next_attempt_at: Timestamp,
    ) -> Answer<'_, ()>;

    /// Forgets whom these erasures were about, takes what was erased out of the files that the database
    /// writes before it writes itself, and then says that they are done. After a failure they are not: try
    /// again.
    fn close_erasures(&self, erasure_ids: Vec<String>, at: Timestamp) -> Answer<'_, ()>;

    /// Says that an instance is alive, prolongs those of the named leases that are its own, and says
    /// how things stand. Judged by the database's clock. An embedded store, which one process uses
    /// alone, grants every claim.
    fn prolong_leases(&self, claim: Claim) -> Answer<'_, Standing>;

    /// Takes those of the named leases that nobody holds, or prolongs one's own: which are the
    /// claimant's once this returns. A lease's token is larger for each new owner.
    fn take_leases(&self, claim: Claim) -> Answer<'_, Vec<Lease>>;

    /// Ends those of the named leases that are the claimant's.
    fn give_back_leases(&self, claim: Claim) -> Answer<'_, ()>;

    /// An instance that is about to end is no longer counted.
    fn leave_leases(&self, owner: String) -> Answer<'_, ()>;

    /// How the journal is divided among relays. An embedded store has one shard for ever.
    fn division(&self) -> Answer<'_, Division>;

    /// Begins a new generation of so many shards, at a position of the journal that no reader of the
    /// generation before passes. An embedded store refuses.
    fn reshard(&self, shards: i32) -> Answer<'_, Resharded>;

    /// Lets the generation of this number be published: all before it is. Safe to repeat.
    fn open_generation(&self, number: i64) -> Answer<'_, ()>;

    /// A reader of one shard of a generation, for one thread of its own. It reads nothing of other
    /// generations and knows when it has come to the end of its own.
    ///
    /// # Errors
    /// When the database cannot be opened.
    fn shard_reader(
        &self,
        generation: Generation,
        shard: i32,
    ) -> Result<Box<dyn JournalReader>, Error>;

    /// Moves orders at rest to compact history, where everything above finds them but listings; a
    /// commit that moves one brings it back first. Each goes whole, in one transaction for all, and
    /// leaves no row of it in the journal. What moves meanwhile stays. One who does this at a time is
    /// enough; several do no harm.
    fn archive(&self, portion: Portion) -> Answer<'_, Archived>;

    /// Keeps a new bulk action, unless its key was used before or `most_open` are open already.
    fn start_bulk(&self, new: bulk::NewBulk, most_open: usize) -> Answer<'_, bulk::Started>;

    /// The bulk action that was started under this key.
    fn bulk_of_key(&self, key: String) -> Answer<'_, Option<bulk::Before>>;

    /// Replaces a bulk action by its next round; whether the round before was the one kept.
    fn replace_bulk(&self, next: bulk::Bulk) -> Answer<'_, bool>;

    /// The bulk action with this id.
    fn bulk(&self, bulk_id: String) -> Answer<'_, Option<bulk::Bulk>>;

    /// Bulk actions, the newest first, those before `before`, at most `limit`.
    fn bulks(&self, before: Option<String>, limit: usize) -> Answer<'_, Vec<bulk::Bulk>>;

    /// Bulk actions that have something left to do or to write down, the oldest first. Those that cannot be read
    /// are counted, and told of in the log.
    fn open_bulks(&self) -> Answer<'_, bulk::OpenBulks>;

    /// Ids after `after` that an order or a journal has, each once, at most `limit`, ascending.
    fn known_ids(&self, after: String, limit: usize) -> Answer<'_, Vec<String>>;

    /// Everything that is kept of these orders, as of one moment: for checks. In the order of the
    /// ids, which are asked for once each.
    fn kept(&self, order_ids: Vec<String>) -> Answer<'_, Vec<Kept>>;

    /// From now on the state topic says nothing of these orders: each that has none gets a tombstone, with
    /// a position like an event's, which the relay publishes in its turn. How many are new. Safe to repeat;
    /// in portions, each durable by itself. An erasure that has a transaction of its own calls `insert` of
    /// the database's `tombstones.rs` in it.
    fn bury(&self, order_ids: Vec<String>, at: Timestamp) -> Answer<'_, usize>;

    /// Every counter as commits have left it. Reads no orders.
    fn counters(&self) -> Answer<'_, Counters>;

    /// What the picture of the flow shows. Reads counters and the ends of indexes, no orders.
    fn flow(&self, now: Timestamp) -> Answer<'_, FlowFigures>;

    /// Every counter as commits have left it, and counted again, as of one moment: for checks. Takes as
    /// long as everything that is stored takes to read. [`Error::TooLong`] when `within` is over, if it is
    /// given: the database reads no further then.
    fn counted(&self, within: Option<Duration>) -> Answer<'_, Counted>;

    /// A reader of the whole journal in commit order, for one thread of its own.
    ///
    /// # Errors
    /// When the database cannot be opened.
    fn journal_reader(&self) -> Result<Box<dyn JournalReader>, Error>;
}

/// What to load for a group of commands.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Order ids; repeated ones are loaded once.
    pub order_ids: Vec<String>,
    /// Idempotency keys, with their scope in front.
    pub idempotency_keys: Vec<String>,
}

/// What there was.
#[derive(Debug, Default)]
pub struct Loaded {
    /// By order id.
    pub orders: HashMap<String, Arc<Order>>,
    /// By key.
    pub remembered: HashMap<String, Remembered>,
    /// Why an order is there and cannot be understood, by order id.
    pub unreadable: HashMap<String, String>,
}

/// An idempotency key that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// With its scope in front.
    pub key: String,
    /// SHA-256 of the request it came with.
    pub request_hash: Vec<u8>,
    /// The order it led to.
    pub order_id: String,
    /// When it was first used.
    pub at: Timestamp,
}

/// Everything one command changes. Written whole or not at all.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The version the command was decided on; 0 for a new order.
    pub expected_version: i64,
    /// The order then; `None` for a new one.
    pub before: Option<Arc<Order>>,
    /// The order afterwards.
    pub order: Arc<Order>,
    /// What became true, ascending by sequence.
    pub entries: Vec<Entry>,
    /// What happens to its tasks, in this order.
    pub tasks: Vec<TaskChange>,
    /// When it wants to be looked at again.
    pub wake: Wake,
    /// How to reach the customer, with a new order.
    pub contact: Option<Contact>,
    /// What the restaurant wants the customer to read: kept with the contact, if that is still kept.
    pub remark: Option<String>,
    /// What it means for the order's restaurant: judged and written in the same transaction.
    pub bearing: Option<Bearing>,
    /// Of a new order: it stands only if its customer has fewer under way. Where several instances commit
    /// at the same moment, each may let one more in.
    pub most_open: Option<u32>,
    /// The idempotency key the command came with.
    pub remember: Option<Remembered>,
    /// It stands only while nobody else has taken this lease: for what a lost lease must not write.
    pub fence: Option<Lease>,
}

/// When an order wants to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// As before; with no entries, the order's row is not touched at all.
    Unchanged,
    /// Then.
    At(Timestamp),
    /// Never by itself.
    Never,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Committed,
    /// The order has moved meanwhile, or exists already; nothing was written.
    Conflict,
    /// The restaurant takes no new order now; nothing was written.
    Shut(Shut),
    /// The customer has as many orders under way as one may have; nothing was written.
    Crowded,
    /// Another has the lease that it was to be written under; nothing was written.
    Fenced,
    /// What is stored of its order or its restaurant cannot be understood, which the log tells; nothing was written.
    Unreadable,
}

/// A new row of the journal.
#[derive(Clone, Debug)]
pub struct Entry {
    /// UUIDv7 as text.
    pub event_id: String,
    /// 1 for the first event of an order.
    pub sequence: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Where the order stood afterwards.
    pub status: Status,
    /// Who caused it: a role.
    pub actor: String,
    /// W3C trace context of the cause.
    pub traceparent: Option<String>,
    /// The event that led to this one.
    pub causation_id: Option<String>,
}

/// A stored row of the journal: audit history and outbox in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// Place in commit order: rises, may have gaps.
    pub position: i64,
    /// UUIDv7 as text.
    pub event_id: String,
    /// Whose.
    pub order_id: String,
    /// 1 for the first event of an order.
    pub sequence: i64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Where the order stood afterwards.
    pub status: Status,
    /// Who caused it.
    pub actor: String,
    /// What happened.
    pub event: Event,
    /// The flow that the order follows from then on; `None` in rows from before flows had numbers.
    pub flow_version: Option<FlowVersion>,
    /// Where it is cooked.
    pub restaurant_id: String,
    /// Who ordered.
    pub customer_id: String,
    /// Sum of the items, in minor units.
    pub total_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// W3C trace context of the cause.
    pub traceparent: Option<String>,
    /// The event that led to this one.
    pub causation_id: Option<String>,
}

/// The end of an order on the state topic, when the person behind it was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Place in commit order, among the journal's.
    pub position: i64,
    /// Whose.
    pub order_id: String,
    /// Since when.
    pub at: Timestamp,
}

/// How to reach a customer. Personal: kept in a table of its own, in no event and no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// The person's name.
    pub name: String,
    /// Their mail address.
    pub email: String,
    /// What they want the restaurant to know.
    pub note: Option<String>,
    /// What the restaurant, when it refused the order, wanted them to read.
    pub remark: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact(…)")
    }
}

/// An order that wants to be looked at, and since when: a place among those that do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Since when.
    pub wake_at: Timestamp,
    /// Which.
    pub order_id: String,
    /// The order as it stood then, unless it cannot be read or is only a place.
    pub order: Option<Arc<Order>>,
}

impl Due {
    /// Where it stands among those that are due, and nothing else.
    #[must_use]
    pub fn place(&self) -> Self {
        Self { wake_at: self.wake_at, order_id: self.order_id.clone(), order: None }
    }
}

/// An order and its tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// As its events have made it.
    pub order: Order,
    /// Oldest first.
    pub tasks: Vec<Task>,
}

impl From<Option<Timestamp>> for Wake {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Never, Self::At)
    }
}
