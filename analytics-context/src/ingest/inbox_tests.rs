//! The inbox with a lake in a temporary folder, a registry and a cluster of its own, and no Kafka.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use chassis::kafka::Incoming;
use chassis::kafka::consumer::{Batch, Failure, Inbox as _, Span};
use schemas::topics::ORDER_EVENTS;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{FlushRules, LakeInbox, SchemaLookup, Sink, Statuses};
use crate::lake::{Lake, Source, Table, Upkeep, columns_of_files};
use crate::projection::samples::{
    EMPTY_BLOCK, ORDER_V1, ORDER_V2, order_with, placed_v1, rated_v2,
};
use crate::projection::{ERROR, OFFSET};

/// A registry that can be taught and taken away.
#[derive(Default)]
struct Registry {
    schemas: Mutex<HashMap<u32, Arc<str>>>,
    is_away: AtomicBool,
}

#[async_trait]
impl SchemaLookup for Registry {
    async fn schema(&self, id: u32) -> anyhow::Result<Option<Arc<str>>> {
        anyhow::ensure!(!self.is_away.load(Ordering::SeqCst), "the registry is away");
        Ok(self.schemas.lock().unwrap().get(&id).cloned())
    }
}

struct NoUpkeep;

#[async_trait]
impl Upkeep for NoUpkeep {
    async fn after_commit(&mut self, _table: &mut Table) {}
}

/// Everything around an inbox.
struct Kitchen {
    folder: TempDir,
    runtime: Runtime,
    registry: Arc<Registry>,
    cluster: Arc<Mutex<&'static str>>,
    statuses: Statuses,
}

impl Kitchen {
    fn new() -> Self {
        let registry = Registry::default();
        registry.schemas.lock().unwrap().insert(1, ORDER_V1.into());
        Self {
            folder: tempfile::tempdir().unwrap(),
            runtime: Runtime::new().unwrap(),
            registry: Arc::new(registry),
            cluster: Arc::new(Mutex::new("kitchen")),
            statuses: Statuses::default(),
        }
    }

    fn lake(&self) -> Lake {
        Lake::new(self.folder.path().to_owned())
    }

    /// An inbox that commits only when told to stop, or at so many rows.
    fn inbox(&self, rows: usize) -> LakeInbox {
        let sink =
            Sink::new(&ORDER_EVENTS, ORDER_V1, Box::new(NoUpkeep), self.statuses.clone()).unwrap();
        let cluster = self.cluster.clone();
        LakeInbox {
            lake: self.lake(),
            sinks: vec![sink],
            rules: FlushRules { after: Duration::from_secs(3600), bytes: 1 << 20, rows },
            lookup: self.registry.clone(),
            find_cluster: Box::new(move || Ok((*cluster.lock().unwrap()).to_owned())),
            runtime: self.runtime.handle().clone(),
        }
    }

    /// Offset and cause of each row of the lake, by offset.
    fn rows(&self) -> Vec<(i64, Option<String>)> {
        self.runtime.block_on(async {
            let source =
                Source { cluster: "kitchen".to_owned(), topic: ORDER_EVENTS.name.to_owned() };
            let table = Table::find(&self.lake(), source).await.unwrap().unwrap();
            let mut rows = Vec::new();
            let collect = |batch: RecordBatch| {
                let offsets = batch.column_by_name(OFFSET).unwrap().as_primitive::<Int64Type>();
                let causes = batch.column_by_name(ERROR).unwrap().as_string::<i32>();
                rows.extend((0..batch.num_rows()).map(|row| {
                    let cause = causes.is_valid(row).then(|| causes.value(row).to_owned());
                    (offsets.value(row), cause)
                }));
                Ok(())
            };
            columns_of_files(table.delta(), &[OFFSET, ERROR], collect).await.unwrap();
            rows.sort();
            rows
        })
    }

    fn offsets(&self) -> Vec<i64> {
        self.rows().into_iter().map(|(offset, _)| offset).collect()
    }
}

/// A batch of partition 2 with these values from an offset on, and one control record behind them.
fn batch(from: i64, values: &[Vec<u8>]) -> Batch {
    let topic: Arc<str> = ORDER_EVENTS.name.into();
    let records = (from..).zip(values).map(|(offset, value)| Incoming {
        topic: topic.clone(),
        partition: 2,
        offset,
        timestamp_ms: Some(1_795_435_200_000),
        key: None,
        payload: Some(value.clone()),
        headers: Vec::new(),
    });
    let records: Vec<_> = records.collect();
    let to = from + records.len() as i64 + 1;
    Batch { records, spans: vec![Span { topic, partition: 2, from, to }] }
}

