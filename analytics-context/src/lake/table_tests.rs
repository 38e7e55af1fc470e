//! What a table promises, on a lake in a temporary folder.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use tempfile::TempDir;

use super::{
    Advance, CommitError, DurableFileSystem, FileSync, Lake, OpenError, Source, SystemSync, Table,
    columns_of_files,
};
use crate::projection::samples::{ORDER_V1, ORDER_V2, placed_v1, rated_v2};
use crate::projection::{OFFSET, Projector, Record, TableSchema};

fn lake(folder: &TempDir) -> Lake {
    Lake::new(folder.path().to_owned())
}

async fn open(lake: &Lake) -> Table {
    let source = Source { cluster: "kitchen".to_owned(), topic: "orders.v1".to_owned() };
    Table::open(lake, source, &TableSchema::of_record(ORDER_V1).unwrap()).await.unwrap()
}

/// The rows of partition 3 from one offset up to another.
fn rows(table: &Table, from: i64, to: i64) -> RecordBatch {
    let mut projector = Projector::new("orders.v1", "test.Order");
    projector.learn(1, ORDER_V1);
    let values: Vec<_> = (from..to).map(|offset| placed_v1(1, offset)).collect();
    let records: Vec<_> = (from..to)
        .zip(&values)
        .map(|(offset, value)| Record {
            partition: 3,
            offset,
            timestamp_ms: Some(1_795_435_200_000),
            payload: Some(value),
        })
        .collect();
    projector.project(&records, table.columns()).unwrap().rows
}

fn advance(from: i64, to: i64) -> [Advance; 1] {
    [Advance { partition: 3, from, to }]
}

async fn append(table: &mut Table, from: i64, to: i64) -> Result<(), CommitError> {
    let rows = rows(table, from, to);
    table.append(Some(&rows), &advance(from, to)).await
}

/// The offsets in the table as anybody sees them who opens it now.
async fn offsets(lake: &Lake) -> Vec<i64> {
    let table = open(lake).await;
    let mut offsets = Vec::new();
    let collect = |batch: RecordBatch| {
        let column = batch.column_by_name(OFFSET).unwrap();
        offsets.extend(column.as_primitive::<Int64Type>().values());
        Ok(())
    };
    columns_of_files(table.delta(), &[OFFSET], collect).await.unwrap();
    offsets.sort_unstable();
    offsets
}

#[tokio::test]
async fn rows_and_position_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    assert_eq!(table.position(3).await.unwrap(), None);
    append(&mut table, 10, 13).await.unwrap();
    append(&mut table, 13, 15).await.unwrap();
    assert_eq!(table.position(3).await.unwrap(), Some(15));

    let mut again = open(&lake).await;
    assert_eq!(again.columns(), table.columns());
    assert_eq!(again.position(3).await.unwrap(), Some(15));
    assert_eq!(again.position(4).await.unwrap(), None);
    assert_eq!(offsets(&lake).await, [10, 11, 12, 13, 14]);
}

