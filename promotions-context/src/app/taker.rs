//! Who takes order events: one connection that writes, and what decides about orders.

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::ids::Ids;
use chassis::kafka::consumer::Position;

use super::CodeKey;
use crate::domain::Campaign;
use crate::store::inbox::read_positions;
use crate::store::{self, Writer};

/// Takes order events in the order of their positions. There is one of it: it owns the connection
/// that writes.
pub struct Taker {
    pub(super) writer: Writer,
    pub(super) rules: Rules,
}

/// What decides about an order, and where time and ids come from.
pub struct Rules {
    /// What completed orders earn.
    pub campaign: Campaign,
    /// What codes are derived with.
    pub key: CodeKey,
    /// The moment of issue.
    pub clock: Arc<dyn Clock>,
    /// Ids of the vouchers' events.
    pub ids: Arc<dyn Ids>,
}

impl Taker {
    /// Takes events by these rules, and keeps everything through `writer`.
    #[must_use]
    pub fn new(writer: Writer, rules: Rules) -> Self {
        Self { writer, rules }
    }

    /// How far every partition was taken. Partitions never taken from are not named.
    ///
    /// # Errors
    /// The database refuses.
    pub fn positions(&self) -> Result<Vec<Position>, store::Error> {
        read_positions(&self.writer)
    }
}
