//! What keeps a table quick: checkpoints of its log, and the removal of log entries that no reader
//! needs any more.

use deltalake_core::checkpoints::{cleanup_metadata, create_checkpoint};

use crate::lake::Table;

/// Commits between two checkpoints. Readers replay at most so many entries of the log.
const CHECKPOINT_EVERY: u64 = 100;

/// Remembers what was done for one table.
#[derive(Debug, Default)]
pub struct Maintenance {
    checkpointed: Option<u64>,
}

impl Maintenance {
    /// Does what is due after a commit. Never fails: the rows are safe, and what did not work is
    /// tried again later.
    pub async fn after_commit(&mut self, table: &Table) {
        let version = table.version();
        let last = *self.checkpointed.get_or_insert(version - version % CHECKPOINT_EVERY);
        if version - last < CHECKPOINT_EVERY {
            return;
        }
        self.checkpointed = Some(version);
        if let Err(error) = create_checkpoint(table.delta(), None).await {
            tracing::warn!(version, "the log was not checkpointed: {error}");
            return;
        }
        if let Err(error) = cleanup_metadata(table.delta(), None).await {
            tracing::warn!(version, "old entries of the log were not removed: {error}");
        }
    }
}
