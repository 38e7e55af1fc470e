//! The journal as one after the other is told of it.

use super::{Error, JournalRow, Tombstone};

/// Rows of the journal, and tombstones beside them. They share one order of positions.
#[derive(Debug, Default)]
pub struct ToPublish {
    /// Ascending.
    pub rows: Vec<JournalRow>,
    /// Ascending.
    pub tombstones: Vec<Tombstone>,
}

impl ToPublish {
    /// Keeps the first `limit` of both together, of which up to `limit` each were read.
    pub(super) fn keep_first(&mut self, limit: usize) {
        let positions = self.rows.iter().map(|row| row.position);
        let mut positions: Vec<i64> =
            positions.chain(self.tombstones.iter().map(|stone| stone.position)).collect();
        if positions.len() > limit {
            positions.sort_unstable();
            let beyond = positions[limit];
            self.rows.retain(|row| row.position < beyond);
            self.tombstones.retain(|stone| stone.position < beyond);
        }
    }
}

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

    /// The position of the first row of the whole journal after `position`, whether the row can be read or
    /// not. As with [`Self::read_after`], nothing is skipped.
    ///
    /// # Errors
    /// When the database does not answer.
    fn next_position(&mut self, position: i64) -> Result<Option<i64>, Error>;

    /// Appends what is to be published after `position`: up to `limit` rows and tombstones together, as of
    /// one moment, each kind ascending. As with [`Self::read_after`], nothing is skipped.
    ///
    /// # Errors
    /// When the database does not answer or holds what cannot be read.
    fn read_to_publish(
        &mut self,
        position: i64,
        limit: usize,
        page: &mut ToPublish,
    ) -> Result<(), Error>;

    /// The position that so many rows and tombstones to be published follow, up to `position`; 0 where there are not so many.
    ///
    /// # Errors
    /// When the database does not answer.
    fn earlier(&mut self, position: i64, rows: usize) -> Result<i64, Error>;

    /// Whether orders have left the journal for compact history.
    ///
    /// # Errors
    /// When the database does not answer.
    fn has_archived(&mut self) -> Result<bool, Error>;

    /// The newest position of a row that has left the journal for compact history, of any shard, also where both were copied
    /// from another database; 0 where none has. All shards were published up to it then.
    ///
    /// # Errors
    /// When the database does not answer.
    fn newest_gone(&mut self) -> Result<i64, Error>;

    /// What is known of these orders: their rows up to `position`, by order and sequence, and their
    /// tombstones, wherever these stand. Rows in compact history are not looked for.
    ///
    /// # Errors
    /// When the database does not answer or holds what cannot be read.
    fn known_of(&mut self, order_ids: &[&str], position: i64) -> Result<ToPublish, Error>;

    /// Position of the newest row or tombstone of the whole journal, at least the place where its latest generation
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
