//! An operator acts: redrive, retry now, extend a deadline, cancel. None of it is ever too old to be
//! done; each is an entry of the history with who acted and why.

use super::{App, Cause, Change, Failure, Reply};
use crate::domain::{Action, Command, Intervention, Order, Rejection, Waiting};
use crate::store::TaskState;
use std::sync::Arc;

/// What became of an action.
#[derive(Clone, Debug)]
pub enum Acted {
    /// The order as it stands now, whether the action changed it or it stood so already.
    Stands(Arc<Order>),
    /// It was done before, under the same key.
    Before,
}

impl App {
    /// Acts on one order, durably. The same action again is the same answer and adds nothing.
    ///
    /// # Errors
    /// [`Failure`]; the action does not help the order where it stands, or its time is over.
    pub async fn act(
        &self,
        order_id: &str,
        action: &Action,
        intervention: Intervention,
        cause: Cause,
    ) -> Result<Arc<Order>, Failure> {
        self.act_at(order_id, action, intervention, cause, None).await
    }

    /// The same, but where `only_at` is given, no other version of the order is changed.
    ///
    /// # Errors
    /// As [`App::act`]; the order stands at another version.
    pub async fn act_at(
        &self,
        order_id: &str,
        action: &Action,
        intervention: Intervention,
        cause: Cause,
        only_at: Option<i64>,
    ) -> Result<Arc<Order>, Failure> {
        let change = Change { cause, only_at, ..Change::default() };
        match self.act_by(order_id, action, &intervention, change).await? {
            Acted::Stands(order) => Ok(order),
            Acted::Before => Err(Rejection::AlreadyPlaced.into()),
        }
    }

    /// Acts by `change`, which lacks the order and the command. With a key to remember it changes the order at
    /// most once, whoever repeats it and however often.
    ///
    /// # Errors
    /// As [`App::act`].
    pub(super) async fn act_by(
        &self,
        order_id: &str,
        action: &Action,
        intervention: &Intervention,
        change: Change,
    ) -> Result<Acted, Failure> {
        let command = Some(self.command_of(order_id, action, intervention).await?);
        let change = Change { order_id: order_id.to_owned(), command, ..change };
        Ok(match self.submit(change).await? {
            Reply::Order(order) => Acted::Stands(order),
            Reply::Replayed(_) => Acted::Before,
        })
    }

    /// The command that does it to this order at this moment.
    ///
    /// # Errors
    /// [`Failure`]; it is about an open task, and there is none.
    pub(super) async fn command_of(
        &self,
        order_id: &str,
        action: &Action,
        intervention: &Intervention,
    ) -> Result<Command, Failure> {
        let waiting = match action.is_about_an_open_task() {
            true => Some(self.waiting(order_id).await?),
            false => None,
        };
        let command = action.command(waiting, intervention.clone(), self.now());
        command.ok_or_else(|| Rejection::UnknownOrder.into())
    }

    /// The open task of an order that waits longest for its next attempt; the newest of several.
    async fn waiting(&self, order_id: &str) -> Result<Waiting, Failure> {
        let found = self.order(order_id).await?;
        let open = found.tasks.iter().filter(|task| task.state == TaskState::Open);
        let open = open.max_by_key(|task| task.next_attempt_at);
        let waiting = open.map(|task| Waiting { task: task.kind, due_at: task.next_attempt_at });
        waiting.ok_or_else(|| Rejection::NoOpenTask { status: found.order.status }.into())
    }
}
