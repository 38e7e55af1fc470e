//! Keeps the memory of taken events bounded.

use super::Taker;
use crate::store::{self, inbox};

/// How long an event is remembered. A repetition after that still cannot issue a second voucher,
/// because voucher ids are derived; it would only be judged once more.
const REMEMBERED_US: i64 = 30 * 86_400 * 1_000_000;

/// Most events forgotten at a time, so that taking events never waits long for it.
const AT_A_TIME: u32 = 1_000;

impl Taker {
    /// Forgets some of the events that were taken more than 30 days ago, and says how many.
    ///
    /// # Errors
    /// The database refuses; nothing was forgotten.
    pub fn forget_events(&mut self) -> Result<usize, store::Error> {
        let before_us = self.rules.clock.now_us() - REMEMBERED_US;
        let tx = self.writer.begin()?;
        let forgotten = inbox::forget_events(&tx, before_us, AT_A_TIME)?;
        tx.commit()?;
        Ok(forgotten)
    }
}
