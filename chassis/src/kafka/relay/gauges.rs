//! What the relay shows of itself.

use metrics::{Counter, Gauge, counter, gauge};

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
}

impl Gauges {
    pub(super) fn new(relay: &str) -> Self {
        let relay = relay.to_string();
        Self {
            position: gauge!("relay_position", "relay" => relay.clone()),
            behind: gauge!("relay_behind_positions", "relay" => relay.clone()),
            oldest: gauge!("relay_oldest_unpublished_seconds", "relay" => relay.clone()),
            connected: gauge!("relay_connected", "relay" => relay.clone()),
            transactions: counter!("relay_transactions_total", "relay" => relay.clone()),
            failures: counter!("relay_failures_total", "relay" => relay.clone()),
            lost: counter!("relay_lost_markers_total", "relay" => relay.clone()),
            published: counter!("relay_published_total", "relay" => relay),
        }
    }

    /// A transaction of `rows` rows is committed; `position` is the last of them.
    pub(super) fn committed(&self, rows: usize, position: i64) {
        self.transactions.increment(1);
        self.published.increment(rows as u64);
        self.position.set(position as f64);
        self.connected.set(1.0);
    }

    /// The relay owns the journal and has published up to `position`.
    pub(super) fn took_over(&self, position: i64) {
        self.position.set(position as f64);
        self.connected.set(1.0);
    }

    /// The relay lost its producer.
    pub(super) fn failed(&self) {
        self.failures.increment(1);
        self.connected.set(0.0);
    }

    /// Kafka called a transaction complete and did not end it.
    pub(super) fn lost(&self) {
        self.lost.increment(1);
    }

    /// How far behind the relay is: positions to go, and the age of the oldest of those rows.
    pub(super) fn behind(&self, positions: i64, oldest_us: i64) {
        self.behind.set(positions.max(0) as f64);
        self.oldest.set(oldest_us.max(0) as f64 / 1e6);
    }
}
