//! Named loops that live and die together.
//!
//! A loop runs until it is told to stop. One that fails, panics or ends by itself stops all the
//! others, and so do SIGTERM and SIGINT. Loops stop in reverse order of their start, one after
//! the other, so that what others rely on is spawned first and stops last.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_util::sync::DropGuard;

use crate::shutdown::Shutdown;

/// Owns the loops of a process, or of one context among several in a test.
///
/// A supervisor that is dropped without [`Supervisor::run`] tells all its loops to stop.
#[derive(Debug, Default)]
pub struct Supervisor {
    all: Shutdown,
    loops: Vec<Running>,
    tasks: JoinSet<anyhow::Result<()>>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    stop: Shutdown,
    task: AbortHandle,
    _stop_when_dropped: DropGuard,
}

impl Supervisor {
    /// A supervisor without loops.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a loop as a task. It is to return `Ok` soon after its token is cancelled, and not
    /// before. Must be called within a tokio runtime.
    pub fn spawn<F, Fut>(&mut self, name: &'static str, start: F)
    where
        F: FnOnce(Shutdown) -> Fut,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = Shutdown::new();
        let task = self.tasks.spawn(start(stop.clone()));
        self.add(name, stop, task);
    }

    /// Starts a loop that blocks, on an OS thread of its own called `name`. The same promises as
    /// with [`Supervisor::spawn`].
    pub fn spawn_thread(
        &mut self,
        name: &'static str,
        run: impl FnOnce(Shutdown) -> anyhow::Result<()> + Send + 'static,
    ) {
        let stop = Shutdown::new();
        let token = stop.clone();
        let (done, outcome) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| run(token)))
                .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
            // Nobody listens any more only when the supervisor is gone.
            let _ = done.send(outcome);
        });
        let task = self.tasks.spawn(async move {
            thread.context("the thread cannot be started")?;
            outcome.await.context("the thread is gone")?
        });
        self.add(name, stop, task);
    }

    /// The token to cancel in order to stop everything, as a signal would.
    pub fn shutdown(&self) -> Shutdown {
        self.all.clone()
    }

    /// Waits for a signal, a cancelled [`Supervisor::shutdown`] or the end of a loop; then stops
    /// all loops in reverse order of their start, each awaited at most `grace` before the next.
    /// A task that takes longer is aborted; a thread is left behind.
    ///
    /// # Errors
    /// The first failure, with the loop's name. Later ones are logged.
    pub async fn run(mut self, grace: Duration) -> anyhow::Result<()> {
        let mut failures = Failures::default();
        let mut ended = HashMap::new();
        tokio::select! {
            why = stop_requested(&self.all) => match why {
                Ok(why) => tracing::info!("stopping: {why}"),
                Err(cause) => failures.add("signals", cause),
            },
            Some(outcome) = self.tasks.join_next_with_id() => {
                let (id, outcome) = flatten(outcome);
                let name = self.name_of(id);
                failures.add(name, outcome.err().unwrap_or_else(|| anyhow!("ended by itself")));
                ended.insert(id, Ok(()));
            }
        }
        while let Some(next) = self.loops.pop() {
            let id = next.task.id();
            next.stop.cancel();
            let limit = tokio::time::sleep(grace);
            tokio::pin!(limit);
            while !ended.contains_key(&id) {
                tokio::select! {
                    Some(outcome) = self.tasks.join_next_with_id() => {
                        let (id, outcome) = flatten(outcome);
                        ended.insert(id, outcome);
                    }
                    () = &mut limit => {
                        next.task.abort();
                        ended.insert(id, Err(anyhow!("did not stop within {grace:?}")));
                    }
                }
            }
            match ended.remove(&id) {
                Some(Err(cause)) => failures.add(next.name, cause),
                _ => tracing::debug!(name = next.name, "stopped"),
            }
        }
        failures.first.map_or(Ok(()), Err)
    }

    fn add(&mut self, name: &'static str, stop: Shutdown, task: AbortHandle) {
        let guard = stop.clone().drop_guard();
        self.loops.push(Running { name, stop, task, _stop_when_dropped: guard });
    }

    fn name_of(&self, id: Id) -> &'static str {
        self.loops.iter().find(|one| one.task.id() == id).map_or("unknown", |one| one.name)
    }
}

/// The first failure is the one to report: the others are often only its consequences.
#[derive(Default)]
struct Failures {
    first: Option<anyhow::Error>,
}

impl Failures {
    fn add(&mut self, name: &str, cause: anyhow::Error) {
        tracing::error!(name, "loop failed: {cause:#}");
        self.first.get_or_insert_with(|| cause.context(format!("loop {name}")));
    }
}

async fn stop_requested(all: &Shutdown) -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = all.cancelled() => "on request",
    })
}

fn flatten(outcome: Result<(Id, anyhow::Result<()>), JoinError>) -> (Id, anyhow::Result<()>) {
    match outcome {
        Ok(ended) => ended,
        Err(cause) => {
            let id = cause.id();
            let failure = match cause.try_into_panic() {
                Ok(panic) => panicked(panic.as_ref()),
                Err(cancelled) => cancelled.into(),
            };
            (id, Err(failure))
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> anyhow::Error {
    anyhow!("panicked: {}", panic_message(panic))
}

/// What a panic said, for the log.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests;
