//! Upkeep over a hundred commits, on a lake in a temporary folder.

use std::fs::File;
use std::time::{Duration, SystemTime};

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
    let litter = lake.folder("orders.v1").join("_delta_log/00000000000000000001.json#1");
    let two_days = Duration::from_secs(2 * 24 * 3600);
    File::create(&litter).unwrap().set_modified(SystemTime::now() - two_days).unwrap();
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
    assert!(!litter.exists(), "a dead writer has left it");

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
