//! An order whose moment may have come is looked at again.

use super::{App, Change, Due, Failure};
use crate::domain::{Command, Timestamp};

impl App {
    /// Lets the order do what is due now: expire, time out, remind. Safe to repeat. Waits for a place
    /// in the queue: however much others ask for, deadlines are met.
    ///
    /// # Errors
    /// [`Failure`]; the order stays due.
    pub async fn wake_order(&self, order_id: String) -> Result<(), Failure> {
        let command = Some(Command::Wake { now: self.now() });
        let change = Change { order_id, command, ..Change::default() };
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
