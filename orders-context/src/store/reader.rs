//! The journal as one after the other is told of it.

use super::{Error, JournalRow};

/// Reads the journal in commit order, for the relay and for checks.
pub trait JournalReader: Send {
    /// Appends up to `limit` rows after `position` to `rows`, ascending, and never skips one that
    /// commits later with a lower position.
    ///
    /// # Errors
    /// When the database does not answer or holds what cannot be read.
    fn read_after(
        &mut self,
        position: i64,
        limit: usize,
        rows: &mut Vec<JournalRow>,
    ) -> Result<(), Error>;

    /// Position of the newest row of the whole journal, at least the place where its latest generation
    /// begins; 0 when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    fn newest(&mut self) -> Result<i64, Error>;

    /// The last position that belongs to this reader's generation, once a reading that found nothing
    /// has shown that nothing will be added before it.
    fn end(&self) -> Option<i64> {
        None
    }
}
