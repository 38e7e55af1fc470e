//! From the journal to deliveries: which endpoint is to hear of what. Each event is one delivery for each
//! endpoint that wants it, for rows and the position up to which they were made are one transaction.

use super::body::body;
use crate::domain::{Delivery, DeliveryState, Endpoint};
use crate::store::{Error, JournalReader, JournalRow, Store};
use anyhow::Context;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many rows of the journal are read at once.
const PAGE: usize = 500;

/// How often it is written down that the journal was passed over: the writer is everybody's.
const PASS_EVERY: Duration = Duration::from_secs(10);

/// Reads the journal for endpoints.
pub struct Planner {
    store: Arc<dyn Store>,
    reader: Option<Box<dyn JournalReader>>,
    /// When the journal was passed over last.
    passed_at: Option<Instant>,
}

impl Planner {
    /// Of this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, reader: None, passed_at: None }
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
        if newest <= from {
            return Ok(false);
        }
        if !self.store.has_endpoints().await? {
            if self.passed_at.is_none_or(|at| at.elapsed() >= PASS_EVERY) {
                self.store.add_deliveries(from, newest, Vec::new()).await?;
                self.passed_at = Some(Instant::now());
            }
            return Ok(false);
        }
        let rows = self.read(move |reader| {
            let mut rows = Vec::new();
            reader.read_after(from, PAGE, &mut rows).map(|()| rows)
        });
        let rows = rows.await?;
        let Some(last) = rows.last() else { return Ok(false) };
        let concerned: BTreeSet<&str> = rows.iter().map(|row| &*row.restaurant_id).collect();
        let concerned = concerned.into_iter().map(str::to_owned).collect();
        let endpoints = self.store.endpoints_of(concerned).await?;
        let new = rows.iter().flat_map(|row| told_of(row, &endpoints)).collect();
        let went_on = self.store.add_deliveries(from, last.position, new).await?;
        Ok(went_on && rows.len() == PAGE)
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

fn told_of<'a>(
    row: &'a JournalRow,
    endpoints: &'a [Endpoint],
) -> impl Iterator<Item = Delivery> + 'a {
    let hears = |endpoint: &&Endpoint| {
        endpoint.restaurant_id == row.restaurant_id && endpoint.hears(&row.event, row.occurred_at)
    };
    endpoints.iter().filter(hears).map(|endpoint| delivery(row, endpoint))
}

fn delivery(row: &JournalRow, endpoint: &Endpoint) -> Delivery {
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
        give_up_at: endpoint.worth_until(&row.event, row.occurred_at),
    }
}
