//! Idempotency keys are remembered for a day, not for ever.

use super::{App, Failure};

/// How long a repetition is recognised, in milliseconds from the first use of its key.
pub const REMEMBERED_FOR_MS: i64 = 24 * 3_600_000;

impl App {
    /// Forgets keys that are older than a day, at most `limit`; how many.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_keys(&self, limit: usize) -> Result<usize, Failure> {
        let before = self.now().plus_ms(-REMEMBERED_FOR_MS);
        Ok(self.store.forget_keys(before, limit).await?)
    }
}
