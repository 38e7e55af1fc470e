//! The published language, version by version: a table of an earlier version takes what a later one
//! writes, without a stop and without losing what it had.

use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use schemas::topics::ORDER_EVENTS_VERSIONS;

use super::samples;
use super::{Projector, TableSchema};

/// The messages that a version wrote, in the order of their names; their schema ids are the versions.
fn blessed(version: usize) -> Vec<Vec<u8>> {
    let folder = format!("../schemas/blessed/orders.order.events.v1/{version}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|is| is == "bin")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn the_table_of_each_version_takes_what_every_version_writes() {
    let versions = ORDER_EVENTS_VERSIONS;
    let values: Vec<_> = (1..=versions.len()).flat_map(blessed).collect();
    for (earlier, avro) in (1..).zip(versions) {
        let table = TableSchema::of_record(avro).unwrap();
        let mut projector = Projector::new("orders", &table.record);
        for (id, avro) in (1..).zip(versions) {
            projector.learn(id, avro);
        }
        let wider = projector.widen(&table.columns).unwrap_or_else(|| table.columns.clone());
        assert!(projector.widen(&wider).is_none(), "version {earlier} grows once");
        let projected = projector.project(&samples::records(&values), &wider).unwrap();
        assert_eq!(projected.quarantined, 0, "from version {earlier}");
        assert_eq!(projected.rows.num_rows(), values.len());
    }
}

#[test]
fn version_2_brings_new_blocks_and_new_fields_into_a_table_of_version_1() {
    let table = TableSchema::of_record(ORDER_EVENTS_VERSIONS[0]).unwrap();
    let mut projector = Projector::new("orders", &table.record);
    projector.learn(1, ORDER_EVENTS_VERSIONS[0]);
    projector.learn(2, ORDER_EVENTS_VERSIONS[1]);
    let wider = projector.widen(&table.columns).expect("version 2 has more columns");
    let (before, now) = (blessed(1), blessed(2));
    let values = [&before[..], &now[..]].concat();
    let rows = projector.project(&samples::records(&values), &wider).unwrap().rows;
    let column = |name: &str| rows.column_by_name(name).unwrap();

    let flows = column("flow_version").as_primitive::<Int32Type>();
    assert_eq!(flows.null_count(), before.len(), "version 1 says no flow");
    let accepted = column("order_accepted").as_struct();
    assert_eq!(accepted.len() - accepted.null_count(), 2);
    let ready_by = accepted.column_by_name("ready_by").unwrap();
    assert_eq!(ready_by.len() - ready_by.null_count(), 1, "only version 2 says when");
    for block in ["deadline_extended", "task_redriven", "flow_migrated"] {
        let block = column(block);
        assert_eq!(block.len() - block.null_count(), 1);
    }
}
