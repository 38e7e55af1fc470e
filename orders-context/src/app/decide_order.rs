//! A person decides: accept, reject, complete, cancel.

use super::{App, Cause, Change, Failure, Reply};
use crate::domain::{Command, Decision, Order, Rejection, Role};
use std::sync::Arc;

impl App {
    /// Decides, durably. The same decision again is the same answer and adds nothing.
    ///
    /// # Errors
    /// [`Failure`]; a different decision was made, its time is over, or it is not for this role.
    pub async fn decide_order(
        &self,
        order_id: &str,
        decision: Decision,
        by: Role,
        cause: Cause,
    ) -> Result<Arc<Order>, Failure> {
        let change = Change {
            order_id: order_id.to_owned(),
            command: Some(Command::Decide { decision, by, intervention: None, now: self.now() }),
            cause,
            ..Change::default()
        };
        match self.submit(change).await? {
            Reply::Order(order) => Ok(order),
            Reply::Replayed(_) => Err(Rejection::AlreadyPlaced.into()),
        }
    }
}
