//! What commits count: orders in each status, the time they spent there, tasks in trouble.
//!
//! A store sums what a group of commits changes and writes it with them, so that a question for the
//! picture of the flow reads a few numbers and no orders.

pub mod recount;

use super::{Commit, ENDPOINT_NOT_YET, Task, TaskChange, TaskCondition, TaskState};
use crate::domain::spent::{Spent, bucket_of};
use crate::domain::{Order, Status, Timestamp};
use std::collections::BTreeMap;

/// One number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Orders that stand in this status.
    Orders(Status),
    /// Times that an order left this status after a span of this bucket.
    Spent(Status, i64),
    /// Tasks that stand so: [`TaskCondition::Retrying`] and [`TaskCondition::GivenUp`].
    Tasks(TaskCondition),
}

/// Numbers, or changes of numbers. None of them is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<Counter, i64>);

/// Where an order stood before a commit, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The status.
    pub status: Status,
    /// Since when.
    pub since: Timestamp,
}

/// Counters as they are kept, and what they should be, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Written by commits.
    pub kept: Counters,
    /// Counted again.
    pub found: Counters,
}

/// What the picture of the flow shows, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFigures {
    /// All of them.
    pub counters: Counters,
    /// For each status that is not at rest and has orders: since when the one stands there that came
    /// first.
    pub oldest: Vec<(Status, Timestamp)>,
    /// How many orders want to be looked at by now; counted to [`MOST_DUE`].
    pub due: i64,
}

/// So many due orders are counted at most.
pub const MOST_DUE: i64 = 100_000;

impl Stage {
    /// Where `order` stands.
    #[must_use]
    pub const fn of(order: &Order) -> Self {
        Self { status: order.status, since: order.since }
    }
}

impl Counter {
    /// The columns that name it: what it counts, of which word, in which bucket.
    #[must_use]
    pub const fn columns(self) -> (&'static str, &'static str, i64) {
        match self {
            Self::Orders(status) => ("orders", status.as_str(), 0),
            Self::Spent(status, bucket) => ("spent", status.as_str(), bucket),
            Self::Tasks(condition) => ("tasks", condition.as_str(), 0),
        }
    }

    /// The one that these columns name.
    #[must_use]
    pub fn from_columns(what: &str, word: &str, bucket: i64) -> Option<Self> {
        match what {
            "orders" => Status::from_word(word).map(Self::Orders),
            "spent" => Status::from_word(word).map(|status| Self::Spent(status, bucket)),
            "tasks" => TaskCondition::from_word(word).map(Self::Tasks),
            _ => None,
        }
    }
}

impl Counters {
    /// Adds `by` to one of them.
    pub fn add(&mut self, counter: Counter, by: i64) {
        let count = self.0.entry(counter).or_default();
        *count += by;
        if *count == 0 {
            self.0.remove(&counter);
        }
    }

    /// The present number.
    #[must_use]
    pub fn get(&self, counter: Counter) -> i64 {
        self.0.get(&counter).copied().unwrap_or_default()
    }

