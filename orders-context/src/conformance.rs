//! The check of `orders check` beside the running context, at a gentle pace: the orders whose journal has
//! grown are looked at again, and round by round all that there are (`conformance/rounds.rs`). It
//! stops nothing; it counts and tells.

pub(crate) mod rounds;

use crate::check::{Violation, check_orders};
use crate::domain::conformance::BreachKind;
use crate::store::{Error, JournalReader, JournalRow, Store};
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what was told of, by its kind.
const VIOLATIONS: &str = "orders_conformance_violations_total";

/// How often it looks, in microseconds.
const LOOK_EVERY_US: i64 = 2_000_000;

/// How many rows of the journal one look takes.
const PORTION: usize = 500;

/// The pause after a look, as a multiple of the time that it took: at most a 20th of a core goes
/// into this, however fast the journal grows. What is left is looked at when it is quieter.
const PAUSE_FACTOR: i64 = 19;

/// The shortest pause, in microseconds.
const SHORTEST_PAUSE_US: i64 = 50_000;

/// How many violations of one look are told one by one.
const TOLD: usize = 20;

/// How many violations are remembered as told.
const REMEMBERED: usize = 10_000;

/// Runs until `shutdown`. Blocks on the journal now and then, so it wants a thread of its own.
///
/// # Errors
/// None so far: a store that does not answer is asked again.
pub async fn run(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    for kind in BreachKind::ALL {
        counter_of(*kind).increment(0);
    }
    let told = Told::default();
    let (store, clock) = (&*store, &*clock);
    tokio::join!(
        follow(store, clock, &told, &shutdown),
        rounds::go_round(store, clock, &told, &shutdown),
    );
    Ok(())
}

/// Looks at what moves until `shutdown`.
async fn follow(store: &dyn Store, clock: &dyn Clock, told: &Told, shutdown: &Shutdown) {
    let mut watch = None;
    loop {
        let began_us = clock.now_us();
        let full = match look(store, told, &mut watch).await {
            Ok(rows) => rows == PORTION,
            Err(error) => {
                tracing::warn!(error = %error, "the journal was not checked against the flow");
                false
            }
        };
        let now_us = clock.now_us();
        let pause_us = now_us.saturating_sub(began_us).saturating_mul(PAUSE_FACTOR);
        let least_us = if full { SHORTEST_PAUSE_US } else { LOOK_EVERY_US };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = clock.sleep_until(now_us.saturating_add(pause_us.max(least_us))) => {}
        }
    }
}

/// One look, from where the first one found the journal's end; how many of its rows it took.
pub(crate) async fn look(
    store: &dyn Store,
    told: &Told,
    watch: &mut Option<Watch>,
) -> Result<usize, Error> {
    let watch = match watch {
        Some(watch) => watch,
        None => watch.insert(Watch::begin(store).await?),
    };
    watch.read()?;
    let Some(position) = watch.rows.last().map(|row| row.position) else { return Ok(0) };
    let order_ids: HashSet<&String> = watch.rows.iter().map(|row| &row.order_id).collect();
    let order_ids = order_ids.into_iter().cloned().collect();
    let (_, violations) = check_orders(store, order_ids).await?;
    told.tell(violations);
    watch.position = position;
    metrics::gauge!("orders_conformance_position").set(position as f64);
    Ok(watch.rows.len())
}

/// Where the check stands in the journal.
pub(crate) struct Watch {
    journal: Box<dyn JournalReader>,
    position: i64,
    rows: Vec<JournalRow>,
}

impl Watch {
    /// At a position below which nothing commits any more: who is under way now is looked at too.
    async fn begin(store: &dyn Store) -> Result<Self, Error> {
        let (journal, position) = (store.journal_reader()?, store.settled_end().await?);
        Ok(Self { journal, position, rows: Vec::new() })
    }

    /// What lies before a row that cannot be read is looked at first. That row is told of and passed over:
    /// the rest is looked at all the same.
    fn read(&mut self) -> Result<(), Error> {
        let mut limit = PORTION;
        loop {
            self.rows.clear();
            match self.journal.read_after(self.position, limit, &mut self.rows) {
                Err(Error::Corrupt(_)) if limit > 1 => limit /= 2,
                Err(Error::Corrupt(cause)) => {
                    self.rows.clear();
                    let Some(position) = self.journal.next_position(self.position)? else {
                        return Ok(());
                    };
                    tracing::error!(position, error = %cause, "a row of the journal cannot be read");
                    counter_of(BreachKind::Unreadable).increment(1);
                    self.position = position;
                    limit = PORTION;
                }
                read => return read,
            }
        }
    }
}

/// What was told of, in which order, at which event of it.
#[derive(Default)]
pub(crate) struct Told(Mutex<HashSet<(String, Option<i64>, BreachKind)>>);

impl Told {
    /// Each violation of an order once, for it is looked at again after each of its events and in each
    /// round; a counter that is off whenever it is.
    fn tell(&self, mut violations: Vec<Violation>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() > REMEMBERED {
            told.clear();
        }
        violations.retain(|Violation { order_id, sequence, kind, .. }| match order_id {
            Some(order_id) => told.insert((order_id.clone(), *sequence, *kind)),
            None => true,
        });
        violations.iter().for_each(|violation| counter_of(violation.kind).increment(1));
        for violation in violations.iter().take(TOLD) {
            let Violation { order_id, sequence, kind, what } = violation;
            match order_id {
                Some(id) => {
                    tracing::error!(order.id = id, sequence, %kind, what, "an order breaks the flow");
                }
                None => tracing::error!(%kind, what, "a counter is off"),
            }
        }
        if let Some(left @ 1..) = violations.len().checked_sub(TOLD) {
            tracing::error!(left, "there are more violations; `orders check` tells of each");
        }
    }
}

fn counter_of(kind: BreachKind) -> metrics::Counter {
    metrics::counter!(VIOLATIONS, "kind" => kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::mother::{MINUTE, after, order_accepted, order_completed};
    use crate::store::contract::{commit, moved, placed};
    use crate::store::sqlite::Sqlite;

    #[tokio::test]
    async fn an_order_that_breaks_the_flow_is_told_once() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let store = Sqlite::open(&folder.path().join("orders.db")).expect("a database");
        let (known, mut watch) = (Told::default(), None);
        let mut told = async || {
            let rows = look(&store, &known, &mut watch).await.expect("the store answers");
            (rows, known.0.lock().expect("nobody has panicked").len())
        };
        assert_eq!(told().await, (0, 0));
        let (good, bad) = (placed("order-1"), placed("order-2"));
        let accepted = moved(&good.order, after(MINUTE), order_accepted());
        let completed = moved(&bad.order, after(MINUTE), order_completed());
        let again = moved(&completed.order, after(MINUTE), order_accepted());
        commit(&store, vec![good, bad]).await;
        assert_eq!(told().await, (2, 0));
        commit(&store, vec![accepted, completed]).await;
        assert_eq!(told().await, (2, 1), "completed before it was accepted");
        commit(&store, vec![again]).await;
        assert_eq!(told().await, (1, 1), "known already");
        assert_eq!(told().await, (0, 1));
    }
}
