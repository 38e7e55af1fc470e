//! The feed of a restaurant: each event of its orders, told as soon as it is in the journal, to whoever
//! listens.
//!
//! One loop ([`Feeds::run`]) reads the journal for all who listen to this process, and reads nothing once nobody
//! has for a minute: a commit costs the same either way. What it has read last stays in a ring ([`tail`]), so
//! that those who were cut off go on where they stopped without asking the database; who was away for
//! longer is told from the journal, or that they have to look themselves ([`Told::Reset`]). Nothing is
//! skipped in silence, and nothing is told twice.

mod missed;
mod seats;
mod tail;
#[cfg(test)]
mod tests;

use super::Failure;
use crate::store::{Error, JournalReader, JournalRow, Store};
use chassis::backoff::Backoff;
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
pub use seats::{NoSeat, StreamLimits};
use seats::{Seat, Seats};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tail::{Join, Joined, Tail};
pub use tail::{News, Told};
use tokio::sync::{mpsc, oneshot};

/// How many rows of the journal are read at once.
const PAGE: usize = 512;

/// How often it is looked for what other instances have committed, and for what was committed here
/// while an older transaction was under way.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The same where nobody else writes: commits say that they are there.
const LOOK_EVERY_ALONE: Duration = Duration::from_secs(5);

/// How often those to whom nothing happens are told how far the journal is, so that a restaurant that
/// was quiet for a day does not go on behind what the journal still holds.
const MARK_EVERY: Duration = Duration::from_secs(30);

/// How long the journal is read on after the last one has left: most come back in a moment.
const LINGER: Duration = Duration::from_secs(60);

/// Between two attempts to read a journal that does not answer.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// Where somebody wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With what happens from now on.
    Now,
    /// Behind what they were told last.
    After(i64),
    /// Behind something that was never told.
    Unknown,
}

/// Who listens to a restaurant, by the name that the limits know them by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// An app of the restaurant's own.
    App(String),
    /// Somebody who looks on.
    Other(String),
}

/// Why somebody cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum NoFeed {
    /// Too many do already.
    #[error(transparent)]
    NoSeat(#[from] NoSeat),
    /// The journal cannot be read, or the process is stopping.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Whoever listens here: cheap to clone, one for each who uses it.
#[derive(Clone)]
pub struct Feeds(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    seats: Arc<Seats>,
    /// Those who came since the loop looked last; `None` once it has ended.
    joins: Mutex<Option<Vec<Join>>>,
    joined: Signal,
    grew: Signal,
}

/// What one listener is told, in the order of the journal. It ends when they are too slow, and when
/// the process stops: they go on elsewhere, behind what they were told last.
pub struct Feed {
    first: Option<Told>,
    backlog: VecDeque<Arc<News>>,
    live: mpsc::Receiver<Told>,
    /// What was told elsewhere already.
    floor: i64,
    _seat: Seat,
}

impl Feed {
    /// The next thing to tell.
    pub async fn next(&mut self) -> Option<Told> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if let Some(news) = self.backlog.pop_front() {
            return Some(Told::News(news));
        }
        loop {
            let told = self.live.recv().await?;
            if told.position() > self.floor {
                return Some(told);
            }
        }
    }
}

impl Feeds {
    /// Feeds of what is committed to `store`; they are told of nothing until [`Feeds::run`].
    #[must_use]
    pub fn new(store: Arc<dyn Store>, limits: StreamLimits) -> Self {
        Self::woken_by(Signal::new(), store, limits)
    }

    /// The same with other bounds; for who has not begun to use them.
    #[must_use]
    pub fn with_limits(&self, limits: StreamLimits) -> Self {
        Self::woken_by(self.grew(), Arc::clone(&self.0.store), limits)
    }

    fn woken_by(grew: Signal, store: Arc<dyn Store>, limits: StreamLimits) -> Self {
        let (joined, joins) = (Signal::new(), Mutex::new(Some(Vec::new())));
        let seats = Arc::new(Seats::new(limits));
        Self(Arc::new(Inner { store, seats, joins, joined, grew }))
    }

    /// To be given after each commit that adds to the journal.
    #[must_use]
    pub fn grew(&self) -> Signal {
        self.0.grew.clone()
    }

    /// How many may listen, and for how long.
    #[must_use]
    pub fn limits(&self) -> StreamLimits {
        self.0.seats.limits()
    }

    /// Restaurants of which an app listens here.
    #[must_use]
    pub fn connected(&self) -> BTreeSet<String> {
        self.0.seats.connected()
    }

