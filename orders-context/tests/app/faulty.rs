//! A store that fails when it is told to, and counts what it is asked.

#[path = "faulty/passing.rs"]
mod passing;

use orders_context::domain::{
    Availability, Delivery, DeliveryState, Endpoint, Receiver, Restaurant, Timestamp,
};
use orders_context::store::bulk::{Before, Bulk, NewBulk, OpenBulks, Started};
use orders_context::store::{
    Answer, Archived, Claim, Commit, Concerning, Contact, Counted, Counters, Deliveries, Division,
    Due, Erasure, Error, FlowFigures, Found, Generation, Health, JournalReader, JournalRow, Kept,
    Lease, Loaded, LookedAt, OrdersPage, OrdersQuery, Outcome, Pass, Portion, Resharded, Standing,
    Store, Task, Wanted,
};
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How a commit goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing is stored.
    Before,
    /// Everything is stored, and the answer is lost.
    After,
    /// Nothing is stored, as if others had moved every order of it.
    Moved,
    /// Nothing is stored, and no answer comes.
    HangsBefore,
    /// Everything is stored, and no answer comes.
    HangsAfter,
}

/// Passes everything on but the commits it is told to spoil.
pub struct Faulty {
    inner: Arc<dyn Store>,
    faults: Mutex<VecDeque<Fault>>,
    writes: Mutex<VecDeque<Option<Fault>>>,
    commits: AtomicUsize,
    contacts: AtomicUsize,
    hung: AtomicUsize,
    judged: AtomicUsize,
    counts: AtomicUsize,
    counts_in_vain: AtomicBool,
    /// The position of a row that cannot be read for endpoints; below 0, none can.
    unreadable: AtomicI64,
    /// Whether commits need leave, and how many have it.
    is_held: AtomicBool,
    leave: Semaphore,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            faults: Mutex::default(),
            writes: Mutex::default(),
            commits: AtomicUsize::new(0),
            contacts: AtomicUsize::new(0),
            hung: AtomicUsize::new(0),
            judged: AtomicUsize::new(0),
            counts: AtomicUsize::new(0),
            counts_in_vain: AtomicBool::new(false),
            unreadable: AtomicI64::new(0),
            is_held: AtomicBool::new(false),
            leave: Semaphore::new(0),
        }
    }

    /// Commits that are asked for from now on are not begun before they are given leave.
    pub fn hold(&self) {
        self.is_held.store(true, Ordering::SeqCst);
    }

    /// Gives one commit leave.
    pub fn let_one_go(&self) {
        self.leave.add_permits(1);
    }

    /// Gives all of them leave.
    pub fn let_go(&self) {
        self.is_held.store(false, Ordering::SeqCst);
        self.leave.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// The next commits fail like this, one by one.
    pub fn spoil(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// The writes after the next `spared` fail like this, one by one: commits, and rounds of bulk
    /// actions.
    pub fn spoil_writes_after(&self, spared: usize, faults: impl IntoIterator<Item = Fault>) {
        let spared = std::iter::repeat_n(None, spared);
        self.spoil_writes(spared.chain(faults.into_iter().map(Some)));
    }

    /// What becomes of the next writes, one by one.
    pub fn spoil_writes(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        *self.writes.lock().unwrap() = faults.into_iter().collect();
    }

    /// The row at this position cannot be read for endpoints; none can where it is below 0.
    pub fn spoil_row(&self, position: i64) {
        self.unreadable.store(position, Ordering::SeqCst);
    }

    /// No write fails any more.
    pub fn spoil_nothing(&self) {
        self.writes.lock().unwrap().clear();
    }

    fn next_write(&self) -> Option<Fault> {
        self.writes.lock().unwrap().pop_front().flatten()
    }

    /// How many writes hang.
    pub fn hung(&self) -> usize {
        self.hung.load(Ordering::SeqCst)
    }

    async fn hang<T>(&self) -> T {
        self.hung.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    /// How many portions were judged by their filter.
    pub fn judged(&self) -> usize {
        self.judged.load(Ordering::SeqCst)
    }

    /// From now on counting orders takes longer than it may.
    pub fn count_in_vain(&self) {
        self.counts_in_vain.store(true, Ordering::SeqCst);
    }

    /// How often orders were to be counted.
    pub fn counts(&self) -> usize {
        self.counts.load(Ordering::SeqCst)
    }

    /// How many transactions were asked for.
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// How many questions for a contact were answered: whoever asked has gone on.
    pub fn contacts(&self) -> usize {
        self.contacts.load(Ordering::SeqCst)
    }
}

fn lost() -> Error {
    Error::Unavailable(anyhow::anyhow!("the disk is being pulled"))
}

impl Deliveries for Faulty {
    fn concerning(&self, after: i64, limit: usize) -> Answer<'_, Concerning> {
        let unreadable = self.unreadable.load(Ordering::SeqCst);
        let page = self.inner.concerning(after, limit);
        Box::pin(async move {
            let mut page = page.await?;
            if unreadable < 0 {
                return Err(lost());
            }
            page.rows.retain(|row| row.position != unreadable);
            if unreadable > after {
                page.unreadable.push((unreadable, lost()));
            }
            Ok(page)
        })
    }

    fn endpoints_of(&self, restaurant_ids: Vec<String>) -> Answer<'_, Vec<Endpoint>> {
        self.inner.endpoints_of(restaurant_ids)
    }

    fn deliveries_position(&self) -> Answer<'_, i64> {
        self.inner.deliveries_position()
    }

    fn add_deliveries(&self, from: i64, to: i64, new: Vec<Delivery>) -> Answer<'_, bool> {
        self.inner.add_deliveries(from, to, new)
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        health: Health,
        each: usize,
        limit: usize,
    ) -> Answer<'_, Vec<(Endpoint, Delivery)>> {
        self.inner.due_deliveries(now, health, each, limit)
    }

    fn stale_deliveries(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Delivery>> {
        self.inner.stale_deliveries(now, limit)
    }

    fn untold_pauses(&self, limit: usize) -> Answer<'_, Vec<Endpoint>> {
        self.inner.untold_pauses(limit)
    }

    fn replace_delivery(&self, next: Delivery) -> Answer<'_, bool> {
        self.inner.replace_delivery(next)
    }

    fn deliveries(
        &self,
        endpoint_id: String,
        state: Option<DeliveryState>,
        before: Option<String>,
        limit: usize,
    ) -> Answer<'_, Vec<Delivery>> {
        self.inner.deliveries(endpoint_id, state, before, limit)
    }

    fn delivery(&self, endpoint_id: String, event_id: String) -> Answer<'_, Option<Delivery>> {
        self.inner.delivery(endpoint_id, event_id)
    }

    fn hurry_deliveries(&self, endpoint_id: String, now: Timestamp) -> Answer<'_, usize> {
        self.inner.hurry_deliveries(endpoint_id, now)
    }

    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.inner.forget_deliveries(before, limit)
    }
}

