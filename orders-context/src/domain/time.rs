//! Moments of the order's life.

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the Unix epoch, UTC. Stored and compared as a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// A moment before all others that matter.
    #[must_use]
    pub const fn beginning() -> Self {
        Self(0)
    }

    /// The moment `ms` milliseconds later. Saturates at the end of time.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }
}