    /// All that are not zero, in the same order each time.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, i64)> {
        self.0.iter().map(|(counter, count)| (*counter, *count))
    }

    /// How long orders stood in `status` before they left it.
    #[must_use]
    pub fn spent(&self, status: Status) -> Spent {
        let mut spent = Spent::default();
        for (counter, count) in self.iter() {
            match counter {
                Counter::Spent(of, bucket) if of == status => spent.add(bucket, count),
                _ => {}
            }
        }
        spent
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts what a commit that stands changes, but for the tasks that were there before it: what
    /// becomes of those is found out when they are written.
    pub fn add_commit(&mut self, commit: &Commit) {
        let mut standing = commit.before.as_deref().map(Stage::of);
        for entry in &commit.entries {
            let now = Stage { status: entry.status, since: entry.occurred_at };
            if standing.is_some_and(|standing| standing.status == now.status) {
                continue;
            }
            self.step(standing, now);
            standing = Some(now);
        }
        for change in &commit.tasks {
            if let TaskChange::Open(task) = change {
                self.add_task(task, 1);
            }
        }
    }

    /// Counts a step from one status to the next.
    pub fn step(&mut self, from: Option<Stage>, to: Stage) {
        self.add(Counter::Orders(to.status), 1);
        let Some(Stage { status, since }) = from else { return };
        self.add(Counter::Orders(status), -1);
        if since != Timestamp::beginning() {
            let span_us = to.since.0.saturating_sub(since.0);
            self.add(Counter::Spent(status, bucket_of(span_us)), 1);
        }
    }

    /// Counts a task, or takes it away again with -1.
    pub fn add_task(&mut self, task: &Task, by: i64) {
        self.add_task_in(task.state, task.attempts, task.last_error.as_deref(), by);
    }

    /// The same of what matters of a task.
    pub fn add_task_in(
        &mut self,
        state: TaskState,
        attempts: u32,
        last_error: Option<&str>,
        by: i64,
    ) {
        match state {
            TaskState::Open if attempts > 0 && last_error != Some(ENDPOINT_NOT_YET) => {
                self.add(Counter::Tasks(TaskCondition::Retrying), by)
            }
            TaskState::GivenUp => self.add(Counter::Tasks(TaskCondition::GivenUp), by),
            TaskState::Open | TaskState::Done | TaskState::Withdrawn => {}
        }
    }
}

impl std::fmt::Display for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Orders(status) => write!(f, "orders in {status}"),
            Self::Spent(status, bucket) => write!(f, "times spent in {status}, bucket {bucket}"),
            Self::Tasks(condition) => write!(f, "tasks {condition}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::mother::{
        MINUTE, SECOND, after, order_accepted, order_completed, restaurant_notified,
    };
    use crate::store::contract::{moved, placed, unmoved};

    #[test]
    fn every_counter_has_columns_of_its_own() {
        let spent = Status::ALL.iter().flat_map(|of| (0..2).map(|at| Counter::Spent(*of, at)));
        let orders = Status::ALL.iter().map(|of| Counter::Orders(*of));
        let tasks = TaskCondition::ALL.iter().map(|of| Counter::Tasks(*of));
        for counter in spent.chain(orders).chain(tasks) {
            let (what, word, bucket) = counter.columns();
            assert_eq!(Counter::from_columns(what, word, bucket), Some(counter));
        }
        assert_eq!(Counter::from_columns("dishes", "placed", 0), None);
    }

    #[test]
    fn a_step_is_counted_in_both_statuses_and_a_fact_that_moves_nothing_in_none() {
        let mut counters = Counters::default();
        let born = placed("order-1");
        let told = moved(&born.order, after(2 * SECOND), restaurant_notified());
        let late = moved(&told.order, after(3 * SECOND), restaurant_notified());
        let accepted = moved(&late.order, after(MINUTE), order_accepted());
        for commit in [&born, &told, &late, &accepted] {
            counters.add_commit(commit);
        }
        counters.add_commit(&unmoved(&accepted.order, TaskChange::WithdrawOpen));
        let expected = [
            (Counter::Orders(Status::Accepted), 1),
            (Counter::Spent(Status::Placed, bucket_of(2 * SECOND)), 1),
            (Counter::Spent(Status::Notified, bucket_of(58 * SECOND)), 1),
        ];
        assert_eq!(counters.iter().collect::<Vec<_>>(), expected);
        assert_eq!(counters.get(Counter::Orders(Status::Placed)), 0);
        assert_eq!(counters.spent(Status::Notified).spans(), 1);
        counters.add_commit(&moved(&accepted.order, after(0), order_completed()));
        let set_back = Counter::Spent(Status::Accepted, 0);
        assert_eq!(counters.get(set_back), 1, "a clock that was set back");
    }
}
