//! A count of all that is stored. It takes long, and as long as it reads the log of changes only grows: it ends when
//! nobody waits for it any more, and when the log is to be emptied.

use rusqlite::{Connection, InterruptHandle};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The count under way, if there is one.
#[derive(Default)]
pub struct Counting(Mutex<Option<InterruptHandle>>);

/// Ends the count when it is dropped.
pub struct UnderWay<'a>(&'a Counting);

impl Counting {
    /// What this connection does from now on is the count.
    pub fn begin(&self, conn: &Connection) -> UnderWay<'_> {
        *self.handle() = Some(conn.get_interrupt_handle());
        UnderWay(self)
    }

    /// Ends it: its question fails.
    pub fn end(&self) {
        if let Some(handle) = self.handle().take() {
            handle.interrupt();
        }
    }

    fn handle(&self) -> MutexGuard<'_, Option<InterruptHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without an end, unless it is given one.
    const NUMBERS: &str = "WITH RECURSIVE numbers (n) AS
        (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT n FROM numbers";

    fn goes_on(rows: &mut rusqlite::Rows<'_>) -> bool {
        rows.next().is_ok_and(|row| row.is_some())
    }

    #[test]
    fn it_ends_for_whoever_is_in_a_hurry_and_when_nobody_waits() {
        let counting = Counting::default();
        for is_hurried in [true, false] {
            let conn = Connection::open_in_memory().expect("a database");
            let waits = counting.begin(&conn);
            let mut numbers = conn.prepare(NUMBERS).expect("a question");
            let mut rows = numbers.query([]).expect("an answer");
            assert!(goes_on(&mut rows) && goes_on(&mut rows));
            match is_hurried {
                true => counting.end(),
                false => drop(waits),
            }
            assert!(!goes_on(&mut rows));
        }
    }
}
