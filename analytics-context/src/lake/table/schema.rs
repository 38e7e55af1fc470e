//! The table's columns, between Arrow and Delta.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, MetadataExt as _, StructField, StructType};
use deltalake_core::protocol::DeltaOperation;

use super::{CommitError, Table};

/// The columns of the version last seen.
pub fn columns(delta: &DeltaTable) -> anyhow::Result<SchemaRef> {
    let schema: Schema = (&delta.snapshot()?.metadata().parse_schema()?).try_into_arrow()?;
    Ok(Arc::new(schema))
}

/// The columns as Delta's fields.
pub fn delta_fields(columns: &SchemaRef) -> anyhow::Result<Vec<StructField>> {
    let schema: StructType = columns.as_ref().try_into_kernel()?;
    Ok(schema.fields().cloned().collect())
}

impl Table {
    /// Gives the table more columns, in a commit of its own. Rows that are there already have
    /// null in them.
    ///
    /// # Errors
    /// [`CommitError::Failed`] when somebody else committed meanwhile or the log cannot be
    /// written: look again and widen what is there then.
    pub async fn widen(&mut self, columns: &SchemaRef) -> Result<(), CommitError> {
        let metadata = self.with_columns(columns)?;
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let state = self.delta.snapshot().map_err(anyhow::Error::from)?;
        let commit = CommitBuilder::from(properties)
            .with_actions(vec![Action::Metadata(metadata)])
            .build(
                Some(state),
                self.delta.log_store(),
                DeltaOperation::AddColumn { fields: delta_fields(columns)? },
            )
            .await;
        self.reload().await?;
        commit.map_err(|error| anyhow::Error::from(error).context("cannot add columns"))?;
        Ok(())
    }

    fn with_columns(
        &self,
        columns: &SchemaRef,
    ) -> anyhow::Result<deltalake_core::kernel::Metadata> {
        let schema: StructType = columns.as_ref().try_into_kernel()?;
        Ok(self.delta.snapshot()?.metadata().clone().with_schema(&schema)?)
    }
}
