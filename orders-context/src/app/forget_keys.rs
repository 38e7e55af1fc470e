//! Idempotency keys are remembered for a day, not for ever.

use super::{App, Failure};

/// How long a repetition is recognised, in milliseconds from the first use of its key.
pub const REMEMBERED_FOR_MS: i64 = 24 * 3_600_000;

impl App {
    /// Forgets keys that are older than a day, at most `limit`; how many. Those by which a bulk action
    /// will recognise what it has done stay for as long as it needs them.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_keys(&self, limit: usize) -> Result<usize, Failure> {
        let day_old = self.now().plus_ms(-REMEMBERED_FOR_MS);
        let before = self.oldest_portion().await?.map_or(day_old, |needed| needed.min(day_old));
        Ok(self.store.forget_keys(before, limit).await?)
    }
}
