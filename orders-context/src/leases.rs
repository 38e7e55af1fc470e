//! Work that only one of several instances may do at a time: whoever holds its lease does it, and
//! when they die another takes over. The leases live in the database of the orders; there is no
//! other coordinator.
//!
//! A lease says who should work, never what is true: decisions are guarded by versions, events by
//! Kafka's fencing of the relay, calls to the outside by [`Held::is_valid`] right before each.

use crate::store::{Claim, Store};
use chassis::shutdown::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a lease is held without being prolonged: after a `kill -9` nobody works for so long.
const HELD_FOR: Duration = Duration::from_secs(4);

/// How often a lease that is held is prolonged.
const PROLONG_EVERY: Duration = Duration::from_secs(1);

/// How often a lease that another holds is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// The leases of one process.
#[derive(Clone)]
pub struct Leases {
    store: Arc<dyn Store>,
    owner: String,
}

/// A lease as its holder knows it.
#[derive(Clone, Debug)]
pub struct Held {
    until: Arc<Mutex<Instant>>,
}

impl Held {
    /// Whether nobody else can have taken it over yet, also after this process was stopped for a
    /// while and woken again.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        Instant::now() < *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease that was asked for at `asked_at` and granted for `granted`.
    #[must_use]
    pub fn since(asked_at: Instant, granted: Duration) -> Self {
        Self { until: Arc::new(Mutex::new(asked_at + granted)) }
    }

    fn prolong(&self, asked_at: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = asked_at + HELD_FOR;
    }
}

impl Leases {
    /// Leases in `store` for a process that nobody else calls `owner`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, owner: String) -> Self {
        Self { store, owner }
    }

    /// Does `work` whenever this process holds the lease `name`, until `shutdown`. The token that
    /// `work` is given is cancelled when the lease is lost; it is to end soon after.
    ///
    /// # Errors
    /// What `work` fails with while the lease is held. A failure after it was lost is of no account.
    pub async fn run<Fut>(
        self,
        name: &'static str,
        work: impl Fn(Held, Shutdown) -> Fut,
        shutdown: Shutdown,
    ) -> anyhow::Result<()>
    where
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        while !shutdown.is_cancelled() {
            let asked_at = Instant::now();
            if !self.take(name).await {
                tokio::select! {
                    () = tokio::time::sleep(ASK_EVERY) => continue,
                    () = shutdown.cancelled() => return Ok(()),
                }
            }
            tracing::info!(lease = name, "this instance does the work now");
            let held = Held::since(asked_at, HELD_FOR);
            self.work(name, &held, &work, &shutdown).await?;
            if shutdown.is_cancelled() {
                self.give_back(name).await;
            }
        }
        Ok(())
    }

    /// Works until the lease is lost, `shutdown`, or the work ends.
    async fn work<Fut>(
        &self,
        name: &'static str,
        held: &Held,
        work: &impl Fn(Held, Shutdown) -> Fut,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()>
    where
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = Shutdown::new();
        let _stop_when_dropped = stop.clone().drop_guard();
        let mut working = tokio::spawn(work(held.clone(), stop.clone()));
        loop {
            tokio::select! {
                ended = &mut working => return judge(name, held, ended?),
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(PROLONG_EVERY) => {
                    let asked_at = Instant::now();
                    match self.take_or_wait(name, held).await {
                        true => held.prolong(asked_at),
                        false => break,
                    }
                }
            }
        }
        stop.cancel();
        judge(name, held, working.await?)
    }

    /// Whether the lease is still held after asking for more of it. A database that does not answer
    /// takes nothing away before the time is up.
    async fn take_or_wait(&self, name: &'static str, held: &Held) -> bool {
        while held.is_valid() {
            match self.store.take_lease(self.claim(name)).await {
                Ok(token) => return token.is_some(),
                Err(error) => {
                    tracing::warn!(lease = name, %error, "a lease was not prolonged yet");
                    tokio::time::sleep(ASK_EVERY).await;
                }
            }
        }
        false
    }

    fn claim(&self, name: &'static str) -> Claim {
        let for_ms = i64::try_from(HELD_FOR.as_millis()).unwrap_or(i64::MAX);
        Claim { name: name.to_owned(), owner: self.owner.clone(), for_ms }
    }

    async fn take(&self, name: &'static str) -> bool {
        match self.store.take_lease(self.claim(name)).await {
            Ok(token) => token.is_some(),
            Err(error) => {
                tracing::warn!(lease = name, %error, "a lease cannot be asked for");
                false
            }
        }
    }

    /// Others need not wait for its end then.
    async fn give_back(&self, name: &'static str) {
        let claim = self.claim(name);
        if let Err(error) = self.store.give_back_lease(claim).await {
            tracing::warn!(lease = name, %error, "a lease was not given back and will run out");
        }
    }
}

/// What an end of the work means: once the lease is lost, its successor may have made it fail.
fn judge(name: &'static str, held: &Held, ended: anyhow::Result<()>) -> anyhow::Result<()> {
    match ended {
        Err(failure) if !held.is_valid() => {
            tracing::warn!(lease = name, error = %format!("{failure:#}"), "work ended with its lease");
            Ok(())
        }
        ended => ended,
    }
}
