//! Group commit: one group of commands is formed and decided while the one before it is written, so
//! that one flush serves many commands, and who decides and who writes do not wait for each other.
//!
//! - One group is written at a time; they are written in the order in which they were decided.
//! - Nothing is decided on what another group has not made durable yet: a command whose order or key is
//!   being written waits until that has come to its end.
//! - Commands about one order are decided in the order in which they came.
//! - What must be read before it can be decided is read when nothing is being written, once for all
//!   who wait: so a decision is as young as it can be when its commit finds out whether it still holds.

mod forming;
mod recent;
mod turn;
mod writing;

use super::Submission;
use crate::domain::{Order, Pauses};
use crate::store::{self, Contact, Loaded, Outcome, Store, Task, Wanted};
use chassis::ids::Ids;
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use forming::{Forming, Rules};
use recent::Recent;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use turn::{Turn, refuse};
use writing::{Onward, Writing};

/// Bounds of the queue and of a group.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many commands may wait; beyond that callers are told to come back.
    pub queue: usize,
    /// How many commands one transaction takes at most. As many again may have been taken from the
    /// queue while it is written.
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
    submissions: mpsc::Receiver<Submission>,
    limits: Limits,
    rules: Rules,
    recent: Recent,
    /// The next group to be written.
    forming: Forming,
    /// Those who cannot be decided while something is being written, in the order of their turns.
    waiting: Vec<Turn>,
    onward: Onward,
}

impl Group {
    pub(super) fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        submissions: mpsc::Receiver<Submission>,
        limits: Limits,
    ) -> Self {
        Self {
            store,
            submissions,
            limits,
            rules: Rules { ids, pauses: Pauses::NEVER, most_open: None },
            recent: Recent::default(),
            forming: Forming::default(),
            waiting: Vec::new(),
            onward: Onward::default(),
        }
    }

    /// Pauses restaurants by themselves, by these times.
    pub fn pause_by(&mut self, pauses: Pauses) {
        self.rules.pauses = pauses;
    }

    /// Refuses a new order of a customer who has so many under way; `None`: any number.
    pub fn open_at_most(&mut self, most_open: Option<u32>) {
        self.rules.most_open = most_open;
    }

    /// Gives `signal` after each commit that adds to the journal.
    pub fn wake_on_journal(&mut self, signal: Signal) {
        self.onward.journal_grew.push(signal);
    }

    /// Hands each new task to `queue` once it is durable. A full queue loses nothing: the task is a
    /// row and will be found.
    pub fn hand_tasks_to(&mut self, queue: mpsc::Sender<StartedTask>) {
        self.onward.started = Some(queue);
    }

    /// Commits until `shutdown`, then what is still queued, then ends.
    ///
    /// # Errors
    /// None so far: a database that does not answer is each caller's failure, not the loop's.
    pub async fn run(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        let store = Arc::clone(&self.store);
        let mut arrived = Vec::with_capacity(self.limits.group);
        let mut stopping = pin!(shutdown.cancelled());
        let (mut writing, mut is_over) = (None, false);
        loop {
            // Who waits has been taken from the queue too: a store that hangs fills it.
            let room = self.room().saturating_sub(self.waiting.len());
            tokio::select! {
                biased;
                outcomes = ended(&mut writing), if writing.is_some() => {
                    if let Some(written) = writing.take() {
                        self.settle(written, outcomes);
                    }
                }
                taken = self.submissions.recv_many(&mut arrived, room), if room > 0 && !is_over => {
                    is_over = taken == 0;
                    arrived.drain(..).for_each(|each| self.take(each.into(), writing.as_ref()));
                }
                () = &mut stopping, if !self.submissions.is_closed() => {
                    self.submissions.close();
                }
            }
            if writing.is_none() {
                self.catch_up().await;
                writing = self.write(&*store);
                if writing.is_none() && is_over {
                    return Ok(());
                }
            }
        }
    }

    /// How many more the next group takes.
    fn room(&self) -> usize {
        self.limits.group.saturating_sub(self.forming.len())
    }

    /// Decides a command, unless something has to come to its end or to be read before.
    fn take(&mut self, turn: Turn, writing: Option<&Writing<'_>>) {
        let waits = self.is_behind_others(&turn)
            || writing.is_some_and(|group| group.concerns(&turn))
            || self.forming.lacks(&turn, &self.recent);
        match waits {
            true => self.waiting.push(turn),
            false => self.decide(turn),
        }
    }

    fn is_behind_others(&self, turn: &Turn) -> bool {
        self.waiting.iter().any(|earlier| turn.is_behind(earlier))
    }

    fn decide(&mut self, turn: Turn) {
        self.waiting.extend(self.forming.decide(turn, &self.recent, &self.rules));
    }

    /// Decides those who wait, as far as the next group has room. Those who then have to be decided
    /// again are, behind that group, or at once if there is nothing in it.
    async fn catch_up(&mut self) {
        while !self.waiting.is_empty() {
            let later = self.waiting.split_off(self.room().min(self.waiting.len()));
            let turns = std::mem::take(&mut self.waiting);
            self.forming.learn(Loaded::default());
            match self.load(&turns).await {
                Ok(found) => {
                    self.forming.learn(found);
                    for turn in turns {
                        match self.is_behind_others(&turn) {
                            true => self.waiting.push(turn),
                            false => self.decide(turn),
                        }
                    }
                }
                Err(error) => refuse(turns.into_iter(), &error.into()),
            }
            self.waiting.extend(later);
            if !self.forming.is_empty() {
                return;
            }
        }
    }

    /// What is not known of those who wait.
    async fn load(&self, turns: &[Turn]) -> Result<Loaded, store::Error> {
        let mut wanted = Wanted::default();
        for turn in turns.iter().filter(|turn| self.forming.lacks(turn, &self.recent)) {
            wanted.order_ids.push(turn.order_id().to_owned());
            let key = turn.key().filter(|_| turn.doubts_its_key());
            wanted.idempotency_keys.extend(key.map(str::to_owned));
        }
        match wanted.order_ids.is_empty() {
            true => Ok(Loaded::default()),
            false => self.store.load(wanted).await,
        }
    }

    /// Begins to write what has been decided, if anything has.
    fn write<'s>(&mut self, store: &'s dyn Store) -> Option<Writing<'s>> {
        let group = std::mem::take(&mut self.forming);
        (!group.is_empty()).then(|| Writing::begin(group, store))
    }

    /// Answers; those who have to be decided again come before those who have come since.
    fn settle(&mut self, written: Writing<'_>, outcomes: Result<Vec<Outcome>, store::Error>) {
        let again = written.settle(outcomes, &mut self.recent, &self.onward);
        self.waiting.splice(..0, again);
    }
}

async fn ended(writing: &mut Option<Writing<'_>>) -> Result<Vec<Outcome>, store::Error> {
    match writing {
        Some(group) => group.ended().await,
        None => std::future::pending().await,
    }
}
