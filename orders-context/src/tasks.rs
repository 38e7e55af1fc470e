//! Carries out tasks: durable calls to the outside, retried until done or given up.
//!
//! A task is a row; what is in memory is only a shortcut. New tasks are handed over as soon as they
//! are durable, everything else is found by asking the store. The outcome of an attempt goes back as
//! a command; a crash between the call and its report repeats the call, never loses it.

mod attempt;
pub mod mail;
mod schedule;
pub mod webhook;

use crate::app::Task;
use crate::app::{App, StartedTask};
use crate::domain::Order;
use crate::leases::Held;
use chassis::shutdown::Shutdown;
use mail::Mailer;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use webhook::Webhooks;

/// How often the store is asked for tasks that are due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many attempts may be under way at once.
const AT_ONCE: usize = 256;

/// The ways to the outside.
pub struct Channels {
    /// To restaurants.
    pub webhooks: Webhooks,
    /// To customers.
    pub mailer: Mailer,
}

/// Names a task: its order and the sequence of the event that asked for it.
type Key = (String, i64);

/// Runs attempts until `shutdown`, then lets those under way come to their end. No attempt begins
/// when the lease is no longer `held`.
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
        under_way: HashSet::new(),
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
            Some(new) = started.recv() => dispatcher.start(new.task, Some(new.order)),
            Some(ended) = dispatcher.attempts.join_next() => dispatcher.forget(ended)?,
            () = sleep_until(look_at), if dispatcher.has_room() => {
                let more = dispatcher.look().await;
                look_at = Instant::now() + if more { LOOK_EVERY / 50 } else { LOOK_EVERY };
            }
        }
    }
    while let Some(ended) = dispatcher.attempts.join_next().await {
        dispatcher.forget(ended)?;
    }
    Ok(())
}

struct Dispatcher {
    app: App,
    channels: Arc<Channels>,
    held: Held,
    under_way: HashSet<Key>,
    attempts: JoinSet<Key>,
    shutdown: Shutdown,
}

impl Dispatcher {
    fn has_room(&self) -> bool {
        self.under_way.len() < AT_ONCE
    }

    /// Starts what is due and not under way; whether there may be more.
    async fn look(&mut self) -> bool {
        let due = match self.app.open_tasks(0, 2 * AT_ONCE).await {
            Ok(due) => due,
            Err(failure) => {
                tracing::warn!(error = %failure, "due tasks cannot be read");
                return false;
            }
        };
        let more = due.len() == 2 * AT_ONCE;
        for task in due {
            self.start(task, None);
        }
        more || !self.has_room()
    }

    fn start(&mut self, task: Task, order: Option<Arc<Order>>) {
        let key = (task.order_id.clone(), task.sequence);
        if !self.has_room() || !self.held.is_valid() || !self.under_way.insert(key.clone()) {
            return;
        }
        let (app, channels) = (self.app.clone(), Arc::clone(&self.channels));
        let (held, shutdown) = (self.held.clone(), self.shutdown.clone());
        self.attempts.spawn(async move {
            attempt::run(&app, &channels, &task, order, &held, &shutdown).await;
            key
        });
    }

    fn forget(&mut self, ended: Result<Key, tokio::task::JoinError>) -> anyhow::Result<()> {
        self.under_way.remove(&ended?);
        Ok(())
    }
}
