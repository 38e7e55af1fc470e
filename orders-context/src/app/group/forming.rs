//! A group that is being formed: what was decided, and nobody has been told of yet.

use super::recent::Recent;
use super::turn::Turn;
use crate::app::step::step;
use crate::app::{Failure, Reply, Submission};
use crate::domain::{Order, Pauses, Rejection};
use crate::store::{Commit, Loaded, Remembered, Wake};
use chassis::ids::Ids;
use std::collections::HashMap;
use std::sync::Arc;

/// What every decision goes by.
pub struct Rules {
    /// Where events get their ids from.
    pub ids: Arc<dyn Ids>,
    /// How long restaurants pause by themselves.
    pub pauses: Pauses,
    /// How many orders a customer may have under way; `None`: any number.
    pub most_open: Option<u32>,
}

/// Decisions, in the order of their turns. Later ones of an order see what earlier ones will have made
/// of it.
#[derive(Default)]
pub struct Forming {
    pub commits: Vec<Commit>,
    /// Whom to answer, in the order of their turns.
    pub told: Vec<Told>,
    /// What it does to which order, and under which keys.
    pub concerned: Concerned,
    /// What the store said just now.
    found: Loaded,
}

/// Somebody who is answered once a commit of the group is durable.
pub struct Told {
    pub turn: Turn,
    /// Which commit.
    pub rests_on: usize,
    pub then: Then,
}

/// With what.
pub enum Then {
    /// The order that this commit of theirs has made.
    Changed(Arc<Order>),
    /// What is true once that commit of somebody else is.
    Stands(Result<Reply, Failure>),
}

/// The orders and keys of a group's commits.
#[derive(Default)]
pub struct Concerned {
    orders: HashMap<String, Moved>,
    /// The commit that uses a key first.
    keys: HashMap<String, usize>,
}

/// What a group does to an order.
#[derive(Clone, Copy)]
struct Moved {
    /// Its last commit of that order.
    last: usize,
    /// Whether one of them finds out that the order is not what it was taken for.
    is_checked: bool,
}

impl Concerned {
    /// Whether the group has to be durable before this is decided, unless it is decided in the group.
    pub fn includes(&self, turn: &Turn) -> bool {
        self.orders.contains_key(turn.order_id())
            || turn.key().is_some_and(|key| self.keys.contains_key(key))
    }
}

impl Forming {
    /// How many commands wait for it.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// Whether something must be read before the command can be decided.
    pub fn lacks(&self, turn: &Turn, recent: &Recent) -> bool {
        !turn.is_new() && self.order(turn.order_id()).or_else(|| turn.known(recent)).is_none()
    }

    /// Takes what the store says, which is newer than whatever was known.
    pub fn learn(&mut self, found: Loaded) {
        self.found = found;
    }

    /// Decides; gives the turn back if it has to be decided again, on what the store says.
    #[must_use]
    pub fn decide(&mut self, turn: Turn, recent: &Recent, rules: &Rules) -> Option<Turn> {
        if let Some(answer) = self.answer_to_key(&turn) {
            self.hold(turn, answer);
            return None;
        }
        if let Some(cause) = self.found.unreadable.get(turn.order_id()) {
            let cause = anyhow::anyhow!("an order cannot be read: {cause}");
            self.hold(turn, Err(Failure::Unreadable(cause)));
            return None;
        }
        let certain = self.order(turn.order_id());
        // Another instance may have moved it since: what no commit checks must not rest on it.
        let known = if certain.is_none() { turn.known(recent) } else { None };
        let is_unsure = known.is_some();
        let order = certain.or(known).cloned();
        let change = &turn.submission().change;
        let decided = step(order.as_ref(), change, &*rules.ids, &rules.pauses, rules.most_open);
        let is_checked =
            matches!(&decided, Ok(Some(commit)) if commit.is_checked(turn.submission()));
        if is_unsure && !is_checked {
            return turn.again();
        }
        match decided {
            Ok(Some(commit)) => self.change(turn, commit),
            Ok(None) => {
                let stands = order.ok_or_else(|| Rejection::UnknownOrder.into());
                self.hold(turn, stands.map(Reply::Order));
            }
            Err(rejection) => self.hold(turn, Err(rejection.into())),
        }
        None
    }

    /// The order as the group will leave it, or as the store says that it stands.
    fn order(&self, order_id: &str) -> Option<&Arc<Order>> {
        match self.concerned.orders.get(order_id) {
            Some(moved) if moved.is_checked => {
                self.commits.get(moved.last).map(|commit| &commit.order)
            }
            _ => self.found.orders.get(order_id),
        }
    }

    /// What was done under the command's key before, if it was used.
    fn used(&self, turn: &Turn) -> Option<&Remembered> {
        let key = turn.key()?;
        let used_here = self.concerned.keys.get(key).and_then(|at| self.commits.get(*at));
        used_here
            .and_then(|commit| commit.remember.as_ref())
            .or_else(|| self.found.remembered.get(key))
    }

    fn answer_to_key(&self, turn: &Turn) -> Option<Result<Reply, Failure>> {
        let (used, new) = (self.used(turn)?, turn.submission().change.remember.as_ref()?);
        Some(match used.request_hash == new.request_hash {
            true => Ok(Reply::Replayed(used.order_id.clone())),
            false => Err(Failure::KeyReused),
        })
    }

    /// A change, which the commit will make.
    fn change(&mut self, turn: Turn, commit: Commit) {
        let at = self.commits.len();
        let is_checked = commit.wake != Wake::Unchanged;
        match self.concerned.orders.get_mut(turn.order_id()) {
            Some(moved) => {
                *moved = Moved { last: at, is_checked: moved.is_checked || is_checked };
            }
            None => {
                let moved = Moved { last: at, is_checked };
                self.concerned.orders.insert(turn.order_id().to_owned(), moved);
            }
        }
        if let Some(remember) = &commit.remember {
            self.concerned.keys.insert(remember.key.clone(), at);
        }
        let then = Then::Changed(Arc::clone(&commit.order));
        self.told.push(Told { turn, rests_on: at, then });
        self.commits.push(commit);
    }

    /// Answers at once what rests on what is durable already, the rest after the commit.
    fn hold(&mut self, turn: Turn, answer: Result<Reply, Failure>) {
        let order_id = self.used(&turn).map_or(turn.order_id(), |used| &used.order_id);
        match self.concerned.orders.get(order_id) {
            Some(&Moved { last, .. }) => {
                self.told.push(Told { turn, rests_on: last, then: Then::Stands(answer) });
            }
            None => turn.answer(answer),
        }
    }
}

impl Commit {
    /// Whether writing it finds out that the order has moved since, should that matter: a report that closes a
    /// task without a fact, or asks how much time the order has, rests on the order and leaves its row alone.
    fn is_checked(&self, submission: &Submission) -> bool {
        let change = &submission.change;
        let rests_on_order = change.command.is_some() || change.if_prolonged.is_some();
        self.wake != Wake::Unchanged || !rests_on_order
    }
}
