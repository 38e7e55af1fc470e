//! Clients to ask Kafka with.

use super::context::Plain;
use super::settings::{Isolation, KafkaConfig, scan_config};
use super::topic::{leave, retire};
use rdkafka::consumer::BaseConsumer;

/// A client that asks, and reads no longer than one answer takes.
pub(super) type Asker = BaseConsumer<Plain>;

/// What `ask` finds out with a client of its own.
pub(super) fn asking<T>(
    kafka: &KafkaConfig,
    isolation: Isolation,
    ask: impl FnOnce(&Asker) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let asker = connect(kafka, isolation)?;
    let found = ask(&asker);
    retire(asker);
    found
}

/// One client for each isolation, for who has many questions: a client of its own for each would take some tens of
/// milliseconds each time before it is connected.
pub(super) struct Askers {
    /// Is told what readers see.
    pub(super) committed: Asker,
    /// Is told of everything that was written.
    pub(super) uncommitted: Asker,
}

impl Askers {
    /// They connect while something else is done. [`Askers::retire`] or [`Askers::leave`] ends them.
    pub(super) fn open(kafka: &KafkaConfig) -> anyhow::Result<Self> {
        Ok(Self {
            committed: connect(kafka, Isolation::Committed)?,
            uncommitted: connect(kafka, Isolation::Uncommitted)?,
        })
    }

    /// Waits a moment for their ends, as [`retire`] does.
    pub(super) fn retire(self) {
        retire(self.committed);
        retire(self.uncommitted);
    }

    /// Waits for nothing, whether Kafka is there or not.
    pub(super) fn leave(self) {
        leave(self.committed);
        leave(self.uncommitted);
    }
}

/// What `ask` finds out with a client of either isolation.
pub(super) fn asking_both<T>(
    kafka: &KafkaConfig,
    ask: impl FnOnce(&Askers) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let askers = Askers::open(kafka)?;
    let found = ask(&askers);
    askers.retire();
    found
}

fn connect(kafka: &KafkaConfig, isolation: Isolation) -> anyhow::Result<Asker> {
    Ok(scan_config(kafka, isolation).create_with_context(Plain::default())?)
}