#[tokio::test]
async fn the_same_rows_are_refused_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 3).await.unwrap();
    let refused = append(&mut table, 0, 3).await.unwrap_err();
    assert!(matches!(refused, CommitError::Moved { partition: 3, stored: 3, from: 0 }));
    assert_eq!(offsets(&lake).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_gap_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 3).await.unwrap();
    let refused = append(&mut table, 4, 5).await.unwrap_err();
    assert!(matches!(refused, CommitError::Moved { stored: 3, from: 4, .. }));
    assert_eq!(offsets(&lake).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_twin_is_fenced_whatever_part_of_the_rows_it_wrote() {
    // A part of our rows, all but the last, and more than ours; exactly ours is another matter.
    for twin_to in [3, 5, 8] {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(&folder);
        let mut first = open(&lake).await;
        append(&mut first, 0, 1).await.unwrap();
        let mut twin = open(&lake).await;
        append(&mut twin, 1, twin_to).await.unwrap();

        let outcome = append(&mut first, 1, 6).await;
        assert!(matches!(outcome, Err(CommitError::Moved { from: 1, .. })));
        assert_eq!(offsets(&lake).await, (0..twin_to).collect::<Vec<_>>());

        append(&mut first, twin_to, 9).await.unwrap();
        assert_eq!(offsets(&lake).await, (0..9).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_twin_that_begins_at_the_same_moment_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let (mut first, mut twin) = (open(&lake).await, open(&lake).await);
    append(&mut twin, 0, 2).await.unwrap();
    let refused = append(&mut first, 0, 3).await.unwrap_err();
    assert!(matches!(refused, CommitError::Moved { stored: 2, from: 0, .. }));
    assert_eq!(offsets(&lake).await, [0, 1]);
}

#[tokio::test]
async fn another_partition_does_not_stand_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let (mut first, mut other) = (open(&lake).await, open(&lake).await);
    other.append(None, &[Advance { partition: 0, from: 0, to: 7 }]).await.unwrap();
    append(&mut first, 0, 3).await.unwrap();
    assert_eq!(first.position(0).await.unwrap(), Some(7));
    assert_eq!(offsets(&lake).await, [0, 1, 2]);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut first = open(&lake).await;
    append(&mut first, 0, 1).await.unwrap();
    // The very commit that `first` is about to make is there already.
    append(&mut open(&lake).await, 1, 4).await.unwrap();
    append(&mut first, 1, 4).await.unwrap();
    assert_eq!(offsets(&lake).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn files_without_a_commit_are_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let table = open(&lake).await;
    table.write_files(&rows(&table, 0, 3)).await.unwrap();
    drop(table);
    assert!(offsets(&lake).await.is_empty());
    assert_eq!(open(&lake).await.position(3).await.unwrap(), None);
    append(&mut open(&lake).await, 0, 3).await.unwrap();
    assert_eq!(offsets(&lake).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_window_without_rows_moves_the_position() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    table.append(None, &advance(0, 2)).await.unwrap();
    assert_eq!(open(&lake).await.position(3).await.unwrap(), Some(2));
    assert_eq!(table.files(), 0);
}

#[tokio::test]
async fn new_columns_join_the_table_and_old_rows_stay() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 2).await.unwrap();
    let mut projector = Projector::new("orders.v1", "test.Order");
    projector.learn(2, ORDER_V2);
    let wider = projector.widen(table.columns()).expect("version 2 has more columns");
    table.widen(&wider).await.unwrap();
    assert!(projector.widen(table.columns()).is_none(), "the table has them now");

    let value = rated_v2(2, 2);
    let record = Record { partition: 3, offset: 2, timestamp_ms: Some(0), payload: Some(&value) };
    let rated = projector.project(&[record], table.columns()).unwrap().rows;
    table.append(Some(&rated), &advance(2, 3)).await.unwrap();
    assert_eq!(offsets(&lake).await, [0, 1, 2]);
    assert_eq!(open(&lake).await.position(3).await.unwrap(), Some(3));
}

#[tokio::test]
async fn the_topic_of_another_cluster_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    open(&lake).await;
    let source = Source { cluster: "other".to_owned(), topic: "orders.v1".to_owned() };
    let schema = TableSchema::of_record(ORDER_V1).unwrap();
    let error = Table::open(&lake, source, &schema).await.err().expect("it is refused");
    assert!(matches!(&error, OpenError::Foreign { found, .. } if found == "kitchen"), "{error}");
}

#[tokio::test]
async fn any_delta_reader_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let table = open(&lake).await;
    let protocol = table.delta().snapshot().unwrap().protocol().clone();
    assert_eq!((protocol.min_reader_version(), protocol.min_writer_version()), (1, 2));
}

#[tokio::test]
async fn positions_survive_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 1).await.unwrap();
    deltalake_core::checkpoints::create_checkpoint(table.delta(), None).await.unwrap();
    let log = lake.folder("orders.v1").join("_delta_log");
    for version in 0..table.version() {
        std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    let mut again = open(&lake).await;
    assert_eq!(again.position(3).await.unwrap(), Some(1));
    append(&mut again, 1, 2).await.unwrap();
    assert_eq!(offsets(&lake).await, [0, 1]);
}

