//! What the relay shows of itself.
//!
//! What is not known is shown as not a number: before a position is known, and once the relay has ended here, which may be
//! because another instance publishes.

use metrics::{Counter, Gauge, counter, gauge};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Rows that wait for longer than this, without a word of the relay, wait for Kafka.
const HELD_UP: Duration = Duration::from_secs(5);

/// The relay's metrics, labelled with its transactional id.
pub(super) struct Gauges {
    position: Gauge,
    behind: Gauge,
    oldest: Gauge,
    connected: Gauge,
    transactions: Counter,
    failures: Counter,
    lost: Counter,
    published: Counter,
    /// What the relay said last.
    said: Mutex<Said>,
}

/// What the relay said last of the rows that wait.
enum Said {
    /// There are none, or those there were are published.
    Nothing,
    /// There are some, the oldest of that moment.
    Waits { at: Instant, oldest_us: i64 },
    /// It has ended. Nothing it says is shown any more.
    Ended,
}

impl Gauges {
    pub(super) fn new(relay: &str) -> Self {
        let relay = relay.to_string();
        let gauges = Self {
            position: gauge!("relay_position", "relay" => relay.clone()),
            behind: gauge!("relay_behind_positions", "relay" => relay.clone()),
            oldest: gauge!("relay_oldest_unpublished_seconds", "relay" => relay.clone()),
            connected: gauge!("relay_connected", "relay" => relay.clone()),
            transactions: counter!("relay_transactions_total", "relay" => relay.clone()),
            failures: counter!("relay_failures_total", "relay" => relay.clone()),
            lost: counter!("relay_lost_markers_total", "relay" => relay.clone()),
            published: counter!("relay_published_total", "relay" => relay),
            said: Mutex::new(Said::Nothing),
        };
        gauges.show_nothing();
        gauges
    }

    /// A transaction of `rows` rows is committed; `position` is the last of them.
    pub(super) fn committed(&self, rows: usize, position: i64) {
        self.transactions.increment(1);
        self.published.increment(rows as u64);
        self.took_over(position);
    }

    /// The relay owns the journal and has published up to `position`.
    pub(super) fn took_over(&self, position: i64) {
        self.say(Some(Said::Nothing), || {
            self.position.set(position as f64);
            self.connected.set(1.0);
        });
    }

    /// The relay lost its producer.
    pub(super) fn failed(&self) {
        self.failures.increment(1);
        self.say(None, || self.connected.set(0.0));
    }

    /// Kafka called a transaction complete and did not end it.
    pub(super) fn lost(&self) {
        self.lost.increment(1);
    }

    /// Everything is published.
    pub(super) fn nothing_waits(&self) {
        self.say(Some(Said::Nothing), || {
            self.behind.set(0.0);
            self.oldest.set(0.0);
        });
    }

    /// How far behind the relay is: positions to go, and when the oldest of those rows was written.
    pub(super) fn waits(&self, positions: i64, oldest_us: i64, now_us: i64) {
        self.say(Some(Said::Waits { at: Instant::now(), oldest_us }), || {
            self.behind.set(positions.max(0) as f64);
            self.show_age(oldest_us, now_us);
        });
    }

    /// Asked again and again beside the relay, whose transaction may wait for as long as Kafka is away: shows then that it is,
    /// and how old the rows have become.
    pub(super) fn look(&self, now: Instant, now_us: i64) {
        let said = self.said();
        if let Said::Waits { at, oldest_us } = *said
            && now.saturating_duration_since(at) > HELD_UP
        {
            self.connected.set(0.0);
            self.show_age(oldest_us, now_us);
        }
    }

    /// The relay has ended here.
    pub(super) fn end(&self) {
        self.say(Some(Said::Ended), || self.show_nothing());
    }

    fn show_nothing(&self) {
        self.connected.set(0.0);
        [&self.position, &self.behind, &self.oldest].iter().for_each(|gauge| gauge.set(f64::NAN));
    }

    fn show_age(&self, oldest_us: i64, now_us: i64) {
        self.oldest.set((now_us - oldest_us).max(0) as f64 / 1e6);
    }

    /// Shows it, unless the relay has ended: its thread may be left behind.
    fn say(&self, of_rows: Option<Said>, show: impl FnOnce()) {
        let mut said = self.said();
        if !matches!(*said, Said::Ended) {
            show();
            if let Some(of_rows) = of_rows {
                *said = of_rows;
            }
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    /// Gauges, and what they show: whether it is connected, its position, how far it is behind, how old what waits is.
    fn shown() -> (Gauges, impl Fn() -> [f64; 4]) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let gauges = metrics::with_local_recorder(&recorder, || Gauges::new("relay"));
        let handle = recorder.handle();
        let read = move || {
            let text = handle.render();
            let names = ["connected", "position", "behind_positions", "oldest_unpublished_seconds"];
            names.map(|name| {
                let begin = format!("relay_{name}{{relay=\"relay\"}} ");
                let value = text.lines().find_map(|line| line.strip_prefix(&begin)).unwrap();
                value.parse().unwrap()
            })
        };
        (gauges, read)
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        let (gauges, shown) = shown();
        let [connected, unknown @ ..] = shown();
        assert!(connected == 0.0 && unknown.iter().all(|value| value.is_nan()), "{unknown:?}");
        gauges.took_over(7);
        gauges.nothing_waits();
        assert_eq!(shown(), [1.0, 7.0, 0.0, 0.0]);
        gauges.end();
        // Its thread comes back from a commit that nobody waits for any more.
        gauges.committed(1, 8);
        gauges.nothing_waits();
        let [connected, unknown @ ..] = shown();
        assert!(connected == 0.0 && unknown.iter().all(|value| value.is_nan()), "{unknown:?}");
    }

    #[test]
    fn what_waits_grows_older_while_a_transaction_lasts_and_kafka_counts_as_away() {
        const SECOND: i64 = 1_000_000;
        let (gauges, shown) = shown();
        gauges.took_over(7);
        gauges.waits(2, 10 * SECOND, 11 * SECOND);
        let began = Instant::now();
        gauges.look(began + HELD_UP / 2, 14 * SECOND);
        assert_eq!(shown(), [1.0, 7.0, 2.0, 1.0], "for a moment that is nothing");
        gauges.look(began + HELD_UP * 2, 20 * SECOND);
        assert_eq!(shown(), [0.0, 7.0, 2.0, 10.0]);
        gauges.look(began + HELD_UP * 4, 30 * SECOND);
        assert_eq!(shown(), [0.0, 7.0, 2.0, 20.0]);
        gauges.committed(2, 9);
        gauges.nothing_waits();
        gauges.look(began + HELD_UP * 9, 60 * SECOND);
        assert_eq!(shown(), [1.0, 9.0, 0.0, 0.0]);
    }
}
