//! From the journal to deliveries: which endpoint is to hear of what. Each event is one delivery for each
//! endpoint that wants it, for rows and the position up to which they were made are one transaction.

use super::body::body;
use crate::domain::{Delivery, DeliveryState, Endpoint, Event, Status, Timestamp};
use crate::store::{Error, JournalReader, JournalRow, Store};
use anyhow::Context;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many rows of the journal are read at once.
const PAGE: usize = 500;

/// How often it is written down that nobody had anything to hear: the writer is everybody's.
const PASS_EVERY: Duration = Duration::from_secs(10);

/// Reads the journal for endpoints.
pub struct Planner {
    store: Arc<dyn Store>,
    reader: Option<Box<dyn JournalReader>>,
    /// Up to which position nobody has anything to hear that is not kept. What lies between the position
    /// that is written down and this one is read again by whoever takes over.
    read_to: i64,
    /// When that was written down last.
    passed_at: Option<Instant>,
}

impl Planner {
    /// Of this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, reader: None, read_to: 0, passed_at: None }
    }

    /// Makes deliveries of the next page of the journal; whether there may be more. Where nobody has an
    /// endpoint, what was written so far is passed over unread: who makes one hears of what comes then.
    ///
    /// # Errors
    /// The store does not answer, or holds what cannot be read.
    pub async fn go_on(&mut self) -> anyhow::Result<bool> {
        let from = self.store.deliveries_position().await?;
        // Asked first: what is written while it is looked for endpoints is not passed over.
        let newest = self.read(|reader| reader.newest()).await?;
        let after = self.read_to.max(from);
        if newest <= after {
            self.pass(from, after).await?;
            return Ok(false);
        }
        // Nor is what is under way now, and commits below what is there.
        let settled = self.store.settled_end().await?;
        if !self.store.has_endpoints().await? {
            self.pass(from, newest.min(settled).max(after)).await?;
            return Ok(false);
        }
        let rows = self.read(move |reader| {
            let mut rows = Vec::new();
            reader.read_after(after, PAGE, &mut rows).map(|()| rows)
        });
        let rows = rows.await?;
        let Some(last) = rows.last() else { return Ok(false) };
        let concerned: BTreeSet<&str> = rows.iter().map(|row| &*row.restaurant_id).collect();
        let concerned = concerned.into_iter().map(str::to_owned).collect();
        let endpoints = self.store.endpoints_of(concerned).await?;
        let new = told_of(&*self.store, &rows, &endpoints).await?;
        if new.is_empty() {
            self.pass(from, last.position).await?;
            return Ok(rows.len() == PAGE);
        }
        let went_on = self.store.add_deliveries(from, last.position, new).await?;
        if went_on {
            (self.read_to, self.passed_at) = (last.position, Some(Instant::now()));
        }
        Ok(went_on && rows.len() == PAGE)
    }

    /// Notes that nobody has anything to hear up to `to`, and now and then writes it down.
    async fn pass(&mut self, from: i64, to: i64) -> Result<(), Error> {
        self.read_to = to;
        if to > from && self.passed_at.is_none_or(|at| at.elapsed() >= PASS_EVERY) {
            self.store.add_deliveries(from, to, Vec::new()).await?;
            self.passed_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Asks the reader, on a thread that may block.
    async fn read<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut dyn JournalReader) -> Result<T, Error> + Send + 'static,
    ) -> anyhow::Result<T> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.store.journal_reader()?,
        };
        let asked = tokio::task::spawn_blocking(move || {
            let answer = question(&mut *reader);
            (reader, answer)
        });
        let (reader, answer) = asked.await.context("the reader of the journal")?;
        self.reader = Some(reader);
        Ok(answer?)
    }
}

/// A delivery for each endpoint and each of these events that it is to hear of.
async fn told_of(
    store: &dyn Store,
    rows: &[JournalRow],
    endpoints: &[Endpoint],
) -> Result<Vec<Delivery>, Error> {
    let mut told = Vec::new();
    for row in rows {
        let hears = |endpoint: &&Endpoint| {
            endpoint.restaurant_id == row.restaurant_id
                && endpoint.hears(&row.event, row.occurred_at)
        };
        let mut hearing = endpoints.iter().filter(hears).peekable();
        if hearing.peek().is_some() {
            let answer_by = answer_by(store, row).await?;
            told.extend(hearing.map(|endpoint| delivery(row, endpoint, answer_by)));
        }
    }
    Ok(told)
}

/// By when the event asks for an answer, if it does.
async fn answer_by(store: &dyn Store, row: &JournalRow) -> Result<Option<Timestamp>, Error> {
    Ok(match &row.event {
        Event::OrderPlaced { accept_by, .. }
        | Event::OrderRedriven { from: Status::Expired, accept_by, .. } => Some(*accept_by),
        Event::RestaurantReminded { .. } => {
            let found = store.order(row.order_id.clone()).await?;
            found.map(|found| found.order.accept_by)
        }
        _ => None,
    })
}

fn delivery(row: &JournalRow, endpoint: &Endpoint, answer_by: Option<Timestamp>) -> Delivery {
    Delivery {
        endpoint_id: endpoint.endpoint_id.clone(),
        event_id: row.event_id.clone(),
        event_type: row.event.event_type().to_owned(),
        order_id: row.order_id.clone(),
        sequence: row.sequence,
        occurred_at: row.occurred_at,
        traceparent: row.traceparent.clone(),
        body: body(row),
        round: 1,
        state: DeliveryState::Pending,
        attempts: 0,
        recent: Vec::new(),
        next_attempt_at: row.occurred_at,
        give_up_at: endpoint.worth_until(row.occurred_at, answer_by),
    }
}
