//! An order whose moment may have come is looked at again.

use super::{App, Cause, Change, Failure};
use crate::domain::{Command, Timestamp};

impl App {
    /// Lets the order do what is due now: expire, time out, remind. Safe to repeat.
    ///
    /// # Errors
    /// [`Failure`]; the order stays due.
    pub async fn wake_order(&self, order_id: String) -> Result<(), Failure> {
        let command = Some(Command::Wake { now: self.now() });
        let change = Change { order_id, command, cause: Cause::default(), ..Change::default() };
        self.submit(change).await.map(drop)
    }

    /// Orders that want to be looked at now, the most overdue first, at most `limit`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn due_orders(&self, limit: usize) -> Result<Vec<String>, Failure> {
        Ok(self.store.due_orders(self.now(), limit).await?)
    }

    /// The earliest moment at which an order wants to be looked at.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn next_wake_at(&self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.store.next_wake_at().await?)
    }
}