#[tokio::test]
async fn merged_files_hold_the_same_rows_and_positions() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 2).await.unwrap();
    let mut projector = Projector::new("orders.v1", "test.Order");
    projector.learn(2, ORDER_V2);
    // The older files lack these columns.
    let wider = projector.widen(table.columns()).unwrap();
    table.widen(&wider).await.unwrap();
    append(&mut table, 2, 5).await.unwrap();
    append(&mut table, 5, 6).await.unwrap();
    let files = table.live_files();
    assert_eq!(files.len(), 3);
    table.merge_files(&files).await.unwrap();
    assert_eq!(table.files(), 1);
    assert_eq!(offsets(&lake).await, (0..6).collect::<Vec<_>>());
    assert_eq!(open(&lake).await.position(3).await.unwrap(), Some(6));
    append(&mut table, 6, 7).await.unwrap();
    assert_eq!(offsets(&lake).await, (0..7).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_merge_that_comes_too_late_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 2).await.unwrap();
    append(&mut table, 2, 4).await.unwrap();
    append(&mut open(&lake).await, 4, 5).await.unwrap();
    let files = table.live_files();
    assert!(table.merge_files(&files).await.is_err());
    assert_eq!(offsets(&lake).await, (0..5).collect::<Vec<_>>());
    append(&mut table, 5, 6).await.unwrap();
    assert_eq!(offsets(&lake).await, (0..6).collect::<Vec<_>>());
}

#[tokio::test]
async fn merged_away_files_stay_for_readers_until_they_are_vacuumed() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(&folder);
    let mut table = open(&lake).await;
    append(&mut table, 0, 2).await.unwrap();
    append(&mut table, 2, 4).await.unwrap();
    let files = table.live_files();
    table.merge_files(&files).await.unwrap();
    for file in files {
        assert!(lake.folder("orders.v1").join(file.path).exists());
    }
}

/// Counts, and syncs nothing.
#[derive(Debug, Default)]
struct Counted {
    files: AtomicUsize,
    folders: AtomicUsize,
}

impl FileSync for Counted {
    fn file(&self, path: &Path) -> std::io::Result<()> {
        assert!(path.is_file());
        self.files.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn folder(&self, path: &Path) -> std::io::Result<()> {
        assert!(path.is_dir());
        self.folders.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_commit_syncs_its_files_its_log_entry_and_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let counted = Arc::new(Counted::default());
    let lake = lake(&folder).with_store(DurableFileSystem::new(counted.clone()));
    let mut table = open(&lake).await;
    assert_eq!(counted.files.swap(0, Ordering::SeqCst), 1, "the first entry of the log");
    counted.folders.store(0, Ordering::SeqCst);
    append(&mut table, 0, 3).await.unwrap();
    assert_eq!(counted.files.load(Ordering::SeqCst), 2, "one file of rows, one entry of the log");
    assert!(counted.folders.load(Ordering::SeqCst) >= 3, "theirs, and that of the new day");

    counted.files.store(0, Ordering::SeqCst);
    deltalake_core::checkpoints::create_checkpoint(table.delta(), None).await.unwrap();
    assert_eq!(counted.files.load(Ordering::SeqCst), 2, "the checkpoint and the pointer to it");
}

#[tokio::test]
async fn every_way_to_write_is_synced() {
    use object_store::path::Path as StorePath;
    use object_store::{CopyMode, CopyOptions, ObjectStore as _, ObjectStoreExt as _};

    let folder = tempfile::tempdir().unwrap();
    let counted = Arc::new(Counted::default());
    let store = DurableFileSystem::new(counted.clone());
    let place = |name: &str| StorePath::from_absolute_path(folder.path().join(name)).unwrap();
    let synced = || counted.files.swap(0, Ordering::SeqCst);

    store.put(&place("a"), "ramen".into()).await.unwrap();
    assert_eq!(synced(), 1);
    store.put(&place("a"), "udon".into()).await.unwrap();
    assert_eq!(synced(), 1);
    let create = object_store::PutMode::Create;
    let refused = store.put_opts(&place("a"), "soba".into(), create.into()).await.unwrap_err();
    assert!(matches!(refused, object_store::Error::AlreadyExists { .. }));
    synced();
    let mut upload = store.put_multipart(&place("deep/er/b")).await.unwrap();
    upload.put_part("gyoza".into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(synced(), 1);
    store.copy(&place("a"), &place("c")).await.unwrap();
    assert_eq!(synced(), 1);
    let options = CopyOptions::new().with_mode(CopyMode::Create);
    assert!(store.copy_opts(&place("a"), &place("c"), options).await.is_err());
    store.rename(&place("a"), &place("d")).await.unwrap();
    assert_eq!(synced(), 1);
    store.rename_if_not_exists(&place("d"), &place("e")).await.unwrap();
    assert_eq!(synced(), 1);

    let text = store.get(&place("e")).await.unwrap().bytes().await.unwrap();
    assert_eq!(text, "udon");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "c, e and deep; nothing staged is left behind");
    assert!(SystemSync.file(&folder.path().join("e")).is_ok());
    assert!(SystemSync.folder(folder.path()).is_ok());
}
