//! From the journal to deliveries: which endpoint is to hear of what. Each event is one delivery for each
//! endpoint that wants it, for rows and the position up to which they were made are one transaction.

use super::body::body;
use crate::domain::{Delivery, DeliveryState, Endpoint, Event, Fixed, Item, Status, Timestamp};
use crate::store::{Error, JournalRow, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many rows of the journal are gone through at once.
const PAGE: usize = 500;

/// How often it is written down that nobody had anything to hear: the writer is everybody's.
const PASS_EVERY: Duration = Duration::from_secs(10);

/// Reads the journal for endpoints.
pub struct Planner {
    store: Arc<dyn Store>,
    /// Up to which position nobody has anything to hear that is not kept. What lies between the position
    /// that is written down and this one is read again by whoever takes over.
    read_to: i64,
    /// When that was written down last.
    passed_at: Option<Instant>,
}

impl Planner {
    /// Of this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, read_to: 0, passed_at: None }
    }

    /// Makes deliveries of the next page of the journal; whether there may be more.
    ///
    /// # Errors
    /// The store does not answer, or holds what cannot be read.
    pub async fn go_on(&mut self) -> anyhow::Result<bool> {
        let from = self.store.deliveries_position().await?;
        let page = self.store.concerning(self.read_to.max(from), PAGE).await?;
        let new = told_of(&*self.store, &page.rows).await?;
        if new.is_empty() {
            self.pass(from, page.up_to).await?;
            return Ok(page.is_full);
        }
        let went_on = self.store.add_deliveries(from, page.up_to, new).await?;
        if went_on {
            (self.read_to, self.passed_at) = (page.up_to, Some(Instant::now()));
        }
        Ok(went_on && page.is_full)
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
}

/// A delivery for each endpoint and each of these events that it is to hear of.
async fn told_of(store: &dyn Store, rows: &[JournalRow]) -> Result<Vec<Delivery>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let restaurants: BTreeSet<&str> = rows.iter().map(|row| &*row.restaurant_id).collect();
    let restaurants = restaurants.into_iter().map(str::to_owned).collect();
    let endpoints = store.endpoints_of(restaurants).await?;
    let mut told = Vec::new();
    for row in rows {
        let hears = |endpoint: &&Endpoint| {
            endpoint.restaurant_id == row.restaurant_id
                && endpoint.hears(&row.event, row.occurred_at)
        };
        let mut hearing = endpoints.iter().filter(hears).peekable();
        if hearing.peek().is_some() {
            let about = about(store, row).await?;
            told.extend(hearing.map(|endpoint| delivery(row, endpoint, &about)));
        }
    }
    Ok(told)
}

/// What is to be known of an order beside its event.
#[derive(Default)]
struct About {
    /// By when the event asks for an answer, if it does.
    answer_by: Option<Timestamp>,
    /// The dishes, where the event is as good as a new order and does not have them.
    items: Option<Fixed<Vec<Item>>>,
}

async fn about(store: &dyn Store, row: &JournalRow) -> Result<About, Error> {
    let order =
        async || Ok::<_, Error>(store.order(row.order_id.clone()).await?.map(|found| found.order));
    Ok(match &row.event {
        Event::OrderPlaced { accept_by, .. } => {
            About { answer_by: Some(*accept_by), ..About::default() }
        }
        Event::OrderRedriven { from: Status::Expired, accept_by, .. } => About {
            answer_by: Some(*accept_by),
            items: order().await?.map(|order| order.items.clone()),
        },
        Event::RestaurantReminded { .. } => {
            About { answer_by: order().await?.map(|order| order.accept_by), ..About::default() }
        }
        _ => About::default(),
    })
}

fn delivery(row: &JournalRow, endpoint: &Endpoint, about: &About) -> Delivery {
    Delivery {
        endpoint_id: endpoint.endpoint_id.clone(),
        event_id: row.event_id.clone(),
        event_type: row.event.event_type().to_owned(),
        order_id: row.order_id.clone(),
        sequence: row.sequence,
        occurred_at: row.occurred_at,
        traceparent: row.traceparent.clone(),
        body: body(row, about.items.as_deref().map(Vec::as_slice)),
        round: 1,
        state: DeliveryState::Pending,
        attempts: 0,
        recent: Vec::new(),
        next_attempt_at: row.occurred_at,
        give_up_at: endpoint.worth_until(row.occurred_at, about.answer_by),
    }
}
