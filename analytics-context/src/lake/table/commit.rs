//! The commit of rows and positions, and what it refuses.

use anyhow::Context as _;
use arrow::array::RecordBatch;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add, Transaction};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::writer::{DeltaWriter as _, RecordBatchWriter};

use super::Table;
use crate::lake::files;
use crate::projection::DATE;

/// How often a commit is built anew because somebody else (a widening, a compaction) was first.
const ATTEMPTS: usize = 10;

/// How far a partition was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// The partition.
    pub partition: i32,
    /// The position before.
    pub from: i64,
    /// The position after: the offset to be read next.
    pub to: i64,
}

/// Why nothing was committed, or nothing that is known of.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The rows do not begin where the table ends: another writer owns the partition, or this one
    /// forgot what it did. Drop them and read the positions again.
    #[error(
        "partition {partition} of the table stands at offset {stored}, the rows begin at {from}: \
         somebody else has written to it"
    )]
    Moved {
        /// The partition.
        partition: i32,
        /// The position in the table.
        stored: i64,
        /// The position the rows begin at.
        from: i64,
    },
    /// The store could not be read or written, or the outcome could not be learned. Drop the rows
    /// and read the positions again.
    #[error("the table could not be written")]
    Failed(#[from] anyhow::Error),
}

impl Table {
    /// Commits rows and positions together. Once this returns without an error both are durable;
    /// after an error the rows are either all there with their positions, or none is.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn append(
        &mut self,
        rows: Option<&RecordBatch>,
        advances: &[Advance],
    ) -> Result<(), CommitError> {
        self.compare(advances).await?;
        let added = match rows {
            Some(rows) => self.write_files(rows).await?,
            None => Vec::new(),
        };
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            match self.try_commit(&added, advances).await {
                Ok(()) => return Ok(()),
                Err(error) => failure = Some(error),
            }
            // Refused or unknown: only the log can say. Never commit again before looking.
            self.reload().await?;
            if self.stands_at_the_end_of(advances).await? {
                return Ok(());
            }
            self.compare(advances).await?;
        }
        let failure = failure.unwrap_or_else(|| anyhow::anyhow!("no attempt was made"));
        Err(CommitError::Failed(failure.context("others were first every time")))
    }

    /// Writes the rows as files that no version of the table knows yet.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write_files(&self, rows: &RecordBatch) -> anyhow::Result<Vec<Add>> {
        let mut writer = RecordBatchWriter::for_table(&self.delta)?
            .with_writer_properties(files::properties(&self.columns)?);
        writer.write(rows.clone()).await.context("cannot encode the rows")?;
        writer.flush().await.context("cannot write the rows' files")
    }

    async fn compare(&mut self, advances: &[Advance]) -> Result<(), CommitError> {
        for Advance { partition, from, .. } in advances.iter().copied() {
            match self.position(partition).await? {
                Some(stored) if stored != from => {
                    return Err(CommitError::Moved { partition, stored, from });
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn stands_at_the_end_of(&mut self, advances: &[Advance]) -> anyhow::Result<bool> {
        for advance in advances {
            if self.position(advance.partition).await? != Some(advance.to) {
                return Ok(false);
            }
        }
        Ok(!advances.is_empty())
    }

    async fn try_commit(&mut self, added: &[Add], advances: &[Advance]) -> anyhow::Result<()> {
        let positions = advances.iter().map(|advance| {
            Transaction::new(self.source.application(advance.partition), advance.to)
        });
        // No retries inside: they would commit on a version whose positions nobody compared.
        let properties = CommitProperties::default()
            .with_application_transactions(positions.collect())
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![DATE.to_owned()]),
            predicate: None,
        };
        let committed = CommitBuilder::from(properties)
            .with_actions(added.iter().cloned().map(Action::Add).collect())
            .build(Some(self.delta.snapshot()?), self.delta.log_store(), operation)
            .await?;
        self.delta.state = Some(committed.snapshot());
        for advance in advances {
            self.positions.insert(advance.partition, Some(advance.to));
        }
        Ok(())
    }
}