fn placed(count: i64) -> Vec<Vec<u8>> {
    (1..=count).map(|sequence| placed_v1(1, sequence)).collect()
}

fn positions(inbox: &mut LakeInbox) -> Vec<(i32, i64)> {
    let positions = inbox.positions().unwrap();
    positions.into_iter().map(|position| (position.partition, position.offset)).collect()
}

fn assert_retry(outcome: Result<(), Failure>, part: &str) {
    match outcome {
        Err(Failure::Retry(cause)) => assert!(format!("{cause:#}").contains(part), "{cause:#}"),
        other => panic!("it is to be tried again, not {other:?}"),
    }
}

#[test]
fn what_was_taken_is_committed_at_the_end() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(100);
    assert_eq!(positions(&mut inbox), []);
    inbox.take(batch(0, &placed(2))).unwrap();
    inbox.take(batch(3, &placed(1))).unwrap();
    inbox.tick().unwrap();
    assert!(kitchen.rows().is_empty(), "not due yet");
    inbox.stop().unwrap();
    assert_eq!(kitchen.offsets(), [0, 1, 3]);
    assert_eq!(positions(&mut kitchen.inbox(100)), [(2, 5)]);
    let status = kitchen.statuses.all().remove("orders_order_events_v1").unwrap();
    assert_eq!((status.rows_written, status.positions[&2]), (3, 5));
}

#[test]
fn a_full_window_is_committed_at_once() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(3);
    inbox.positions().unwrap();
    inbox.take(batch(0, &placed(2))).unwrap();
    assert!(kitchen.rows().is_empty());
    inbox.take(batch(3, &placed(1))).unwrap();
    assert_eq!(kitchen.offsets(), [0, 1, 3]);
}

#[test]
fn control_records_alone_move_the_position_at_the_end() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(100);
    inbox.positions().unwrap();
    inbox.take(batch(7, &[])).unwrap();
    inbox.stop().unwrap();
    assert!(kitchen.rows().is_empty());
    assert_eq!(positions(&mut kitchen.inbox(100)), [(2, 8)]);
}

#[test]
fn an_outage_of_the_registry_is_waited_for() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(2);
    inbox.positions().unwrap();
    kitchen.registry.is_away.store(true, Ordering::SeqCst);
    assert_retry(inbox.take(batch(0, &placed(2))), "registry is away");
    assert_eq!(positions(&mut inbox), []);
    kitchen.registry.is_away.store(false, Ordering::SeqCst);
    inbox.take(batch(0, &placed(2))).unwrap();
    assert_eq!(kitchen.rows(), [(0, None), (1, None)]);
}

#[test]
fn it_has_recovered_once_what_could_not_be_committed_is() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(2);
    inbox.positions().unwrap();
    assert!(inbox.has_recovered(), "nothing has failed");
    kitchen.registry.is_away.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert_retry(inbox.take(batch(0, &placed(2))), "registry is away");
        inbox.positions().unwrap();
        inbox.take(batch(0, &placed(1))).unwrap();
        inbox.tick().unwrap();
        assert!(!inbox.has_recovered(), "what it only holds is not stored");
        inbox.positions().unwrap();
    }
    kitchen.registry.is_away.store(false, Ordering::SeqCst);
    inbox.take(batch(0, &placed(2))).unwrap();
    assert!(inbox.has_recovered());
}

#[test]
fn what_a_twin_has_committed_is_not_left_undone() {
    let kitchen = Kitchen::new();
    let (mut first, mut twin) = (kitchen.inbox(2), kitchen.inbox(1));
    first.positions().unwrap();
    twin.positions().unwrap();
    twin.take(batch(0, &placed(1))).unwrap();
    assert_retry(first.take(batch(0, &placed(2))), "somebody else");
    assert!(!first.has_recovered());
    first.positions().unwrap();
    assert!(first.has_recovered());
}

