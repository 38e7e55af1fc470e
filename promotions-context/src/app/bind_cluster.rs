//! Binds positions to the Kafka cluster that they are of: after Kafka was lost and made anew the same offsets
//! are other records, and to go on from them would leave orders out without a word.
//!
//! A registry that keeps its schemas in Kafka is made anew with it, and gives its ids anew: whoever begins at the
//! beginning asks it again.

use super::Taker;
use crate::store::dead_letters::assign_dead_letters;
use crate::store::registry::forget_schemas;
use crate::store::{self, inbox};

/// Why nothing can be taken from a cluster. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The positions are those of another one. Waiting does not help.
    #[error(
        "the positions in this database are those of Kafka cluster {bound}, but this is cluster {found}: its \
         offsets mean other records. Point KAFKA_BOOTSTRAP at the cluster they are of. If that is gone for good, \
         run DELETE FROM inbox_position in the database while promotions is stopped: everything is then read \
         again from the beginning, and what had its effect has no second one"
    )]
    Foreign {
        /// The cluster of the positions.
        bound: String,
        /// The cluster that is read now.
        found: String,
    },
    /// The database refuses.
    #[error("the database refuses the id of the cluster")]
    Store(#[from] store::Error),
}

impl Taker {
    /// Makes sure that the positions are those of the cluster of this id. Positions from before any cluster was
    /// known are taken for this one's; where nothing was ever taken, or the positions were deleted, any cluster
    /// will do, and no schema is known.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind_cluster(&mut self, found: &str) -> Result<(), BindError> {
        let tx = self.writer.begin()?;
        match (inbox::read_cluster(&tx)?, inbox::has_positions(&tx)?) {
            (Some(bound), true) if bound == found => return Ok(()),
            (Some(bound), true) => {
                return Err(BindError::Foreign { bound, found: found.to_owned() });
            }
            (None, true) => {
                inbox::keep_cluster(&tx, found)?;
                assign_dead_letters(&tx, found)?;
            }
            (_, false) => {
                inbox::keep_cluster(&tx, found)?;
                // The cluster may have been made anew under the id that it had.
                forget_schemas(&tx)?;
            }
        }
        Ok(tx.commit()?)
    }
}

#[cfg(test)]
mod tests;
