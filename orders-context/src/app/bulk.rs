//! One action on many orders: found by a filter, acted on in the background at a stated rate.
//!
//! A portion of orders is written down before any of them is acted on, and what became of them after
//! all of them were. Each is acted on under a key of its own that is stored in the order's commit: a
//! portion that is repeated, after a crash or by an instance that took over, finds the keys and acts on
//! nobody twice, and the tally counts each order once.
//!
//! A portion is judged by the filter again right before it is acted on, however long ago it was taken, and each
//! order is changed at no other version than the one that was judged.

mod dry_run;
mod portion;
mod progress;

pub use dry_run::DryRun;
pub use progress::{Interrupt, Outcome};

use super::list_orders::usual_ms;
use super::{App, Failure};
use crate::domain::{Action, Intervention, Timestamp};
use crate::store::bulk::{
    Ahead, Before, Bulk, BulkState, NewBulk, OpenBulks, Portion, Started, Tally,
};
use crate::store::{Lease, OrdersFilter, OrdersQuery, OrdersSort, Place};
use std::collections::HashMap;

/// How many orders are acted on together at most.
const AT_ONCE: u32 = 100;

/// How many bulk actions may be open at once.
pub const MOST_OPEN: usize = 20;

/// How many pages without orders are passed over at once.
const STRETCHES: usize = 50;

/// How often a step is tried on what others are changing too.
const ATTEMPTS: usize = 10;

/// What somebody wants done to many orders.
#[derive(Clone, Debug)]
pub struct BulkWanted {
    /// What.
    pub action: Action,
    /// To which orders.
    pub filter: OrdersFilter,
    /// Who wants it, and why.
    pub intervention: Intervention,
    /// How many orders a second at most.
    pub per_second: u32,
}

/// Why a bulk action was not started or interrupted.
#[derive(Debug, thiserror::Error)]
pub enum BulkRefusal {
    /// There is no such bulk action.
    #[error("There is no such bulk action.")]
    Unknown,
    /// Too many are open already.
    #[error("Too many bulk actions are open already: wait for one to end, or cancel one.")]
    TooMany,
    /// It has ended.
    #[error("The bulk action is {0}; nothing can be changed any more.")]
    Ended(BulkState),
    /// As with any other use case.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<crate::store::Error> for BulkRefusal {
    fn from(error: crate::store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl App {
    /// Starts a bulk action, durably: it will run to its end whatever crashes. The same key again is
    /// the same bulk action, as it stands now.
    ///
    /// # Errors
    /// [`BulkRefusal`]; the key was used for another request, or too many are open.
    pub async fn start_bulk(
        &self,
        wanted: BulkWanted,
        key: String,
        request_hash: Vec<u8>,
    ) -> Result<Bulk, BulkRefusal> {
        // Whoever asks again waits for no count.
        if let Some(before) = self.store.bulk_of_key(key.clone()).await? {
            return of_same(before, &request_hash);
        }
        let bulk = self.new_bulk(wanted).await?;
        let hash = request_hash.clone();
        let new = NewBulk { bulk: bulk.clone(), key, request_hash };
        match self.store.start_bulk(new, MOST_OPEN).await? {
            Started::New => Ok(bulk),
            Started::Before(before) => of_same(*before, &hash),
            Started::TooMany => Err(BulkRefusal::TooMany),
        }
    }

    /// One that has not begun, with how many orders it is about, if that can be said in time.
    async fn new_bulk(&self, wanted: BulkWanted) -> Result<Bulk, Failure> {
        let now = self.now();
        let bulk = Bulk {
            bulk_id: self.ids.next().to_string(),
            round: 1,
            state: BulkState::Running,
            filter: before(wanted.filter.clone(), now),
            action: wanted.action,
            intervention: wanted.intervention,
            per_second: wanted.per_second,
            usual_ms: usual_ms(&*self.store, &wanted.filter).await?,
            created_at: now,
            ended_at: None,
            matched: None,
            ahead: Ahead::Everything,
            portion: Portion { number: 0, taken_at: now, order_ids: Vec::new() },
            tally: Tally::default(),
            interruptions: Vec::new(),
        };
        let matched = match self.count(bulk.query(None, 1)).await {
            // What is to be done is done, however many others ask.
            Err(Failure::Overloaded) => None,
            counted => counted?,
        };
        Ok(Bulk { matched, ..bulk })
    }

    /// A bulk action as it stands.
    ///
    /// # Errors
    /// [`BulkRefusal`]; there is none with this id.
    pub async fn bulk(&self, bulk_id: &str) -> Result<Bulk, BulkRefusal> {
        self.store.bulk(bulk_id.to_owned()).await?.ok_or(BulkRefusal::Unknown)
    }

    /// Bulk actions that were started before the one with this id, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn bulks(&self, before: Option<String>, limit: usize) -> Result<Vec<Bulk>, Failure> {
        Ok(self.store.bulks(before, limit).await?)
    }

    /// Bulk actions that have something left to do, the oldest first.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn open_bulks(&self) -> Result<Vec<Bulk>, Failure> {
        Ok(self.store.open_bulks().await?.bulks)
    }

    /// Pauses, resumes or cancels a bulk action, durably. Orders that are being acted on at this
    /// moment are. Again: the same answer.
    ///
    /// # Errors
    /// [`BulkRefusal`]; there is none with this id, or it has ended.
    pub async fn interrupt_bulk(
        &self,
        bulk_id: &str,
        interrupt: Interrupt,
        intervention: Intervention,
    ) -> Result<Bulk, BulkRefusal> {
        for _ in 0..ATTEMPTS {
            let bulk = self.bulk(bulk_id).await?;
            let next = bulk.clone().interrupt(interrupt, intervention.clone(), self.now());
            let Some(next) = next.map_err(BulkRefusal::Ended)? else { return Ok(bulk) };
            if self.store.replace_bulk(next.clone()).await? {
                return Ok(next);
            }
        }
        Err(Failure::Contended.into())
    }

