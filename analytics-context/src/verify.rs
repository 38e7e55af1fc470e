//! `analytics verify`: every offset of every partition is one row, with the numbers.
//!
//! Kafka is read from end to end under `read_committed`, then the tables; nothing is taken from
//! what the running process believes.

mod compare;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use chassis::kafka::KafkaConfig;
use chassis::kafka::scan::{Isolation, Range, ranges, scan};

use crate::boot::TOPICS;
use crate::lake::{Lake, Source, Table, columns_of_files, table_name};
use crate::projection::{OFFSET, PARTITION};

pub use compare::{PartitionReport, compare};

/// How long to sleep between two looks at the stored positions.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One topic and its table.
#[derive(Debug)]
pub struct TopicReport {
    /// The topic.
    pub topic: &'static str,
    /// Its table.
    pub table: String,
    /// Its partitions.
    pub partitions: Vec<PartitionReport>,
}

impl TopicReport {
    /// Whether every offset is there once.
    pub fn is_clean(&self) -> bool {
        self.partitions.iter().all(PartitionReport::is_clean)
    }
}

/// The data offsets of a partition and the range they were found in.
struct Scanned {
    range: Range,
    offsets: Vec<i64>,
}

/// Compares every topic with its table as of now, waiting at most so long until the tables have
/// what the topics held at the beginning of the call.
///
/// # Errors
/// When Kafka or the lake cannot be read.
pub async fn verify(
    kafka: &KafkaConfig,
    lake: &Lake,
    wait: Duration,
) -> anyhow::Result<Vec<TopicReport>> {
    let cluster = chassis::kafka::admin::cluster_id(kafka).await?;
    let deadline = Instant::now() + wait;
    let mut scanned = Vec::new();
    for topic in TOPICS {
        let kafka = kafka.clone();
        let scan = tokio::task::spawn_blocking(move || scan_topic(&kafka, topic.name)).await?;
        scanned.push((topic.name, scan.with_context(|| format!("cannot read {}", topic.name))?));
    }
    let mut reports = Vec::new();
    for (topic, scanned) in scanned {
        let source = Source { cluster: cluster.clone(), topic: topic.to_owned() };
        let mut table = awaited_table(lake, source, &scanned, deadline).await?;
        let mut rows = match &table {
            Some(table) => row_offsets(table).await?,
            None => BTreeMap::new(),
        };
        // After the positions, which move on while the topic grows.
        let mut stored = BTreeMap::new();
        if let Some(table) = &mut table {
            for Scanned { range, .. } in &scanned {
                stored.insert(range.partition, table.position(range.partition).await?);
            }
        }
        let ends = ends(kafka, topic).await?;
        let mut partitions = Vec::new();
        for Scanned { range, offsets } in scanned {
            let rows = rows.remove(&range.partition).unwrap_or_default();
            let stored = stored.remove(&range.partition).flatten();
            let end = ends.get(&range.partition).copied().unwrap_or(range.high);
            partitions.push(compare(&range, end, offsets, rows, stored));
        }
        reports.push(TopicReport { topic, table: table_name(topic), partitions });
    }
    Ok(reports)
}

/// Where each partition ends now.
async fn ends(kafka: &KafkaConfig, topic: &'static str) -> anyhow::Result<BTreeMap<i32, i64>> {
    let kafka = kafka.clone();
    let held = tokio::task::spawn_blocking(move || ranges(&kafka, topic)).await??;
    Ok(held.into_iter().map(|range| (range.partition, range.high)).collect())
}

fn scan_topic(kafka: &KafkaConfig, topic: &str) -> anyhow::Result<Vec<Scanned>> {
    let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    let ranges = scan(kafka, topic, Isolation::Committed, |record| {
        offsets.entry(record.partition).or_default().push(record.offset);
        Ok(())
    })?;
    let scanned = ranges.into_iter().map(|range| {
        let offsets = offsets.remove(&range.partition).unwrap_or_default();
        Scanned { range, offsets }
    });
    Ok(scanned.collect())
}

/// The table once its positions are past what was scanned, or as it is at the deadline.
async fn awaited_table(
    lake: &Lake,
    source: Source,
    scanned: &[Scanned],
    deadline: Instant,
) -> anyhow::Result<Option<Table>> {
    let mut table = Table::find(lake, source.clone()).await?;
    loop {
        let mut lags = false;
        for Scanned { range, offsets } in scanned {
            // Control records behind the last row may be committed a minute later.
            let Some(last) = offsets.last() else { continue };
            let stored = match &mut table {
                Some(table) => table.position(range.partition).await?,
                None => None,
            };
            lags |= stored.is_none_or(|stored| stored <= *last);
        }
        if !lags || Instant::now() >= deadline {
            return Ok(table);
        }
        tokio::time::sleep(LOOK_EVERY).await;
        match &mut table {
            Some(table) => table.reload().await?,
            None => table = Table::find(lake, source.clone()).await?,
        }
    }
}

async fn row_offsets(table: &Table) -> anyhow::Result<BTreeMap<i32, Vec<i64>>> {
    let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    let collect = |batch: RecordBatch| {
        let column = |name| batch.column_by_name(name).context("a file lacks its lineage");
        let partitions = column(PARTITION)?.as_primitive::<Int32Type>();
        let found = column(OFFSET)?.as_primitive::<Int64Type>();
        for (partition, offset) in partitions.values().iter().zip(found.values()) {
            offsets.entry(*partition).or_default().push(*offset);
        }
        Ok(())
    };
    columns_of_files(table.delta(), &[PARTITION, OFFSET], collect).await?;
    Ok(offsets)
}

/// The reports as a table for people, and what differs below it.
pub fn show(reports: &[TopicReport]) -> String {
    let mut text = format!(
        "{:<30} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}\n",
        "topic",
        "partition",
        "low",
        "high",
        "records",
        "rows",
        "lagging",
        "missing",
        "doubled",
        "unknown"
    );
    let mut differences = String::new();
    for report in reports {
        for partition in &report.partitions {
            text += &format!(
                "{:<30} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}\n",
                report.topic,
                partition.partition,
                partition.low,
                partition.high,
                partition.records,
                partition.rows,
                partition.lagging,
                partition.missing.len(),
                partition.doubled.len(),
                partition.unknown.len(),
            );
            for line in partition.differences() {
                differences +=
                    &format!("{} partition {}: {line}\n", report.topic, partition.partition);
            }
        }
    }
    let clean = reports.iter().all(TopicReport::is_clean);
    let verdict = if clean { "Every offset is one row.\n" } else { "The lake differs:\n" };
    text + verdict + &differences
}