#[test]
fn what_cannot_be_read_is_kept_and_the_rest_flows_on() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(4);
    inbox.positions().unwrap();
    let values = [placed_v1(1, 1), b"poison".to_vec(), placed_v1(77, 2), placed_v1(1, 3)];
    inbox.take(batch(0, &values)).unwrap();
    let rows = kitchen.rows();
    assert_eq!(rows.len(), 4);
    assert!(rows[0].1.is_none() && rows[3].1.is_none());
    assert!(rows[1].1.as_ref().unwrap().contains("0x70"));
    assert!(rows[2].1.as_ref().unwrap().contains("schema 77"));
    let status = kitchen.statuses.all().remove("orders_order_events_v1").unwrap();
    assert_eq!(status.rows_quarantined, 2);
}

#[test]
fn a_newer_schema_widens_the_table_on_the_way() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(1);
    inbox.positions().unwrap();
    inbox.take(batch(0, &placed(1))).unwrap();
    kitchen.registry.schemas.lock().unwrap().insert(2, ORDER_V2.into());
    inbox.take(batch(2, &[rated_v2(2, 2)])).unwrap();
    inbox.take(batch(4, &placed(1))).unwrap();
    assert_eq!(kitchen.rows(), [(0, None), (2, None), (4, None)]);
    // A process that was started with the older schema keeps the newer columns.
    let mut again = kitchen.inbox(1);
    assert_eq!(positions(&mut again), [(2, 6)]);
    again.take(batch(6, &[rated_v2(2, 3)])).unwrap();
    assert_eq!(kitchen.offsets(), [0, 2, 4, 6]);
}

#[test]
fn a_schema_that_no_table_can_have_does_not_stop_the_next_window() {
    let twin = r#"{"name":"Sequence","default":0,"type":"long"}"#;
    for (field, part) in [(EMPTY_BLOCK, "without fields"), (twin, "capitals")] {
        let kitchen = Kitchen::new();
        let mut inbox = kitchen.inbox(1);
        inbox.positions().unwrap();
        kitchen
            .registry
            .schemas
            .lock()
            .unwrap()
            .extend([(2, ORDER_V2.into()), (3, order_with(field).into())]);
        inbox.take(batch(0, &[placed_v1(1, 1), placed_v1(3, 2)])).unwrap();
        inbox.take(batch(3, &[rated_v2(2, 3)])).unwrap();
        inbox.take(batch(5, &placed(1))).unwrap();
        let rows = kitchen.rows();
        assert_eq!(kitchen.offsets(), [0, 1, 3, 5]);
        let cause = rows[1].1.as_ref().unwrap();
        assert!(cause.contains(part), "{cause}");
        assert_eq!(rows.iter().filter(|(_, cause)| cause.is_some()).count(), 1, "{part}");
    }
}

#[test]
fn a_twin_makes_it_begin_again_where_the_table_ends() {
    let kitchen = Kitchen::new();
    let (mut first, mut twin) = (kitchen.inbox(2), kitchen.inbox(1));
    first.positions().unwrap();
    twin.positions().unwrap();
    first.take(batch(0, &placed(1))).unwrap();
    twin.take(batch(0, &placed(1))).unwrap();
    assert_retry(first.take(batch(2, &placed(1))), "somebody else");
    assert_eq!(positions(&mut first), [(2, 2)]);
    first.take(batch(2, &placed(2))).unwrap();
    assert_eq!(kitchen.offsets(), [0, 2, 3]);
}

#[test]
fn a_gap_between_batches_is_never_committed() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(100);
    inbox.positions().unwrap();
    inbox.take(batch(0, &placed(1))).unwrap();
    assert_retry(inbox.take(batch(5, &placed(1))), "goes on at offset 5");
    assert_eq!(positions(&mut inbox), []);
}

#[test]
fn another_cluster_stops_it_for_good() {
    let kitchen = Kitchen::new();
    kitchen.inbox(1).positions().unwrap();
    *kitchen.cluster.lock().unwrap() = "somewhere else";
    match kitchen.inbox(1).positions() {
        Err(Failure::Fatal(cause)) => assert!(cause.to_string().contains("LAKE_URI")),
        other => panic!("it must not go on: {other:?}"),
    }
}

#[test]
fn a_partition_that_the_topic_was_given_later_is_found_again() {
    let kitchen = Kitchen::new();
    let mut inbox = kitchen.inbox(100);
    inbox.positions().unwrap();
    let mut later = batch(0, &placed(1));
    let partition = ORDER_EVENTS.partitions + 1;
    later.records[0].partition = partition;
    later.spans[0].partition = partition;
    inbox.take(later).unwrap();
    inbox.stop().unwrap();
    assert_eq!(positions(&mut kitchen.inbox(100)), [(partition, 2)]);
}
