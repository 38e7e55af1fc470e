//! Whatever does not move is looked at too: round by round every order there is, compact history included,
//! and at the end of each round every counter.
//!
//! A round begins with the youngest orders, so that those under way are soon looked at after each start,
//! however much has come to rest. Counting everything again reads all that is stored, in bounded
//! memory; it comes once a round, whose length grows with what is stored.

use super::{Told, counter_of};
use crate::check::{check_orders, wrong_counters};
use crate::domain::conformance::BreachKind;
use crate::store::{Error, Store};
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use std::time::Duration;
use uuid::Builder;

/// Counts rounds that have come to their end.
const ROUNDS: &str = "orders_conformance_rounds_total";

/// How many orders one step looks at.
const PORTION: usize = 64;

/// The pause after a step, as a multiple of the time that it took: at most a 50th of a core goes into
/// this.
const PAUSE_FACTOR: i64 = 49;

/// The shortest pause, in microseconds.
const SHORTEST_PAUSE_US: i64 = 500_000;

/// A round begins no sooner after the one before, in microseconds.
const ROUND_EVERY_US: i64 = 3_600_000_000;

/// How long counters are counted at most: a reader of all that is stored keeps SQLite's log of changes from being
/// used again, and PostgreSQL from cleaning up.
const COUNT_WITHIN: Duration = Duration::from_secs(60);

/// Whose orders a round begins with: those placed within two days, in microseconds.
const YOUNG_US: i64 = 2 * 24 * 3_600_000_000;

/// Goes round until `shutdown`. A step that the store does not answer is taken again.
pub(super) async fn go_round(
    store: &dyn Store,
    clock: &dyn Clock,
    told: &Told,
    shutdown: &Shutdown,
) {
    metrics::counter!(ROUNDS).increment(0);
    let mut round = Round::beginning(clock.now_us());
    loop {
        let began_us = clock.now_us();
        let step = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            step = round.step(store, told) => step,
        };
        let now_us = clock.now_us();
        let pause_us = now_us.saturating_sub(began_us).saturating_mul(PAUSE_FACTOR);
        let mut next_us = now_us.saturating_add(pause_us.max(SHORTEST_PAUSE_US));
        match step {
            Ok(Step::Further) => {}
            Ok(Step::Round) => {
                next_us = next_us.max(round.began_us.saturating_add(ROUND_EVERY_US));
                round = Round::beginning(next_us);
            }
            Err(error) => tracing::warn!(error = %error, "orders that rest were not checked"),
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = clock.sleep_until(next_us) => {}
        }
    }
}

/// How far a round has come.
struct Round {
    began_us: i64,
    looks_at: Orders,
    /// Behind which id it goes on.
    after: String,
}

enum Orders {
    Youngest,
    All,
}

/// What a step has come to.
enum Step {
    /// There is more to look at.
    Further,
    /// The end of the round.
    Round,
}

impl Round {
    fn beginning(at_us: i64) -> Self {
        Self {
            began_us: at_us,
            looks_at: Orders::Youngest,
            after: before_those_since(at_us - YOUNG_US),
        }
    }

    /// Looks at the next orders, and behind the last of them at the counters.
    async fn step(&mut self, store: &dyn Store, told: &Told) -> Result<Step, Error> {
        let order_ids = store.known_ids(self.after.clone(), PORTION).await?;
        match (order_ids.last().cloned(), &self.looks_at) {
            (Some(last), _) => {
                match check_orders(store, order_ids).await {
                    Ok((_, violations)) => told.tell(violations),
                    Err(Error::Corrupt(cause)) => {
                        let cause = format!("{cause:#}");
                        tracing::error!(up_to = last, cause, "orders cannot be checked");
                        counter_of(BreachKind::Unreadable).increment(1);
                    }
                    Err(error) => return Err(error),
                }
                self.after = last;
                Ok(Step::Further)
            }
            (None, Orders::Youngest) => {
                (self.looks_at, self.after) = (Orders::All, String::new());
                Ok(Step::Further)
            }
            (None, Orders::All) => {
                match store.counted(Some(COUNT_WITHIN)).await {
                    Ok(counted) => told.tell(wrong_counters(&counted)),
                    Err(Error::TooLong) => {
                        tracing::info!("there is too much to count: `orders check` does it");
                    }
                    // Not at once again: it takes too long for that.
                    Err(error) => tracing::warn!(error = %error, "counters were not checked"),
                }
                metrics::counter!(ROUNDS).increment(1);
                Ok(Step::Round)
            }
        }
    }
}

/// The least id that an order placed at that moment can have: ids begin with it (UUIDv7).
fn before_those_since(at_us: i64) -> String {
    let ms = u64::try_from(at_us / 1_000).unwrap_or_default();
    Builder::from_unix_timestamp_millis(ms, &[0; 10]).into_uuid().to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::conformance;
    use crate::domain::tests::mother::EVENING;
    use crate::store::contract::{commit, placed};
    use chassis::clock::{ManualClock, SystemClock};
    use chassis::ids::{Ids, UuidV7Ids};
    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// What this thread counts, and no other.
    #[derive(Default)]
    struct Counts(Mutex<HashMap<String, Arc<AtomicU64>>>);

    impl Counts {
        fn of(&self, name: &str) -> u64 {
            let counts = self.0.lock().expect("nobody has panicked");
            counts.get(name).map_or(0, |count| count.load(Ordering::Relaxed))
        }

        fn violations(&self, kind: &str) -> u64 {
            self.of(&format!("orders_conformance_violations_total {kind}"))
        }
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels = key.labels().map(|label| format!(" {}", label.value()));
            let name = format!("{}{}", key.name(), labels.collect::<String>());
            let mut counts = self.0.lock().expect("nobody has panicked");
            Counter::from_arc(Arc::clone(counts.entry(name).or_default()))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    /// Over any store: `spoil` is a hand in its database.
    pub async fn what_is_damaged_and_rests_raises_the_metric(
        open: impl Fn() -> Arc<dyn Store>,
        spoil: impl AsyncFn(&str),
    ) {
        let store = open();
        commit(&*store, ["order-1", "order-2"].map(placed).to_vec()).await;
        spoil("UPDATE orders SET wake_at = NULL WHERE order_id = 'order-1'").await;
        spoil("UPDATE counters SET count = 9 WHERE what = 'orders' AND word = 'placed'").await;
        let counts = Counts::default();
        let _here = metrics::set_default_local_recorder(&counts);
        let (clock, shutdown) = (ManualClock::at(EVENING.0), Shutdown::new());
        let running = conformance::run(store, Arc::new(clock.clone()), shutdown.clone());
        let rounds = async || {
            for (round, minutes) in [(1, 0), (2, 60)] {
                clock.advance_us(minutes * 60_000_000);
                while counts.of(ROUNDS) < round {
                    clock.advance_us(SHORTEST_PAUSE_US);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let found = ["wake", "counter", "row"].map(|kind| counts.violations(kind));
                assert_eq!(found, [1, round, 0], "an order is told of once, a counter each time");
            }
            shutdown.cancel();
        };
        let both = async { tokio::join!(running, rounds()).0 };
        let ended = tokio::time::timeout(Duration::from_secs(60), both).await;
        ended.expect("two rounds take a moment").expect("it stops");
    }

    #[test]
    fn the_youngest_are_those_placed_since() {
        let before_us = SystemClock.now_us();
        let id = UuidV7Ids.next().to_string();
        assert!(
            before_those_since(before_us) <= id && id < before_those_since(before_us + 60_000_000)
        );
        assert_eq!(before_those_since(-1), "00000000-0000-7000-8000-000000000000");
    }
}