impl Store for Faulty {
    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn listings_at_once(&self) -> usize {
        self.inner.listings_at_once()
    }

    fn for_loops(&self) -> Arc<dyn Store> {
        self.inner.for_loops()
    }

    fn commit(&self, commits: Vec<Commit>) -> Answer<'_, Vec<Outcome>> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let fault = self.faults.lock().unwrap().pop_front().or_else(|| self.next_write());
        let is_held = self.is_held.load(Ordering::SeqCst);
        Box::pin(async move {
            if is_held {
                self.leave.acquire().await.unwrap().forget();
            }
            match fault {
                None => self.inner.commit(commits).await,
                Some(Fault::Before) => Err(lost()),
                Some(Fault::Moved) => Ok(vec![Outcome::Conflict; commits.len()]),
                Some(Fault::After) => self.inner.commit(commits).await.and(Err(lost())),
                Some(Fault::HangsBefore) => self.hang().await,
                Some(Fault::HangsAfter) => {
                    self.inner.commit(commits).await?;
                    self.hang().await
                }
            }
        })
    }

    fn replace_bulk(&self, next: Bulk) -> Answer<'_, bool> {
        let fault = self.next_write();
        Box::pin(async move {
            match fault {
                None => self.inner.replace_bulk(next).await,
                Some(Fault::Before) => Err(lost()),
                Some(Fault::Moved) => Ok(false),
                Some(Fault::After) => self.inner.replace_bulk(next).await.and(Err(lost())),
                Some(Fault::HangsBefore) => self.hang().await,
                Some(Fault::HangsAfter) => {
                    self.inner.replace_bulk(next).await?;
                    self.hang().await
                }
            }
        })
    }

    fn start_bulk(&self, new: NewBulk, most_open: usize) -> Answer<'_, Started> {
        self.inner.start_bulk(new, most_open)
    }

    fn bulk(&self, bulk_id: String) -> Answer<'_, Option<Bulk>> {
        self.inner.bulk(bulk_id)
    }

    fn bulks(&self, before: Option<String>, limit: usize) -> Answer<'_, Vec<Bulk>> {
        self.inner.bulks(before, limit)
    }

    fn open_bulks(&self) -> Answer<'_, OpenBulks> {
        self.inner.open_bulks()
    }

    fn matching(
        &self,
        query: OrdersQuery,
        order_ids: Vec<String>,
    ) -> Answer<'_, HashMap<String, i64>> {
        Box::pin(async move {
            let matching = self.inner.matching(query, order_ids).await;
            self.judged.fetch_add(1, Ordering::SeqCst);
            matching
        })
    }

    fn bulk_of_key(&self, key: String) -> Answer<'_, Option<Before>> {
        self.inner.bulk_of_key(key)
    }

    fn count_orders(&self, query: OrdersQuery, within: Duration) -> Answer<'_, u64> {
        self.counts.fetch_add(1, Ordering::SeqCst);
        match self.counts_in_vain.load(Ordering::SeqCst) {
            true => Box::pin(std::future::ready(Err(Error::TooLong))),
            false => self.inner.count_orders(query, within),
        }
    }

    fn load(&self, wanted: Wanted) -> Answer<'_, Loaded> {
        self.inner.load(wanted)
    }

    fn put_restaurant(&self, restaurant: Restaurant) -> Answer<'_, ()> {
        self.inner.put_restaurant(restaurant)
    }

    fn replace_restaurant(&self, before: Restaurant, next: Restaurant) -> Answer<'_, bool> {
        self.inner.replace_restaurant(before, next)
    }

    fn availability(&self, restaurant_id: String) -> Answer<'_, Option<Availability>> {
        self.inner.availability(restaurant_id)
    }

    fn put_availability(&self, restaurant_id: String, next: Availability) -> Answer<'_, bool> {
        self.inner.put_availability(restaurant_id, next)
    }

    fn restaurant(&self, restaurant_id: String) -> Answer<'_, Option<Restaurant>> {
        self.inner.restaurant(restaurant_id)
    }

    fn order(&self, order_id: String) -> Answer<'_, Option<Found>> {
        self.inner.order(order_id)
    }

    fn orders(&self, query: OrdersQuery) -> Answer<'_, OrdersPage> {
        self.inner.orders(query)
    }

    fn history(&self, order_id: String, after: i64, limit: usize) -> Answer<'_, Vec<JournalRow>> {
        self.inner.history(order_id, after, limit)
    }

    fn contact(&self, order_id: String) -> Answer<'_, Option<Contact>> {
        let answer = self.inner.contact(order_id);
        Box::pin(async move {
            let answer = answer.await;
            self.contacts.fetch_add(1, Ordering::SeqCst);
            answer
        })
    }

    fn due_orders(&self, now: Timestamp, after: Option<Due>, limit: usize) -> Answer<'_, Vec<Due>> {
        self.inner.due_orders(now, after, limit)
    }

    fn next_wake_at(&self) -> Answer<'_, Option<Timestamp>> {
        self.inner.next_wake_at()
    }

    fn open_tasks(
        &self,
        to: Receiver,
        due: RangeInclusive<Timestamp>,
        limit: usize,
    ) -> Answer<'_, Vec<(String, Task)>> {
        self.inner.open_tasks(to, due, limit)
    }

    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.inner.forget_keys(before, limit)
    }

    fn ask_erasure(&self, erasure: Erasure) -> Answer<'_, ()> {
        self.inner.ask_erasure(erasure)
    }

    fn erasure(&self, erasure_id: String) -> Answer<'_, Option<Erasure>> {
        self.inner.erasure(erasure_id)
    }

    fn open_erasures(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Erasure>> {
        self.inner.open_erasures(now, limit)
    }

    fn erase_portion(&self, erasure: Erasure, after: String, limit: usize) -> Answer<'_, LookedAt> {
        self.inner.erase_portion(erasure, after, limit)
    }

    fn end_pass(&self, erasure_id: String, pass: Pass, next: Timestamp) -> Answer<'_, ()> {
        self.inner.end_pass(erasure_id, pass, next)
    }

    fn close_erasures(&self, erasure_ids: Vec<String>, at: Timestamp) -> Answer<'_, ()> {
        self.inner.close_erasures(erasure_ids, at)
    }

    fn prolong_leases(&self, claim: Claim) -> Answer<'_, Standing> {
        self.inner.prolong_leases(claim)
    }

    fn take_leases(&self, claim: Claim) -> Answer<'_, Vec<Lease>> {
        self.inner.take_leases(claim)
    }

    fn give_back_leases(&self, claim: Claim) -> Answer<'_, ()> {
        self.inner.give_back_leases(claim)
    }

    fn leave_leases(&self, owner: String) -> Answer<'_, ()> {
        self.inner.leave_leases(owner)
    }

    fn division(&self) -> Answer<'_, Division> {
        self.inner.division()
    }

    fn reshard(&self, shards: i32) -> Answer<'_, Resharded> {
        self.inner.reshard(shards)
    }

    fn open_generation(&self, number: i64) -> Answer<'_, ()> {
        self.inner.open_generation(number)
    }

    fn shard_reader(
        &self,
        generation: Generation,
        shard: i32,
    ) -> Result<Box<dyn JournalReader>, Error> {
        self.inner.shard_reader(generation, shard)
    }

    fn archive(&self, portion: Portion) -> Answer<'_, Archived> {
        self.inner.archive(portion)
    }

    fn known_ids(&self, after: String, limit: usize) -> Answer<'_, Vec<String>> {
        self.inner.known_ids(after, limit)
    }

    fn kept(&self, order_ids: Vec<String>) -> Answer<'_, Vec<Kept>> {
        self.inner.kept(order_ids)
    }

    fn bury(&self, order_ids: Vec<String>, at: Timestamp) -> Answer<'_, usize> {
        self.inner.bury(order_ids, at)
    }

    fn counters(&self) -> Answer<'_, Counters> {
        self.inner.counters()
    }

    fn flow(&self, now: Timestamp) -> Answer<'_, FlowFigures> {
        self.inner.flow(now)
    }

    fn counted(&self, within: Option<Duration>) -> Answer<'_, Counted> {
        self.inner.counted(within)
    }

    fn journal_reader(&self) -> Result<Box<dyn JournalReader>, Error> {
        self.inner.journal_reader()
    }
}
