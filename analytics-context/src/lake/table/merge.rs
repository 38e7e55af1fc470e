//! Several files of a day made into one, without touching a row or a position.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use deltalake_core::kernel::Action;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::protocol::DeltaOperation;
use deltalake_core::writer::{DeltaWriter as _, RecordBatchWriter};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Table;
use crate::lake::files;
use crate::projection::{DATE, conform};

/// A file of the version last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Its path in the table.
    pub path: String,
    /// The day of its rows.
    pub date: String,
    /// Its size.
    pub bytes: u64,
}

impl Table {
    /// The files of the version last seen.
    pub fn live_files(&self) -> Vec<LiveFile> {
        let Ok(state) = self.delta.snapshot() else { return Vec::new() };
        let live = state.log_data().into_iter().map(|file| LiveFile {
            path: file.path().into_owned(),
            date: file.partition_values_map().remove(DATE).flatten().unwrap_or_default(),
            bytes: file.size().unsigned_abs(),
        });
        live.collect()
    }

    /// Replaces these files, all of one day, by one with the same rows, in one commit.
    ///
    /// # Errors
    /// When a file cannot be read or written, or somebody else committed meanwhile. The table is
    /// then as it was.
    pub async fn merge_files(&mut self, merged: &[LiveFile]) -> anyhow::Result<()> {
        let mut writer = RecordBatchWriter::for_table(&self.delta)?
            .with_writer_properties(files::properties(&self.columns)?);
        let store = self.delta.log_store().object_store(None);
        let mut rows = 0;
        for file in merged {
            let bytes = store.get(&Path::parse(&file.path)?).await?.bytes().await?;
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
                let batch = whole_rows(&batch?, &file.date, &self.columns)?;
                rows += batch.num_rows();
                writer.write(batch).await?;
            }
        }
        let mut actions = Vec::new();
        for mut add in writer.flush().await? {
            add.data_change = false;
            actions.push(Action::Add(add));
        }
        let paths: HashSet<&str> = merged.iter().map(|file| file.path.as_str()).collect();
        let state = self.delta.snapshot()?;
        let mut replaced = 0;
        for file in state.log_data().iter().filter(|file| paths.contains(file.path().as_ref())) {
            replaced += file.num_records().context("a file does not tell how many rows it has")?;
            actions.push(Action::Remove(file.remove_action(false)));
        }
        anyhow::ensure!(rows == replaced, "{rows} rows were read where {replaced} should be");
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let operation = DeltaOperation::Optimize { predicate: None, target_size: 32 << 20 };
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state), self.delta.log_store(), operation)
            .await;
        match committed {
            // Positions stay what they were: nobody else has committed in between.
            Ok(committed) => self.delta.state = Some(committed.snapshot()),
            Err(error) => {
                self.reload().await?;
                return Err(error.into());
            }
        }
        tracing::debug!(files = merged.len(), rows, "files were merged");
        Ok(())
    }
}

/// The rows of a file in the columns of the table: those the file lacks are null, and the day is
/// the one it is filed under.
fn whole_rows(rows: &RecordBatch, date: &str, table: &SchemaRef) -> anyhow::Result<RecordBatch> {
    let day: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows.num_rows()).map(|_| date)));
    let day = cast(&day, &DataType::Date32)?;
    let columns = table.fields().iter().map(|field| match rows.column_by_name(field.name()) {
        _ if field.name() == DATE => Ok(Arc::clone(&day)),
        Some(column) => conform(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), rows.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(table), columns)?)
}
