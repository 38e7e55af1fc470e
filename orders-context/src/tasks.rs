//! Carries out tasks: durable calls to the outside, retried until done or given up.
//!
//! A task is a row; what is in memory is only a shortcut. New tasks are handed over as soon as they
//! are durable, everything else is found by asking the store. The outcome of an attempt goes back as
//! a command; a crash between the call and its report repeats the call, never loses it.

mod attempt;
pub mod envelope;
pub mod kitchen_letter;
pub mod mail;
pub mod post;
mod push;
mod restaurant;
pub mod schedule;
mod webhook;

use crate::app::Task;
use crate::app::{App, StartedTask};
use crate::domain::{TaskKind, Webhook};
use crate::leases::{Held, STOP_WITHIN};
pub use attempt::Failed;
use attempt::Known;
use chassis::shutdown::Shutdown;
use mail::Mailer;
use post::Poster;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How often the store is asked for tasks that are due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many attempts may be under way at once to restaurants, and as many to customers: a mail server
/// that is slow must not keep a restaurant from hearing of an order.
const AT_ONCE: usize = 128;

/// How many due tasks are read at once: enough to find those of one kind behind the other's.
const READ_AT_ONCE: usize = 8 * AT_ONCE;

/// The ways to the outside.
pub struct Channels {
    /// To restaurants, and to the push gateway.
    pub poster: Arc<Poster>,
    /// To restaurants that have a mail address; none where there is no mail server.
    pub mailer: Option<Arc<Mailer>>,
    /// To customers.
    pub customers: Customers,
}

/// How customers are told.
pub enum Customers {
    /// By a letter to their mail address.
    Mail(Arc<Mailer>),
    /// By this gateway, which knows how to reach a customer id.
    Push(Webhook),
}

/// Names a task: its order and the sequence of the event that asked for it.
type Key = (String, i64);

/// Runs attempts until `shutdown`, then lets those under way come to their end, but not for long:
/// who takes the work over repeats what has not. No attempt begins when the lease is no longer `held`.
///
/// # Errors
/// None so far: a failing channel or store is retried.
pub async fn run(
    app: App,
    channels: Arc<Channels>,
    started: Arc<Mutex<mpsc::Receiver<StartedTask>>>,
    held: Held,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut started = started.lock().await;
    // Handed over while another instance did the work, which may have done these too: those that are
    // still open are found in the store.
    while started.try_recv().is_ok() {}
    let mut dispatcher = Dispatcher {
        app,
        channels,
        held,
        to_restaurants: HashSet::new(),
        to_customers: HashSet::new(),
        attempts: JoinSet::new(),
        shutdown: shutdown.clone(),
    };
    let mut look_at = Instant::now();
    loop {
        // The order of the arms matters: a task that was handed over must be known before the end
        // of its attempt is noticed, or it would be taken for a new one.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(new) = started.recv() => {
                let known = Known { order: Some(new.order), contact: new.contact };
                dispatcher.start(new.task, known);
            }
            Some(ended) = dispatcher.attempts.join_next() => dispatcher.forget(ended)?,
            () = sleep_until(look_at), if dispatcher.has_room_for_some() => {
                let more = dispatcher.look().await;
                look_at = Instant::now() + if more { LOOK_EVERY / 5 } else { LOOK_EVERY };
            }
        }
    }
    match tokio::time::timeout(STOP_WITHIN, dispatcher.finish()).await {
        Ok(finished) => finished,
        Err(_) => {
            let left = dispatcher.attempts.len();
            tracing::info!(left, "attempts under way are left to whoever takes over");
            Ok(())
        }
    }
}

struct Dispatcher {
    app: App,
    channels: Arc<Channels>,
    held: Held,
    to_restaurants: HashSet<Key>,
    to_customers: HashSet<Key>,
    attempts: JoinSet<(TaskKind, Key)>,
    shutdown: Shutdown,
}

impl Dispatcher {
    fn under_way(&mut self, kind: TaskKind) -> &mut HashSet<Key> {
        match kind.is_for_restaurant() {
            true => &mut self.to_restaurants,
            false => &mut self.to_customers,
        }
    }

    fn has_room_for_some(&self) -> bool {
        self.to_restaurants.len() < AT_ONCE || self.to_customers.len() < AT_ONCE
    }

    /// Starts what is due and not under way; whether some of it found no room.
    async fn look(&mut self) -> bool {
        let due = match self.app.open_tasks(0, READ_AT_ONCE).await {
            Ok(due) => due,
            Err(failure) => {
                tracing::warn!(error = %failure, "due tasks cannot be read");
                return false;
            }
        };
        let mut has_more = due.len() == READ_AT_ONCE;
        for task in due {
            has_more |= !self.start(task, Known::default());
        }
        has_more
    }

    /// Starts the task unless it is under way; whether there was room for it.
    fn start(&mut self, task: Task, known: Known) -> bool {
        let (kind, key) = (task.kind, (task.order_id.clone(), task.sequence));
        let under_way = self.under_way(kind);
        if under_way.contains(&key) || !self.held.is_valid() {
            return true;
        }
        if self.under_way(kind).len() >= AT_ONCE {
            return false;
        }
        self.under_way(kind).insert(key.clone());
        let (app, channels) = (self.app.clone(), Arc::clone(&self.channels));
        let (held, shutdown) = (self.held.clone(), self.shutdown.clone());
        self.attempts.spawn(async move {
            attempt::run(&app, &channels, &task, known, &held, &shutdown).await;
            (kind, key)
        });
        true
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.attempts.join_next().await {
            self.forget(ended)?;
        }
        Ok(())
    }

    fn forget(
        &mut self,
        ended: Result<(TaskKind, Key), tokio::task::JoinError>,
    ) -> anyhow::Result<()> {
        let (kind, key) = ended?;
        self.under_way(kind).remove(&key);
        Ok(())
    }
}
