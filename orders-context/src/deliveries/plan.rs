//! From the journal to deliveries: which endpoint is to hear of what. Each event is one delivery for each
//! endpoint that wants it, for rows and the position up to which they were made are one transaction. What is
//! known to be answered later is worth telling for longer, and where there is less time for less long, of that
//! same transaction.

use super::body::body;
use crate::domain::{
    Delivery, DeliveryState, Endpoint, Event, Fixed, Item, Profile, Status, Timestamp,
};
use crate::store::{Error, JournalRow, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many rows of the journal are gone through at once.
const PAGE: usize = 500;

/// How often it is written down that nobody had anything to hear: the writer is everybody's.
const PASS_EVERY: Duration = Duration::from_secs(10);

/// How many events of an order are looked through at most: more than one has.
const ROWS: usize = 1_000;

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

    /// Makes deliveries of the next page of the journal; whether there may be more. An event that cannot be
    /// read is told to nobody, and keeps no other from being told; an endpoint that cannot be read hears nothing.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn go_on(&mut self) -> anyhow::Result<bool> {
        let from = self.store.deliveries_position().await?;
        let page = self.store.concerning(self.read_to.max(from), PAGE).await?;
        for (position, error) in &page.unreadable {
            tracing::error!(position, %error, "an event that cannot be read is told to no endpoint");
        }
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

/// A delivery for each endpoint and each of these events that it is to hear of, and the next round of those whose
/// end one of these events moves.
async fn told_of(store: &dyn Store, rows: &[JournalRow]) -> Result<Vec<Delivery>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let restaurants: BTreeSet<&str> = rows.iter().map(|row| &*row.restaurant_id).collect();
    let restaurants = restaurants.into_iter().map(str::to_owned).collect();
    let endpoints = store.endpoints_of(restaurants).await?;
    let mut told: Vec<Delivery> = Vec::new();
    for row in rows {
        if let Some(accept_by) = moves_end(&row.event) {
            move_end(store, row, &endpoints, accept_by, &mut told).await?;
        }
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
    let order = async || {
        let found = readable(store.order(row.order_id.clone()).await, row)?.flatten();
        Ok::<_, Error>(found.map(|found| found.order))
    };
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

/// Until when there is time to answer from this event on, if it says so of an order that was announced before.
fn moves_end(event: &Event) -> Option<Timestamp> {
    match event {
        Event::OrderPlaced { .. } | Event::OrderRedriven { .. } => None,
        other => other.accept_by(),
    }
}

/// Lets those of these endpoints that are the restaurant's be told of the row's order, and reminded, for as long as it may be answered;
/// the urgent ones no longer, once it was moved to other terms.
async fn move_end(
    store: &dyn Store,
    row: &JournalRow,
    endpoints: &[Endpoint],
    accept_by: Timestamp,
    told: &mut Vec<Delivery>,
) -> Result<(), Error> {
    let history = readable(store.history(row.order_id.clone(), 0, ROWS).await, row)?;
    let mut asking = Vec::new();
    for other in history.unwrap_or_default() {
        match other.event {
            _ if other.sequence >= row.sequence => break,
            Event::OrderPlaced { .. } | Event::OrderRedriven { .. } => {
                asking = vec![other.event_id]
            }
            Event::RestaurantReminded { .. } => asking.push(other.event_id),
            _ => {}
        }
    }
    let may_be_sooner = matches!(row.event, Event::FlowMigrated(_)) && row.status.awaits_answer();
    for endpoint in endpoints.iter().filter(|to| to.restaurant_id == row.restaurant_id) {
        let may_be_sooner = may_be_sooner && endpoint.profile == Profile::Urgent;
        let moved = |kept: &Delivery| {
            let longer = kept.prolonged(row.occurred_at, accept_by);
            longer.or_else(|| kept.shortened(accept_by).filter(|_| may_be_sooner))
        };
        for event_id in &asking {
            let endpoint_id = &endpoint.endpoint_id;
            let is_it =
                |new: &&mut Delivery| new.endpoint_id == *endpoint_id && new.event_id == *event_id;
            if let Some(new) = told.iter_mut().find(is_it) {
                // It is not kept yet: this round is still to come.
                new.give_up_at = moved(new).map_or(new.give_up_at, |moved| moved.give_up_at);
                continue;
            }
            let kept = store.delivery(endpoint_id.clone(), event_id.clone()).await;
            let kept = readable(kept, row)?.flatten();
            told.extend(kept.as_ref().and_then(moved));
        }
    }
    Ok(())
}

/// What was asked of the row's order, unless it cannot be read.
fn readable<T>(answer: Result<T, Error>, row: &JournalRow) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error @ Error::Corrupt(_)) => {
            tracing::error!(order.id = %row.order_id, %error, "an order cannot be read for its endpoints");
            Ok(None)
        }
        Err(error) => Err(error),
    }
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
