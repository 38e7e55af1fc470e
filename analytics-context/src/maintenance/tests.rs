//! Upkeep over a hundred commits, on a lake in a temporary folder.

use super::Maintenance;
use crate::lake::{Advance, Lake, Source, Table, Upkeep as _, columns_of_files};
use crate::projection::samples::{ORDER_V1, placed_v1};
use crate::projection::{OFFSET, Projector, Record, TableSchema};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_checkpointed_and_small_files_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::new(folder.path().to_owned());
    let source = Source { cluster: "kitchen".to_owned(), topic: "orders.v1".to_owned() };
    let schema = TableSchema::of_record(ORDER_V1).unwrap();
    let mut table = Table::open(&lake, source.clone(), &schema).await.unwrap();
    let mut projector = Projector::new("orders.v1", &schema.record);
    projector.learn(1, ORDER_V1);
    let mut maintenance = Maintenance::default();
    for offset in 0..105 {
        let value = placed_v1(1, offset);
        let record = Record { partition: 0, offset, timestamp_ms: Some(0), payload: Some(&value) };
        let rows = projector.project(&[record], table.columns()).unwrap().rows;
        let advance = Advance { partition: 0, from: offset, to: offset + 1 };
        table.append(Some(&rows), &[advance]).await.unwrap();
        maintenance.after_commit(&mut table).await;
        assert!(table.files() < 50);
    }
    assert!(lake.folder("orders.v1").join("_delta_log/_last_checkpoint").exists());

    let mut again = Table::find(&lake, source).await.unwrap().unwrap();
    assert_eq!(again.position(0).await.unwrap(), Some(105));
    let mut rows = 0;
    let count = |batch: arrow::array::RecordBatch| {
        rows += batch.num_rows();
        Ok(())
    };
    columns_of_files(again.delta(), &[OFFSET], count).await.unwrap();
    assert_eq!(rows, 105);
}
