//! The line of those who ask what takes a while: listings and counts of orders. Only so many are answered at
//! a time and only so many wait, so that others who ask of the store do not wait for them.

use super::Failure;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many may wait: the last of them for less than a second, as a rule.
const WAITING: usize = 64;

/// Cheap to clone, one for each who uses it.
#[derive(Clone)]
pub(super) struct Line {
    at_once: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Line {
    /// A line of which `at_once` are answered at a time.
    pub fn new(at_once: usize) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + WAITING)),
        }
    }

    /// The answer to `question`, when its turn has come. Whoever goes away before that is never asked for;
    /// what was begun is carried to its end, so that no more than so many are on their way whoever goes away.
    ///
    /// # Errors
    /// [`Failure::Overloaded`] at once where the line is full; what the question fails with.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Failure::Overloaded)?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await;
        let turn = turn.map_err(|_| Failure::stopping())?;
        let asking = tokio::spawn(async move {
            let _until_answered = (place, turn);
            question.await
        });
        asking.await.map_err(|ended| Failure::Unavailable(ended.into()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    /// Counts what was begun, and goes on when it is let go.
    #[derive(Default)]
    struct Store {
        begun: AtomicUsize,
        go: Notify,
    }

    fn ask(line: &Line, store: &Arc<Store>) -> JoinHandle<Result<(), Failure>> {
        let (line, store) = (line.clone(), Arc::clone(store));
        tokio::spawn(async move {
            let answer = async move {
                store.begun.fetch_add(1, Ordering::SeqCst);
                store.go.notified().await;
                Ok(())
            };
            line.ask(answer).await
        })
    }

    /// Until nothing moves any more.
    async fn settle() {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn so_many_are_answered_so_many_wait_and_the_others_are_told_so() {
        let (line, store) = (Line::new(2), Arc::new(Store::default()));
        let mut asking: Vec<_> = (0..2 + WAITING).map(|_| ask(&line, &store)).collect();
        settle().await;
        assert_eq!(store.begun.load(Ordering::SeqCst), 2);
        let refused = ask(&line, &store).await.unwrap();
        assert!(matches!(refused, Err(Failure::Overloaded)), "{refused:?}");

        store.go.notify_one();
        settle().await;
        assert_eq!(store.begun.load(Ordering::SeqCst), 3);
        asking.push(ask(&line, &store));
        settle().await;
        assert_eq!(asking.iter().filter(|answer| answer.is_finished()).count(), 1);
    }

    #[tokio::test]
    async fn who_goes_away_is_never_asked_for_and_what_was_begun_keeps_its_place() {
        let (line, store) = (Line::new(1), Arc::new(Store::default()));
        let asking: Vec<_> = (0..=WAITING).map(|_| ask(&line, &store)).collect();
        settle().await;
        asking.iter().for_each(JoinHandle::abort);
        let next = ask(&line, &store);
        settle().await;
        assert_eq!(store.begun.load(Ordering::SeqCst), 1, "the first is still being answered");

        store.go.notify_one();
        settle().await;
        assert_eq!(store.begun.load(Ordering::SeqCst), 2, "the next, and none of the others");
        store.go.notify_one();
        next.await.unwrap().unwrap();
    }
}
