//! Group commit: whatever queued while the previous transaction was being flushed goes into the
//! next one, so that one flush serves many commands.

mod recent;
mod undurable;

use super::step::step;
use super::{Failure, Reply, Submission};
use crate::domain::{Command, Order, Pauses, Rejection};
use crate::store::{self, Commit, Contact, Loaded, Outcome, Store, Task, TaskChange, Wake, Wanted};
use chassis::ids::Ids;
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use recent::Recent;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use undurable::{Held, Undurable};

/// How often a command is decided again because its order moved meanwhile.
const ATTEMPTS: usize = 6;

/// Bounds of the queue and of a group.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many commands may wait; beyond that callers are told to come back.
    pub queue: usize,
    /// How many commands one transaction takes at most.
    pub group: usize,
}

impl Limits {
    /// How many of the queue's places deadlines take at most, so that the others are left to people.
    #[must_use]
    pub fn for_deadlines(&self) -> usize {
        (self.queue / 8).max(1)
    }
}

/// A task that has just become durable, with its order as it was then.
#[derive(Clone, Debug)]
pub struct StartedTask {
    /// The row.
    pub task: Task,
    /// The order it belongs to.
    pub order: Arc<Order>,
    /// How to reach the customer, when it was committed together with the task.
    pub contact: Option<Contact>,
}

/// The loop that commits.
pub struct Group {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    submissions: mpsc::Receiver<Submission>,
    limits: Limits,
    journal_grew: Vec<Signal>,
    started: Option<mpsc::Sender<StartedTask>>,
    recent: Recent,
    pauses: Pauses,
    most_open: Option<u32>,
}

/// What a decision rests on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// What this process committed or read lately, checked by the commit: nothing is loaded for it.
    Recent,
    /// What the store says.
    Store,
}

