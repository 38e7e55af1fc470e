//! Wakes a loop when there is something to do, be it a thread or a task.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// A wake-up call that is remembered until somebody takes it. Calls before that are one call.
///
/// Each call is taken by one waiter: give every loop a signal of its own. Clones are the same
/// signal.
#[derive(Debug, Clone, Default)]
pub struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pending: Mutex<bool>,
    thread: Condvar,
    task: Notify,
}

impl Signal {
    /// A signal that nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, or the next one to wait. Never blocks for long; costs little when the
    /// call before was not taken yet.
    pub fn notify(&self) {
        let was_pending = std::mem::replace(&mut *self.pending(), true);
        if !was_pending {
            self.0.thread.notify_one();
            self.0.task.notify_one();
        }
    }

    /// Blocks the thread until the signal is given, at most `timeout`: whether it was given.
    pub fn wait(&self, timeout: Duration) -> bool {
        let (mut pending, _) = self
            .0
            .thread
            .wait_timeout_while(self.pending(), timeout, |pending| !*pending)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pending)
    }

    /// Completes when the signal is given. Dropping the future loses no call.
    pub async fn wait_async(&self) {
        loop {
            let notified = self.0.task.notified();
            if std::mem::take(&mut *self.pending()) {
                return;
            }
            notified.await;
        }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, bool> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn calls_are_remembered_as_one() {
        let signal = Signal::new();
        signal.notify();
        signal.notify();
        assert!(signal.wait(LONG));
        assert!(!signal.wait(Duration::ZERO));
    }

    #[test]
    fn a_waiting_thread_wakes() {
        let signal = Signal::new();
        let waiter = std::thread::spawn({
            let signal = signal.clone();
            move || signal.wait(LONG)
        });
        signal.notify();
        assert!(waiter.join().unwrap());
    }

    #[tokio::test]
    async fn a_waiting_task_wakes_and_the_call_is_gone() {
        let signal = Signal::new();
        let waiter = tokio::spawn({
            let signal = signal.clone();
            async move { signal.wait_async().await }
        });
        tokio::task::yield_now().await;
        signal.notify();
        tokio::time::timeout(LONG, waiter).await.unwrap().unwrap();
        assert!(!signal.wait(Duration::ZERO));
    }

    #[tokio::test]
    async fn a_task_does_not_take_what_a_thread_has_taken() {
        let signal = Signal::new();
        signal.notify();
        assert!(signal.wait(LONG));
        let wait = tokio::time::timeout(Duration::from_millis(1), signal.wait_async());
        assert!(wait.await.is_err());
    }
}