    /// Given when the first app of a restaurant listens, and when the last one leaves.
    #[must_use]
    pub fn came_or_went(&self) -> &Signal {
        self.0.seats.came_or_went()
    }

    /// Listens to a restaurant's orders. Once it is certain what the listener is told first, an app of the
    /// restaurant counts as connected.
    ///
    /// # Errors
    /// [`NoFeed`].
    pub async fn listen(
        &self,
        restaurant_id: &str,
        listener: Listener,
        begin: Begin,
    ) -> Result<Feed, NoFeed> {
        let (Listener::App(who) | Listener::Other(who)) = &listener;
        let mut seat = self.0.seats.take(who)?;
        let (reply, joined) = oneshot::channel();
        self.ask(Join { restaurant_id: restaurant_id.to_owned(), begin, reply })?;
        let Joined { at, ring, live } =
            joined.await.map_err(|_| Failure::Unavailable(anyhow::anyhow!("nobody reads")))?;
        let known = missed::since(&*self.0.store, restaurant_id, begin, at, ring).await?;
        let missed::Known { first, backlog, floor } = known;
        if let Listener::App(_) = listener {
            seat.connect(restaurant_id);
        }
        Ok(Feed { first: Some(first), backlog, live, floor, _seat: seat })
    }

    fn ask(&self, join: Join) -> Result<(), Failure> {
        let mut joins = self.0.joins.lock().unwrap_or_else(PoisonError::into_inner);
        joins.as_mut().ok_or_else(Failure::stopping)?.push(join);
        self.0.joined.notify();
        Ok(())
    }

    fn take_joins(&self) -> Vec<Join> {
        let mut joins = self.0.joins.lock().unwrap_or_else(PoisonError::into_inner);
        joins.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Reads for whoever listens, until `shutdown`, which ends all feeds. Blocks on the journal now and
    /// then, so it wants a thread of its own.
    ///
    /// # Errors
    /// None so far: a journal that does not answer is asked again.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut failures = 0;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.0.joined.wait_async() => {}
            }
            match self.serve(&shutdown).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    tracing::warn!(error = %error, "The feeds of restaurants begin anew");
                    // Whoever waits is told so, and those who listened have been cut off.
                    drop(self.take_joins());
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(AGAIN.delay(failures)) => failures += 1,
                    }
                }
            }
        }
        *self.0.joins.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Reads until nobody has listened for a while.
    async fn serve(&self, shutdown: &Shutdown) -> Result<(), Error> {
        let mut reader = self.0.store.journal_reader()?;
        let mut tail = Tail::behind(self.0.store.settled_end().await?);
        let look_every = match self.0.store.is_shared() {
            true => LOOK_EVERY,
            false => LOOK_EVERY_ALONE,
        };
        let (mut marked_at, mut alone_since) = (Instant::now(), None);
        loop {
            let is_full = self.read_on(&mut *reader, &mut tail, shutdown).await?;
            self.take_joins().into_iter().for_each(|join| tail.join(join));
            if marked_at.elapsed() >= MARK_EVERY {
                tail.mark();
                marked_at = Instant::now();
            }
            alone_since = match tail.is_alone() {
                true => alone_since.or_else(|| Some(Instant::now())),
                false => None,
            };
            if alone_since.is_some_and(|since| since.elapsed() >= LINGER) {
                return Ok(());
            }
            let look_after = if is_full { Duration::ZERO } else { look_every };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = self.0.joined.wait_async() => {}
                () = self.0.grew.wait_async() => {}
                () = tokio::time::sleep(look_after) => {}
            }
        }
    }

    /// Tells what has been added since; whether there may be more at once. While the database does not
    /// answer, whoever listens waits.
    async fn read_on(
        &self,
        reader: &mut dyn JournalReader,
        tail: &mut Tail,
        shutdown: &Shutdown,
    ) -> Result<bool, Error> {
        let mut rows: Vec<JournalRow> = Vec::new();
        let mut attempt = 0;
        loop {
            rows.clear();
            match reader.read_after(tail.read_up_to(), PAGE, &mut rows) {
                Ok(()) => break,
                Err(Error::Unavailable(cause)) if !shutdown.is_cancelled() => {
                    if attempt == 0 {
                        let error = format!("{cause:#}");
                        tracing::warn!(error, "The feeds of restaurants wait for the database");
                    }
                    // Nobody new waits with them.
                    drop(self.take_joins());
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = tokio::time::sleep(AGAIN.delay(attempt)) => attempt += 1,
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let is_full = rows.len() == PAGE;
        rows.into_iter().for_each(|row| tail.tell(row));
        Ok(is_full)
    }
}