impl Group {
    pub(super) fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        submissions: mpsc::Receiver<Submission>,
        limits: Limits,
    ) -> Self {
        let (journal_grew, recent) = (Vec::new(), Recent::default());
        let (pauses, most_open) = (Pauses::NEVER, None);
        let started = None;
        Self { store, ids, submissions, limits, journal_grew, started, recent, pauses, most_open }
    }

    /// Pauses restaurants by themselves, by these times.
    pub fn pause_by(&mut self, pauses: Pauses) {
        self.pauses = pauses;
    }

    /// Refuses a new order of a customer who has so many under way; `None`: any number.
    pub fn open_at_most(&mut self, most_open: Option<u32>) {
        self.most_open = most_open;
    }

    /// Gives `signal` after each commit that adds to the journal.
    pub fn wake_on_journal(&mut self, signal: Signal) {
        self.journal_grew.push(signal);
    }

    /// Hands each new task to `queue` once it is durable. A full queue loses nothing: the task is a
    /// row and will be found.
    pub fn hand_tasks_to(&mut self, queue: mpsc::Sender<StartedTask>) {
        self.started = Some(queue);
    }

    /// Commits until `shutdown`, then what is still queued, then ends.
    ///
    /// # Errors
    /// None so far: a database that does not answer is each caller's failure, not the loop's.
    pub async fn run(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut batch = Vec::with_capacity(self.limits.group);
        loop {
            let taken = tokio::select! {
                biased;
                taken = self.submissions.recv_many(&mut batch, self.limits.group) => taken,
                () = shutdown.cancelled(), if !self.submissions.is_closed() => {
                    self.submissions.close();
                    continue;
                }
            };
            if taken == 0 {
                return Ok(());
            }
            metrics::histogram!("orders_group_commands").record(taken as f64);
            self.commit(std::mem::take(&mut batch)).await;
        }
    }

    /// Decides and commits a group; those whose order moved meanwhile are decided again.
    async fn commit(&mut self, mut pending: Vec<Submission>) {
        let mut trust = Trust::Recent;
        for _ in 0..ATTEMPTS {
            match self.attempt(pending, trust).await {
                again if again.is_empty() => return,
                again => pending = again,
            }
            trust = Trust::Store;
        }
        for submission in pending {
            submission.answer(Err(Failure::Contended));
        }
    }

    /// Those that have to be decided again, on what the store says.
    async fn attempt(&mut self, pending: Vec<Submission>, trust: Trust) -> Vec<Submission> {
        let mut loaded = match self.load(&pending, trust).await {
            Ok(loaded) => loaded,
            Err(error) => return refuse_all(pending, &error.into()),
        };
        let mut group = Undurable::default();
        let mut again = Vec::new();
        for submission in pending {
            let unsure = trust == Trust::Recent && self.known(&submission).is_some();
            match self.decide(&mut loaded, &submission) {
                Ok(Decided::Changes(commit)) if !unsure || commit.is_checked(&submission) => {
                    group.change(submission, *commit);
                }
                // No commit will check this, and another instance may have moved the order.
                _ if unsure => again.push(submission),
                Ok(Decided::Changes(commit)) => group.change(submission, *commit),
                Ok(Decided::Stands(reply)) => group.hold(&loaded, submission, Ok(reply)),
                Err(failure) => group.hold(&loaded, submission, Err(failure)),
            }
        }
        if !group.commits.is_empty() {
            again.extend(self.write(group).await);
        }
        again
    }

    /// What the group rests on. A new order and its idempotency key are not looked for at first: the
    /// commit finds out whether they exist.
    async fn load(&self, pending: &[Submission], trust: Trust) -> Result<Loaded, store::Error> {
        let mut known = Loaded::default();
        let mut wanted = Wanted::default();
        for submission in pending {
            let order_id = &submission.change.order_id;
            let is_new = matches!(submission.change.command, Some(Command::Place(_)));
            if trust == Trust::Store {
                let key = submission.change.remember.as_ref().map(|remember| remember.key.clone());
                wanted.idempotency_keys.extend(key);
            } else if is_new {
                continue;
            } else if let Some(order) = self.known(submission) {
                known.orders.insert(order_id.clone(), Arc::clone(order));
                continue;
            }
            wanted.order_ids.push(order_id.clone());
        }
        if wanted.order_ids.is_empty() {
            return Ok(known);
        }
        let mut loaded = self.store.load(wanted).await?;
        for (order_id, order) in known.orders {
            // What was loaded for another command of the group is newer than what was seen.
            loaded.orders.entry(order_id).or_insert(order);
        }
        Ok(loaded)
    }

    /// The order as this process saw it last, if that is remembered; others may have moved it since.
    fn known<'a>(&'a self, submission: &'a Submission) -> Option<&'a Arc<Order>> {
        self.recent.get(&submission.change.order_id).or(submission.change.seen.as_ref())
    }

    /// Later commands of a group see what earlier ones will have made of their order.
    fn decide(&self, loaded: &mut Loaded, submission: &Submission) -> Result<Decided, Failure> {
        if let Some(remember) = &submission.change.remember
            && let Some(used) = loaded.remembered.get(&remember.key)
        {
            if used.request_hash != remember.request_hash {
                return Err(Failure::KeyReused);
            }
            return Ok(Decided::Stands(Reply::Replayed(used.order_id.clone())));
        }
        if let Some(cause) = loaded.unreadable.get(&submission.change.order_id) {
            return Err(Failure::Unavailable(anyhow::anyhow!("an order cannot be read: {cause}")));
        }
        let order = loaded.orders.get(&submission.change.order_id);
        match step(order, &submission.change, &*self.ids, &self.pauses, self.most_open)? {
            Some(commit) => {
                loaded.orders.insert(submission.change.order_id.clone(), Arc::clone(&commit.order));
                if let Some(remember) = &commit.remember {
                    loaded.remembered.insert(remember.key.clone(), remember.clone());
                }
                Ok(Decided::Changes(Box::new(commit)))
            }
            None => match order {
                Some(order) => Ok(Decided::Stands(Reply::Order(Arc::clone(order)))),
                None => Err(Rejection::UnknownOrder.into()),
            },
        }
    }

    async fn write(&mut self, group: Undurable) -> Vec<Submission> {
        let Undurable { commits, deciding, held, .. } = group;
        let started = started_tasks(&commits);
        let grew = commits.iter().any(|commit| !commit.entries.is_empty());
        let began = Instant::now();
        let outcomes = match self.store.commit(commits).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                deciding
                    .iter()
                    .for_each(|(submission, _)| self.recent.forget(&submission.change.order_id));
                let deciding = deciding.into_iter().map(|(submission, _)| submission);
                let held = held.into_iter().map(|held| held.submission);
                return refuse_all(deciding.chain(held).collect(), &error.into());
            }
        };
        metrics::histogram!("orders_commit_seconds").record(began.elapsed().as_secs_f64());
        if grew {
            self.journal_grew.iter().for_each(Signal::notify);
        }
        let mut contended = Vec::new();
        let answered = deciding.into_iter().zip(&outcomes).zip(started);
        for (((submission, order), outcome), started) in answered {
            match outcome {
                Outcome::Committed => {
                    self.recent.committed(&order);
                    submission.answer(Ok(Reply::Order(order)));
                    self.hand_over(started);
                }
                Outcome::Conflict => {
                    self.recent.forget(&submission.change.order_id);
                    contended.push(submission);
                }
                Outcome::Shut(shut) => {
                    self.recent.forget(&submission.change.order_id);
                    submission.answer(Err(Rejection::from(*shut).into()));
                }
                Outcome::Crowded => {
                    self.recent.forget(&submission.change.order_id);
                    submission.answer(Err(Rejection::TooManyOpen.into()));
                }
                Outcome::Fenced => {
                    self.recent.forget(&submission.change.order_id);
                    submission.answer(Err(Failure::Fenced));
                }
            }
        }
        for Held { submission, answer, relies_on } in held {
            match outcomes.get(relies_on) {
                Some(Outcome::Committed) => submission.answer(answer),
                _ => contended.push(submission),
            }
        }
        contended
    }

    fn hand_over(&self, started: Vec<StartedTask>) {
        if let Some(queue) = &self.started {
            for task in started {
                let _ = queue.try_send(task);
            }
        }
    }
}

enum Decided {
    Changes(Box<Commit>),
    Stands(Reply),
}

impl Commit {
    /// Whether writing it finds out that the order has moved since, should that matter: a report
    /// that closes a task without a fact rests on the order and leaves its row alone.
    fn is_checked(&self, submission: &Submission) -> bool {
        self.wake != Wake::Unchanged || submission.change.command.is_none()
    }
}

impl Submission {
    /// Whoever asked may have gone away: the change stands all the same.
    fn answer(self, answer: Result<Reply, Failure>) {
        let _ = self.reply.send(answer);
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

fn refuse_all(pending: Vec<Submission>, cause: &anyhow::Error) -> Vec<Submission> {
    tracing::error!(commands = pending.len(), error = %format!("{cause:#}"), "a group was not committed");
    for submission in pending {
        submission.answer(Err(Failure::Unavailable(anyhow::anyhow!("{cause:#}"))));
    }
    Vec::new()
}
