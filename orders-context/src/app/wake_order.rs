//! An order whose moment may have come is looked at again.

use super::{App, Change, Due, Failure};
use crate::domain::{Command, Order, Timestamp};
use std::sync::Arc;

impl App {
    /// Lets the order do what is due now: expire, time out, remind. Safe to repeat. Waits for a place
    /// in the queue: however much others ask for, deadlines are met.
    ///
    /// # Errors
    /// [`Failure`]; the order stays due.
    pub async fn wake_order(&self, order_id: String) -> Result<(), Failure> {
        self.wake(order_id, None).await
    }

    /// The same, decided on the order as it was found: the commit finds out whether it has moved since,
    /// and then it is read again.
    ///
    /// # Errors
    /// As with [`App::wake_order`].
    pub async fn wake_due(&self, due: Due) -> Result<(), Failure> {
        self.wake(due.order_id, due.order).await
    }

    async fn wake(&self, order_id: String, seen: Option<Arc<Order>>) -> Result<(), Failure> {
        let command = Some(Command::Wake { now: self.now() });
        let change = Change { order_id, command, seen, ..Change::default() };
        self.submit_in_turn(change).await.map(drop)
    }

    /// Orders that want to be looked at now, the most overdue first, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn due_orders(&self, after: Option<Due>, limit: usize) -> Result<Vec<Due>, Failure> {
        Ok(self.store.due_orders(self.now(), after, limit).await?)
    }

    /// The earliest moment at which an order wants to be looked at.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn next_wake_at(&self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.store.next_wake_at().await?)
    }
}
