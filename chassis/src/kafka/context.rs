//! What librdkafka tells of itself: logs, errors, delivery reports and the lag of a consumer.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, Message as _};
use tracing::{debug, trace, warn};

use super::consumer::lags::Lags;
use super::refusal::Refusals;

/// Whoever needs Kafka reports its failures once and with what they mean; librdkafka's own lines,
/// several for each, are for those who look closely. Only a doubtful setting has no other witness.
fn log(refusals: &Refusals, facility: &str, message: &str) {
    match facility {
        "FAIL" | "TXNERR" => {
            refusals.note_failure(message);
            debug!(facility, "Kafka client: {message}");
        }
        "CONFWARN" => warn!("Kafka client: {message}"),
        _ => debug!(facility, "Kafka client: {message}"),
    }
}

/// The context of clients that only ask.
#[derive(Debug, Default)]
pub(super) struct Plain {
    /// Why Kafka does not let it in.
    pub(super) refusals: Refusals,
}

impl ClientContext for Plain {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(&self.refusals, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        trace!(%error, "Kafka client: {reason}");
        self.refusals.note(&error, reason);
    }
}

impl ConsumerContext for Plain {}

impl AsRef<Refusals> for Plain {
    fn as_ref(&self) -> &Refusals {
        &self.refusals
    }
}

/// The context of a consumer loop: shows how far it is behind.
pub(super) struct Lag {
    /// Where that is shown.
    pub(super) lags: Arc<Lags>,
    /// Why Kafka does not let it in.
    pub(super) refusals: Refusals,
}

impl ClientContext for Lag {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(&self.refusals, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        trace!(%error, "Kafka client: {reason}");
        self.refusals.note(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values() {
                if partition.ls_offset < 0 || partition.app_offset < 0 {
                    continue;
                }
                let (at, end) = (partition.app_offset, partition.ls_offset);
                self.lags.show(&topic.topic, partition.partition, at, end);
            }
        }
    }
}

impl ConsumerContext for Lag {}

impl AsRef<Refusals> for Lag {
    fn as_ref(&self) -> &Refusals {
        &self.refusals
    }
}

/// The context of the relay's producer: remembers the first delivery that failed.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    failure: Mutex<Option<Undelivered>>,
    /// Why Kafka does not let it in.
    pub(super) refusals: Refusals,
}

/// A record that did not arrive.
#[derive(Clone, Debug)]
pub(super) struct Undelivered {
    pub(super) topic: String,
    pub(super) cause: KafkaError,
}

impl Deliveries {
    /// The first failure since this producer was made.
    pub(super) fn failure(&self) -> Option<Undelivered> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(&self.refusals, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        trace!(%error, "Kafka client: {reason}");
        self.refusals.note(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, record)) = result {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| Undelivered {
                topic: record.topic().to_owned(),
                cause: error.clone(),
            });
        }
    }
}
