//! A person decides: accept, reject, complete, cancel.

use super::{App, Cause, Change, Failure, Reply};
use crate::domain::{Actor, Command, Decision, Order, Rejection};
use std::sync::Arc;

impl App {
    /// Decides, durably. The same decision again is the same answer and adds nothing. To an actor
    /// whom the order does not concern, there is no such order.
    ///
    /// # Errors
    /// [`Failure`]; a different decision was made, its time is over, or it is not for this role.
    pub async fn decide_order(
        &self,
        order_id: &str,
        decision: Decision,
        by: impl Into<Arc<Actor>>,
        cause: Cause,
    ) -> Result<Arc<Order>, Failure> {
        self.decide_with_remark(order_id, decision, None, by, cause, None).await
    }

    /// The same, with what the restaurant wants the customer to read. It is kept with the first
    /// decision, where it can be erased, and nowhere else. Where `only_at` is given, no other version
    /// of the order is changed.
    ///
    /// # Errors
    /// As with [`App::decide_order`]; the order stands at another version.
    pub async fn decide_with_remark(
        &self,
        order_id: &str,
        decision: Decision,
        remark: Option<String>,
        by: impl Into<Arc<Actor>>,
        cause: Cause,
        only_at: Option<i64>,
    ) -> Result<Arc<Order>, Failure> {
        let by = by.into();
        let change = Change {
            order_id: order_id.to_owned(),
            command: Some(Command::Decide {
                decision,
                by: by.role(),
                intervention: None,
                now: self.now(),
            }),
            asked_by: Some(by),
            only_at,
            cause,
            remark,
            ..Change::default()
        };
        match self.submit(change).await? {
            Reply::Order(order) => Ok(order),
            Reply::Replayed(_) => Err(Rejection::AlreadyPlaced.into()),
        }
    }
}
