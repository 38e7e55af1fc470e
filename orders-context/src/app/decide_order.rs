//! A person decides: accept, reject, complete, cancel.

use super::{App, Cause, Change, Failure, Reply};
use crate::domain::{Actor, Command, Decision, Intervention, Order, Rejection};
use std::sync::Arc;

/// A decision, and what is said beside it.
#[derive(Clone, Debug)]
pub struct Said {
    /// What is decided.
    pub decision: Decision,
    /// What the restaurant wants the customer to read.
    pub remark: Option<String>,
    /// Who of the operators decides, and why, if one does.
    pub intervention: Option<Intervention>,
}

impl From<Decision> for Said {
    fn from(decision: Decision) -> Self {
        Self { decision, remark: None, intervention: None }
    }
}

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
        self.decide_as_said(order_id, decision.into(), by, cause, None).await
    }

    /// The same, with what is said beside it. What the customer is to read is kept with the first
    /// decision, where it can be erased, and nowhere else. Where `only_at` is given, no other version
    /// of the order is changed.
    ///
    /// # Errors
    /// As with [`App::decide_order`]; the order stands at another version.
    pub async fn decide_as_said(
        &self,
        order_id: &str,
        said: Said,
        by: impl Into<Arc<Actor>>,
        cause: Cause,
        only_at: Option<i64>,
    ) -> Result<Arc<Order>, Failure> {
        let by = by.into();
        let Said { decision, remark, intervention } = said;
        let change = Change {
            order_id: order_id.to_owned(),
            command: Some(Command::Decide {
                decision,
                by: by.role(),
                intervention,
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
