//! Work that only one of several instances may do at a time: whoever holds its lease does it, and
//! when they die another takes over. The leases live in the database of the orders; there is no
//! other coordinator.
//!
//! A lease says who should work, never what is true. What is true is guarded where it is written:
//! decisions by versions, reports of tasks by the lease's token in their own commit, events by Kafka's
//! fencing of the relay and the token beside its position. A call to the outside begins only while
//! [`Held::is_valid`].
//!
//! [`duty`] decides who takes and gives back what; here it is carried out.

mod duty;

use crate::store::{Claim, Error, Lease, Store};
use chassis::clock::BootInstant;
use chassis::postgres::pool::IDLE_LIMIT;
use chassis::shutdown::Shutdown;
use duty::{Changes, Duty, Ended, Look};
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::{Id, JoinError, JoinSet};

/// How long a lease is held without being prolonged: after a `kill -9` nobody works for so long.
const HELD_FOR: Duration = Duration::from_millis(3_000);

/// How often an instance prolongs what it holds and looks for what is free, in one question.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a work may take to stop when it is told to.
pub const STOP_WITHIN: Duration = Duration::from_millis(400);

/// How long the database may take to answer a look, for what is promised to hold.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// How long an instance that stops goes on trying to give back what it holds.
const GIVE_BACK_LIMIT: Duration = Duration::from_secs(2);

/// The promises: others have taken over after a death, and after an orderly stop.
const AFTER_DEATH: Duration = Duration::from_secs(5);
const AFTER_STOP: Duration = Duration::from_secs(1);

// Who already has its part takes what it finds free at the second look.
const _: () = assert!(
    HELD_FOR.as_millis() + 2 * (LOOK_EVERY.as_millis() + ANSWER_WITHIN.as_millis())
        <= AFTER_DEATH.as_millis()
);
const _: () = assert!(
    STOP_WITHIN.as_millis() + 2 * LOOK_EVERY.as_millis() < AFTER_STOP.as_millis(),
    "the rest is for the database"
);
// A lease outlasts several looks that fail.
const _: () = assert!(HELD_FOR.as_millis() >= 8 * LOOK_EVERY.as_millis());
// A process that is stopped within a commit has lost its locks, on a lease too, before the lease
// runs out.
const _: () = assert!(IDLE_LIMIT.as_millis() + 3 * LOOK_EVERY.as_millis() <= HELD_FOR.as_millis());

type Working = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// A work, and whether it is to be done at all.
struct Work {
    is_wanted: Box<dyn Fn() -> bool + Send>,
    run: Box<dyn Fn(Held, Shutdown) -> Working + Send>,
}

/// The leases of one process, and the works that go with them.
pub struct Leases {
    store: Arc<dyn Store>,
    owner: String,
    works: BTreeMap<Arc<str>, Work>,
}

/// A lease as its holder knows it.
#[derive(Clone, Debug)]
pub struct Held {
    lease: Lease,
    until: Arc<Mutex<BootInstant>>,
}

impl Held {
    /// A lease that is held until that moment, if it is not prolonged.
    #[must_use]
    pub fn until(lease: Lease, until: BootInstant) -> Self {
        Self { lease, until: Arc::new(Mutex::new(until)) }
    }

    /// Whether nobody else can have taken it over yet, also after this process was stopped for a
    /// while, or its machine slept, and was woken again.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.is_valid_at(BootInstant::now())
    }

    /// Name and token, to be shown where something is written.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    fn is_valid_at(&self, now: BootInstant) -> bool {
        now < *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is held until that moment.
    pub fn prolong(&self, until: BootInstant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Leases {
    /// Leases in `store` for a process that nobody else calls `owner`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, owner: String) -> Self {
        Self { store, owner, works: BTreeMap::new() }
    }

    /// Does `work` whenever this process holds the lease `name`. The token that it is given is
    /// cancelled when the lease is lost or another is to have it; it is to end within
    /// [`STOP_WITHIN`], and not before.
    pub fn add<Fut>(&mut self, name: &str, work: impl Fn(Held, Shutdown) -> Fut + Send + 'static)
    where
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.add_while(name, || true, work);
    }

    /// The same for a work that is done only while `is_wanted`, asked at each look at the leases.
    pub fn add_while<Fut>(
        &mut self,
        name: &str,
        is_wanted: impl Fn() -> bool + Send + 'static,
        work: impl Fn(Held, Shutdown) -> Fut + Send + 'static,
    ) where
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (is_wanted, run) = (Box::new(is_wanted), Box::new(boxed(work)));
        self.works.insert(name.into(), Work { is_wanted, run });
    }

    /// Does all works whose leases this process holds, until `shutdown`; then hands them over.
    ///
    /// # Errors
    /// What a work fails with while its lease is held; that it ends by itself then is a failure too.
    /// What comes after a lease was lost is of no account.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut shift = Shift {
            duty: Duty::default(),
            works: self.works,
            desk: Desk { store: self.store, owner: self.owner },
            working: JoinSet::new(),
            running: HashMap::new(),
            looks: JoinSet::new(),
        };
        let worked = shift.work(&shutdown).await;
        let handed_over = shift.hand_over().await;
        worked.and(handed_over)
    }
}

fn boxed<Fut>(work: impl Fn(Held, Shutdown) -> Fut) -> impl Fn(Held, Shutdown) -> Working
where
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    move |held, stop| Box::pin(work(held, stop))
}

/// A process at its works.
struct Shift {
    duty: Duty,
    works: BTreeMap<Arc<str>, Work>,
    desk: Desk,
    working: JoinSet<anyhow::Result<()>>,
    running: HashMap<Id, (Arc<str>, Shutdown)>,
    /// One at a time; it may take longer than a lease.
    looks: JoinSet<Result<Look, Error>>,
}

