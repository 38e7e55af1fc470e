//! A group that is being written.

use super::StartedTask;
use super::forming::{Concerned, Forming, Then, Told};
use super::recent::Recent;
use super::turn::{Turn, refuse};
use crate::app::{Failure, Reply};
use crate::domain::Rejection;
use crate::store::{self, Answer, Commit, Outcome, Store, TaskChange};
use chassis::signal::Signal;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Who goes on with what has become durable.
#[derive(Default)]
pub struct Onward {
    /// Given after each commit that adds to the journal.
    pub journal_grew: Vec<Signal>,
    /// Takes new tasks.
    pub started: Option<mpsc::Sender<StartedTask>>,
}

/// One transaction on its way, and who waits for it.
pub struct Writing<'s> {
    commit: Answer<'s, Vec<Outcome>>,
    told: Vec<Told>,
    concerned: Concerned,
    /// The tasks that each commit starts.
    started: Vec<Vec<StartedTask>>,
    adds_to_journal: bool,
    began: Instant,
}

impl<'s> Writing<'s> {
    /// Hands a group to the store.
    pub fn begin(group: Forming, store: &'s dyn Store) -> Self {
        let Forming { commits, told, concerned, .. } = group;
        metrics::histogram!("orders_group_commands").record(told.len() as f64);
        let started = started_tasks(&commits);
        let adds_to_journal = commits.iter().any(|commit| !commit.entries.is_empty());
        let began = Instant::now();
        let commit = store.commit(commits);
        Self { commit, told, concerned, started, adds_to_journal, began }
    }

    /// What has become of it.
    pub async fn ended(&mut self) -> Result<Vec<Outcome>, store::Error> {
        (&mut self.commit).await
    }

    /// Whether it has to come to its end before this is decided.
    pub fn concerns(&self, turn: &Turn) -> bool {
        self.concerned.includes(turn)
    }

    /// Answers everybody. Those who have to be decided again, in the order of their turns.
    pub fn settle(
        self,
        outcomes: Result<Vec<Outcome>, store::Error>,
        recent: &mut Recent,
        onward: &Onward,
    ) -> Vec<Turn> {
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.told.iter().for_each(|told| recent.forget(told.turn.order_id()));
                refuse(self.told.into_iter().map(|told| told.turn), &error.into());
                return Vec::new();
            }
        };
        metrics::histogram!("orders_commit_seconds").record(self.began.elapsed().as_secs_f64());
        if self.adds_to_journal {
            onward.journal_grew.iter().for_each(Signal::notify);
        }
        let (mut started, mut again) = (self.started, Vec::new());
        for Told { turn, rests_on, then } in self.told {
            let outcome = outcomes.get(rests_on).copied().unwrap_or(Outcome::Conflict);
            match then {
                Then::Changed(order) if outcome == Outcome::Committed => {
                    recent.committed(&order);
                    turn.answer(Ok(Reply::Order(order)));
                    onward.hand_over(started.get_mut(rests_on).map(std::mem::take));
                }
                Then::Changed(_) => {
                    recent.forget(turn.order_id());
                    match refusal(outcome) {
                        Some(failure) => turn.answer(Err(failure)),
                        None => again.extend(turn.again()),
                    }
                }
                Then::Stands(answer) if outcome == Outcome::Committed => turn.answer(answer),
                Then::Stands(_) => again.extend(turn.again()),
            }
        }
        again
    }
}

impl Onward {
    /// A full queue loses nothing: a task is a row.
    fn hand_over(&self, started: Option<Vec<StartedTask>>) {
        if let Some(queue) = &self.started {
            for task in started.into_iter().flatten() {
                let _ = queue.try_send(task);
            }
        }
    }
}

/// What to say to who is not to be decided again.
fn refusal(outcome: Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Committed | Outcome::Conflict => None,
        Outcome::Shut(shut) => Some(Rejection::from(shut).into()),
        Outcome::Crowded => Some(Rejection::TooManyOpen.into()),
        Outcome::Fenced => Some(Failure::Fenced),
        Outcome::Unreadable => Some(Failure::Unreadable(anyhow::anyhow!(
            "what is stored of the order or its restaurant makes no sense"
        ))),
    }
}

fn started_tasks(commits: &[Commit]) -> Vec<Vec<StartedTask>> {
    let of_one = |commit: &Commit| {
        let opened = commit.tasks.iter().filter_map(|change| match change {
            TaskChange::Open(task) => Some(StartedTask {
                task: task.clone(),
                order: Arc::clone(&commit.order),
                contact: commit.contact.clone(),
            }),
            _ => None,
        });
        opened.collect()
    };
    commits.iter().map(of_one).collect()
}
