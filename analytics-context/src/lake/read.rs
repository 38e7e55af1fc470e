//! Reading rows back, file by file, without a query engine: for the commands that verify and show.

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use deltalake_core::DeltaTable;
use object_store::ObjectStoreExt as _;

/// Shows the named columns of every row of the version last seen to `each`, in batches; a batch
/// lacks the columns its file lacks. The columns a table is partitioned by are not in its files.
///
/// # Errors
/// When a file is missing or damaged, and what `each` returns.
pub async fn columns_of_files(
    table: &DeltaTable,
    columns: &[&str],
    mut each: impl FnMut(RecordBatch) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let store = table.log_store().object_store(None);
    for file in table.snapshot()?.log_data().iter() {
        let bytes = store.get(&file.object_store_path()).await?.bytes().await?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let wanted = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
        for batch in reader.with_projection(wanted).build()? {
            each(batch?)?;
        }
    }
    Ok(())
}
