//! Take a new order. Prices come from the menu; the idempotency key is stored with the order.

use super::register_restaurant::Known;
use super::{App, Cause, Change, Failure, Reply};
use crate::domain::{Command, Order, Placement, Timestamp, evolve};
use crate::store::{Contact, Remembered, Wanted};
use std::sync::Arc;

/// New orders are refused once more than one of so many places in the queue is taken.
const NEW_ORDERS_PART: usize = 4;

/// What a customer asks for.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// Where.
    pub restaurant_id: String,
    /// An opaque id.
    pub customer_id: String,
    /// Item ids and quantities.
    pub items: Vec<(String, u32)>,
    /// How to reach the customer.
    pub contact: Contact,
    /// The key under which a repetition is recognised, with its scope in front.
    pub idempotency_key: String,
    /// SHA-256 of the request.
    pub request_hash: Vec<u8>,
}

/// An order as it was when it was placed.
#[derive(Clone, Debug)]
pub struct Placed {
    /// At version 1, also when the request is a repetition.
    pub order: Arc<Order>,
    /// Whether this request was a repetition.
    pub replayed: bool,
}

impl App {
    /// Takes a new order. Once this returns, the order will be found again after a crash. A
    /// repetition gets the order as it was placed, whatever has become of order, menu or restaurant.
    ///
    /// # Errors
    /// [`Failure`]; the restaurant unknown, an item not on its menu, the key used otherwise. More than
    /// a quarter of the queue waits: [`Failure::Overloaded`], and nothing was done.
    pub async fn place_order(&self, wanted: PlaceOrder, cause: Cause) -> Result<Placed, Failure> {
        let order_id = self.ids.next().to_string();
        let now = self.now();
        let placement = match self.price(&wanted, &order_id, now).await {
            Ok(placement) => placement,
            Err(failure) => return self.replay_or(wanted, failure).await,
        };
        let remember = Remembered {
            key: wanted.idempotency_key,
            request_hash: wanted.request_hash,
            order_id: order_id.clone(),
            at: now,
        };
        let change = Change {
            order_id,
            command: Some(Command::Place(Box::new(placement))),
            cause,
            contact: Some(wanted.contact),
            remember: Some(remember),
            ..Change::default()
        };
        // Only now, for many may have waited for the menu together.
        if !self.has_room_for_new_orders() {
            return Err(Failure::Overloaded);
        }
        match self.submit(change).await? {
            Reply::Order(order) => Ok(Placed { order, replayed: false }),
            Reply::Replayed(order_id) => self.as_placed(order_id).await,
        }
    }

    /// An order that is taken brings several more commands. Whatever is taken beyond what can be
    /// finished crowds out what is under way, so most of the queue is kept for that.
    fn has_room_for_new_orders(&self) -> bool {
        let places = self.queue.max_capacity();
        let waiting = places - self.queue.capacity();
        waiting <= places / NEW_ORDERS_PART
    }

    async fn price(
        &self,
        wanted: &PlaceOrder,
        order_id: &str,
        now: Timestamp,
    ) -> Result<Placement, Failure> {
        let known = self.known_restaurant(&wanted.restaurant_id).await?;
        let Known { restaurant, announce } = known.ok_or(Failure::UnknownRestaurant)?;
        Ok(Placement {
            order_id: order_id.to_owned(),
            restaurant_id: wanted.restaurant_id.clone(),
            customer_id: wanted.customer_id.clone(),
            items: restaurant.price(&wanted.items)?.into(),
            currency: restaurant.currency.clone(),
            announce,
            terms: (*self.terms).clone(),
            now,
        })
    }

    /// An order that could not be placed now may have been placed before, from an older menu.
    async fn replay_or(&self, wanted: PlaceOrder, failure: Failure) -> Result<Placed, Failure> {
        let key = wanted.idempotency_key;
        let asked = Wanted { idempotency_keys: vec![key.clone()], ..Wanted::default() };
        match self.store.load(asked).await?.remembered.remove(&key) {
            Some(used) if used.request_hash == wanted.request_hash => {
                self.as_placed(used.order_id).await
            }
            Some(_) => Err(Failure::KeyReused),
            None => Err(failure),
        }
    }

    /// The order as its first event made it.
    async fn as_placed(&self, order_id: String) -> Result<Placed, Failure> {
        let first = self.store.history(order_id, 0, 1).await?;
        let first = first.first();
        let born = first.and_then(|row| evolve(None, &row.order_id, row.occurred_at, &row.event));
        let order = born.ok_or_else(|| {
            Failure::Unavailable(anyhow::anyhow!("the order's first event is gone"))
        })?;
        Ok(Placed { order: Arc::new(order), replayed: true })
    }
}
