//! Keeps the memory of taken events bounded.

use std::time::{Duration, Instant};

use super::Taker;
use crate::store::{self, inbox};

/// How long an event is remembered. A repetition after that still cannot issue a second voucher,
/// because voucher ids are derived; it would only be judged once more.
const REMEMBERED_US: i64 = 30 * 86_400 * 1_000_000;

/// Most events forgotten in one transaction.
const AT_A_TIME: u32 = 1_000;

/// How long one call goes on with full portions, so that taking events never waits long for it. It is called every
/// ten seconds: on a disk that takes 10 ms to flush that is still 2,000 events a second.
const AT_MOST: Duration = Duration::from_millis(200);

impl Taker {
    /// Forgets events that were taken more than 30 days ago, all of them or as many as 200 ms allow, and says how
    /// many.
    ///
    /// # Errors
    /// The database refuses; what was forgotten by then stays so.
    pub fn forget_events(&mut self) -> Result<usize, store::Error> {
        let begun = Instant::now();
        self.forget_events_while(|| begun.elapsed() < AT_MOST)
    }

    /// Portion after portion, each a transaction of its own, until one is not full or `goes_on` says no.
    fn forget_events_while(
        &mut self,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<usize, store::Error> {
        let before_us = self.rules.clock.now_us() - REMEMBERED_US;
        let mut forgotten = 0;
        loop {
            let tx = self.writer.begin()?;
            let portion = inbox::forget_events(&tx, before_us, AT_A_TIME)?;
            tx.commit()?;
            forgotten += portion;
            if portion < AT_A_TIME as usize || !goes_on() {
                return Ok(forgotten);
            }
        }
    }
}

#[cfg(test)]
mod tests;
