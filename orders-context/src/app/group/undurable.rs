//! A group between its decisions and its commit.

use crate::app::{Failure, Reply, Submission};
use crate::domain::Order;
use crate::store::{Commit, Loaded};
use std::collections::HashMap;
use std::sync::Arc;

/// Decisions that nobody has been told of yet.
#[derive(Default)]
pub struct Undurable {
    pub commits: Vec<Commit>,
    /// Whom each of the commits answers, and with which order.
    pub deciding: Vec<(Submission, Arc<Order>)>,
    /// The commit that last moved an order, by order id.
    moved: HashMap<String, usize>,
    /// Answers that wait for a commit.
    pub held: Vec<Held>,
}

/// An answer that is true only once an earlier commit of its group is durable.
pub struct Held {
    pub submission: Submission,
    pub answer: Result<Reply, Failure>,
    /// Which of the group's commits.
    pub relies_on: usize,
}

impl Undurable {
    /// A change, which the commit will make.
    pub fn change(&mut self, submission: Submission, commit: Commit) {
        self.moved.insert(submission.change.order_id.clone(), self.commits.len());
        self.deciding.push((submission, Arc::clone(&commit.order)));
        self.commits.push(commit);
    }

    /// Answers at once what rests on what is durable already, the rest after the commit.
    pub fn hold(
        &mut self,
        loaded: &Loaded,
        submission: Submission,
        answer: Result<Reply, Failure>,
    ) {
        let used =
            submission.change.remember.as_ref().and_then(|new| loaded.remembered.get(&new.key));
        let order_id = used.map_or(&submission.change.order_id, |used| &used.order_id);
        match self.moved.get(order_id) {
            Some(&relies_on) => self.held.push(Held { submission, answer, relies_on }),
            None => submission.answer(answer),
        }
    }
}
