//! What keeps a table quick while it grows: checkpoints of its log, small files made into larger
//! ones, and the removal of what no reader needs any more.
//!
//! Runs between commits on the thread that commits, so it never competes with it.

mod plan;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use deltalake_core::checkpoints::{cleanup_metadata, create_checkpoint};
use deltalake_core::operations::vacuum::VacuumMode;

use crate::lake::{Table, Upkeep};
use plan::files_to_merge;

/// Commits between two checkpoints. Readers replay at most so many entries of the log.
const CHECKPOINT_EVERY: u64 = 100;

/// How often files that no version refers to any more are looked for. They are kept for a week; what a dead writer
/// has left beside its place, for a day.
const VACUUM_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Remembers what was done for one table.
#[derive(Debug, Default)]
pub struct Maintenance {
    checkpointed: Option<u64>,
    vacuumed: Option<Instant>,
}

#[async_trait]
impl Upkeep for Maintenance {
    async fn after_commit(&mut self, table: &mut Table) {
        let name = table.name();
        if let Some(files) = files_to_merge(&table.live_files())
            && let Err(error) = table.merge_files(&files).await
        {
            tracing::warn!(table = name, "small files were not merged: {error:#}");
        }
        let version = table.version();
        let last = *self.checkpointed.get_or_insert(version - version % CHECKPOINT_EVERY);
        if version - last < CHECKPOINT_EVERY {
            return;
        }
        self.checkpointed = Some(version);
        if let Err(error) = checkpoint(table).await {
            tracing::warn!(table = name, version, "the log was not checkpointed: {error:#}");
            return;
        }
        if self.vacuumed.is_none_or(|last| last.elapsed() >= VACUUM_EVERY) {
            self.vacuumed = Some(Instant::now());
            if let Err(error) = vacuum(table).await {
                tracing::warn!(table = name, "old files were not removed: {error:#}");
            }
        }
    }
}

async fn checkpoint(table: &Table) -> anyhow::Result<()> {
    create_checkpoint(table.delta(), None).await?;
    cleanup_metadata(table.delta(), None).await?;
    Ok(())
}

async fn vacuum(table: &mut Table) -> anyhow::Result<()> {
    let swept = table.sweep()?;
    let (_, removed) = table.delta().clone().vacuum().with_mode(VacuumMode::Full).await?;
    let files = removed.files_deleted.len();
    tracing::info!(table = table.name(), files, swept, "vacuumed");
    table.reload().await
}