    /// Takes a bulk action one portion further: how many orders it dealt with. Safe to repeat,
    /// wherever it was left off and whoever else does the same. Acts on nobody once another has taken
    /// the lease of this work.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; the portion stays as it is.
    pub async fn advance_bulk(&self, bulk: Bulk, lease: &Lease) -> Result<usize, Failure> {
        let bulk = match (bulk.state, bulk.portion.order_ids.is_empty()) {
            (BulkState::Running, true) => match self.take_portion(bulk).await? {
                Some(bulk) => bulk,
                None => return Ok(0),
            },
            (BulkState::Running | BulkState::Cancelled, false) => bulk,
            _ => return Ok(0),
        };
        let outcomes = match bulk.state {
            BulkState::Running => self.act_on_portion(&bulk, lease).await?,
            // Nobody knows any more which of them were acted on: their keys do.
            _ => bulk.portion.order_ids.iter().map(|id| (id.clone(), Outcome::Left)).collect(),
        };
        let outcomes = self.with_those_remembered(&bulk, outcomes).await?;
        self.settle_portion(&bulk, &outcomes).await?;
        Ok(outcomes.len())
    }

    /// Writes down which orders come next; `None` if somebody else has changed it meanwhile.
    async fn take_portion(&self, bulk: Bulk) -> Result<Option<Bulk>, Failure> {
        let after = match &bulk.ahead {
            Ahead::Everything => None,
            Ahead::After(place) => Some(place.clone()),
            // An older program resumed it after its end.
            Ahead::Nothing => {
                let ended = bulk.take(Vec::new(), Ahead::Nothing, self.now());
                self.store.replace_bulk(ended).await?;
                return Ok(None);
            }
        };
        let mut page = self.store.orders(bulk.query(after, bulk.portion_size())).await?;
        // A page without orders is a stretch of others' orders: the next that has some is taken.
        for _ in 0..STRETCHES {
            match page.next {
                Some(_) if page.orders.is_empty() && page.unreadable.is_empty() => {
                    page = self.store.orders(bulk.query(page.next, bulk.portion_size())).await?;
                }
                _ => break,
            }
        }
        // Acting on those that cannot be read fails, and is counted so.
        let readable = page.orders.into_iter().map(|order| order.order_id);
        let order_ids = readable.chain(page.unreadable).collect();
        let ahead = page.next.map_or(Ahead::Nothing, Ahead::After);
        let next = bulk.take(order_ids, ahead, self.now());
        Ok(self.store.replace_bulk(next.clone()).await?.then_some(next))
    }

    /// Writes down what became of the portion, unless somebody else has.
    async fn settle_portion(
        &self,
        bulk: &Bulk,
        outcomes: &HashMap<String, Outcome>,
    ) -> Result<(), Failure> {
        let mut bulk = bulk.clone();
        for _ in 0..ATTEMPTS {
            let (bulk_id, portion) = (bulk.bulk_id.clone(), bulk.portion.number);
            let Some(next) = bulk.settle(portion, outcomes, self.now()) else { return Ok(()) };
            if self.store.replace_bulk(next).await? {
                return Ok(());
            }
            // It was paused, resumed or cancelled meanwhile, or settled by another instance.
            match self.store.bulk(bulk_id).await? {
                Some(present) if present.portion.number == portion => bulk = present,
                _ => return Ok(()),
            }
        }
        Err(Failure::Contended)
    }

    /// Forgets nothing that a portion still needs: the moment of the oldest one, which may be any where one cannot
    /// be read.
    pub(super) async fn oldest_portion(&self) -> Result<Option<Timestamp>, Failure> {
        let OpenBulks { bulks, unreadable } = self.store.open_bulks().await?;
        if unreadable > 0 {
            return Ok(Some(Timestamp(i64::MIN)));
        }
        let taken = bulks.into_iter().filter(|bulk| !bulk.portion.order_ids.is_empty());
        Ok(taken.map(|bulk| bulk.portion.taken_at).min())
    }
}

impl Bulk {
    /// The question for a page of its orders, the oldest first.
    fn query(&self, after: Option<Place>, limit: usize) -> OrdersQuery {
        OrdersQuery {
            filter: self.filter.clone(),
            sort: OrdersSort::Oldest,
            after,
            limit,
            now: self.created_at,
            usual_ms: self.usual_ms.clone(),
        }
    }

    /// How many orders are taken together: half a second's worth, within bounds.
    fn portion_size(&self) -> usize {
        (self.per_second / 2).clamp(1, AT_ONCE) as usize
    }

    /// How long a portion takes at its rate, in microseconds.
    #[must_use]
    pub fn pause_us(&self) -> i64 {
        let size = i64::try_from(self.portion_size()).unwrap_or(1);
        size * 1_000_000 / i64::from(self.per_second.max(1))
    }
}

/// The bulk action that a request with this hash has started, if it is the one that asks again.
fn of_same(before: Before, request_hash: &[u8]) -> Result<Bulk, BulkRefusal> {
    match before.request_hash == request_hash {
        true => Ok(before.bulk),
        false => Err(Failure::KeyReused.into()),
    }
}

/// Orders that are placed from `now` on are not touched.
fn before(filter: OrdersFilter, now: Timestamp) -> OrdersFilter {
    let placed_before = Some(filter.placed_before.map_or(now, |before| before.min(now)));
    OrdersFilter { placed_before, ..filter }
}