impl Shift {
    async fn work(&mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        let mut look_at = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                Some(ended) = self.working.join_next_with_id() => self.end(ended)?,
                Some(look) = self.looks.join_next() => self.settle(look?),
                () = tokio::time::sleep_until(look_at.into()) => {
                    look_at = Instant::now() + LOOK_EVERY;
                    let lapsed = self.duty.lapse(BootInstant::now());
                    self.change(lapsed);
                    let wanted = self.works.iter().filter(|(_, work)| (work.is_wanted)());
                    self.duty.want(wanted.map(|(name, _)| Arc::clone(name)));
                    if self.looks.is_empty() {
                        self.looks.spawn(self.desk.clone().look(self.duty.clone()));
                    }
                }
            }
        }
    }

    fn settle(&mut self, look: Result<Look, Error>) {
        match look {
            // This process was stopped meanwhile: what it was granted has run out.
            Ok(look) if look.asked_at.elapsed() >= HELD_FOR => {}
            Ok(look) => {
                let changes = self.duty.settle(&look);
                self.change(changes);
            }
            Err(error) => tracing::warn!(%error, "leases cannot be looked at"),
        }
    }

    fn change(&mut self, changes: Changes) {
        for name in changes.stop {
            tracing::info!(lease = %name, "this instance no longer does the work");
            let of_name = self.running.values().filter(|(running, _)| *running == name);
            of_name.for_each(|(_, stop)| stop.cancel());
        }
        for held in changes.begin {
            let name = Arc::clone(&held.lease.name);
            let Some(work) = self.works.get(&name) else { continue };
            tracing::info!(lease = %name, token = held.lease.token, "this instance does the work now");
            let stop = Shutdown::new();
            let id = self.working.spawn((work.run)(held, stop.clone())).id();
            self.running.insert(id, (name, stop));
        }
    }

    /// Judges the end of a work.
    fn end(&mut self, ended: Result<(Id, anyhow::Result<()>), JoinError>) -> anyhow::Result<()> {
        let (id, result) = match ended {
            Ok((id, result)) => (id, result),
            Err(cause) => (cause.id(), Err(cause.into())),
        };
        let Some((name, _)) = self.running.remove(&id) else { return result };
        match (self.duty.ended(&name, BootInstant::now()), result) {
            (Ended::ByItself, Ok(())) => anyhow::bail!("the work {name} ended by itself"),
            (Ended::ByItself, Err(failure)) => Err(failure.context(format!("the work {name}"))),
            (Ended::Expectedly, Ok(())) => Ok(()),
            (Ended::Expectedly, Err(failure)) => {
                let error = format!("{failure:#}");
                tracing::warn!(lease = %name, error, "a work ended with its lease");
                Ok(())
            }
        }
    }

    /// Stops all works and gives each lease back as soon as its work has ended. The others know
    /// from the beginning that they are one fewer.
    async fn hand_over(&mut self) -> anyhow::Result<()> {
        self.running.values().for_each(|(_, stop)| stop.cancel());
        let (held, mut ended) = self.duty.to_ask();
        if let Ok(Some(Ok(Ok(look)))) =
            tokio::time::timeout(ANSWER_WITHIN, self.looks.join_next()).await
        {
            ended.extend(look.taken.into_iter().map(|lease| lease.name));
        }
        self.desk.leave().await;
        self.desk.give_back(ended).await;
        let mut outcome = Ok(());
        while let Some(ended) = self.working.join_next_with_id().await {
            let (id, result) = match ended {
                Ok((id, result)) => (id, result),
                Err(cause) => (cause.id(), Err(cause.into())),
            };
            let Some((name, _)) = self.running.remove(&id) else { continue };
            if held.contains(&name) {
                self.desk.give_back(vec![name]).await;
                outcome = outcome.and(result);
            }
        }
        outcome
    }
}

/// Where this process asks for leases.
#[derive(Clone)]
struct Desk {
    store: Arc<dyn Store>,
    owner: String,
}

impl Desk {
    /// Gives back what has ended, prolongs what is held, takes what is free.
    async fn look(self, duty: Duty) -> Result<Look, Error> {
        let asked_at = BootInstant::now();
        let (prolonged, given_back) = duty.to_ask();
        if !given_back.is_empty() {
            self.store.give_back_leases(self.claim(given_back.clone())).await?;
        }
        let standing = self.store.prolong_leases(self.claim(prolonged.clone())).await?;
        let wanted = duty.to_take(&standing);
        let taken = match wanted.is_empty() {
            true => Vec::new(),
            false => self.store.take_leases(self.claim(wanted)).await?,
        };
        Ok(Look { asked_at, given_back, prolonged, standing, taken })
    }

    /// Others need not wait for their end then.
    async fn give_back(&self, names: Vec<Arc<str>>) {
        let giving = self.store.give_back_leases(self.claim(names));
        match tokio::time::timeout(GIVE_BACK_LIMIT, giving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "leases were not given back and will run out"),
            Err(_) => tracing::warn!("leases were not given back in time and will run out"),
        }
    }

    async fn leave(&self) {
        let leaving = self.store.leave_leases(self.owner.clone());
        if !matches!(tokio::time::timeout(GIVE_BACK_LIMIT, leaving).await, Ok(Ok(()))) {
            tracing::warn!("the other instances are not told of this one's end");
        }
    }

    fn claim(&self, names: Vec<Arc<str>>) -> Claim {
        let for_ms = i64::try_from(HELD_FOR.as_millis()).unwrap_or(i64::MAX);
        Claim { owner: self.owner.clone(), names, for_ms }
    }
}
