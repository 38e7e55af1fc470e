//! How far a consumer is behind, partition by partition.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use metrics::{Gauge, gauge};

/// The gauges `consumer_lag_offsets` of one consumer: what Kafka holds beyond where it reads. Not a number while
/// Kafka cannot be asked, so that what it was last is not taken for what it is.
pub(in crate::kafka) struct Lags {
    group: String,
    gauges: Mutex<BTreeMap<(String, i32), Gauge>>,
}

impl Lags {
    /// None is known yet.
    pub(super) fn of(group: &str) -> Self {
        Self { group: group.to_owned(), gauges: Mutex::default() }
    }

    /// A partition is read at the offset `at` and ends at `end`.
    pub(in crate::kafka) fn show(&self, topic: &str, partition: i32, at: i64, end: i64) {
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = gauges.entry((topic.to_owned(), partition)).or_insert_with(|| {
            gauge!(
                "consumer_lag_offsets",
                "group" => self.group.clone(),
                "topic" => topic.to_owned(),
                "partition" => partition.to_string()
            )
        });
        gauge.set((end - at).max(0) as f64);
    }

    /// Nobody knows where the partitions end.
    pub(super) fn unknown(&self) {
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.values().for_each(|gauge| gauge.set(f64::NAN));
    }
}
