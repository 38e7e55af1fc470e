//! One topic's way into its table.

use std::time::Instant;

use anyhow::Context as _;
use metrics::{counter, gauge, histogram};
use schemas::topics::Topic;

use super::lookup::SchemaLookup;
use super::status::Statuses;
use super::window::Window;
use crate::lake::{Advance, Lake, OpenError, Source, Table, Upkeep, table_name};
use crate::projection::{Projector, SchemaError, TableSchema};

/// A topic, its table, and what was read of it since the last commit.
pub struct Sink {
    topic: &'static str,
    name: String,
    schema: TableSchema,
    partitions: i32,
    projector: Projector,
    table: Option<Table>,
    upkeep: Box<dyn Upkeep>,
    pub(super) window: Window,
    /// The moves that could not be committed, each until its partition has moved after all.
    failed: Vec<Advance>,
    statuses: Statuses,
}

impl Sink {
    /// The sink of a topic whose values are this Avro record.
    ///
    /// # Errors
    /// When the record cannot be a table.
    pub fn new(
        topic: &'static Topic,
        record: &str,
        upkeep: Box<dyn Upkeep>,
        statuses: Statuses,
    ) -> Result<Self, SchemaError> {
        let schema = TableSchema::of_record(record)?;
        Ok(Self {
            topic: topic.name,
            name: table_name(topic.name),
            partitions: topic.partitions,
            projector: Projector::new(topic.name, &schema.record),
            schema,
            table: None,
            upkeep,
            window: Window::default(),
            failed: Vec::new(),
            statuses,
        })
    }

    /// The topic's name.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// Forgets what was read and looks at the table again: the stored position of each partition.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn restart(
        &mut self,
        lake: &Lake,
        cluster: &str,
    ) -> Result<Vec<(i32, i64)>, OpenError> {
        self.window.clear();
        let source = Source { cluster: cluster.to_owned(), topic: self.topic.to_owned() };
        let mut table = Table::open(lake, source, &self.schema).await?;
        // A topic may have grown since it was declared.
        let known = table.highest_partition().map_or(0, |highest| highest + 1);
        self.partitions = self.partitions.max(known);
        let mut positions = Vec::new();
        for partition in 0..self.partitions {
            if let Some(stored) = table.position(partition).await? {
                positions.push((partition, stored));
            }
        }
        self.statuses.update(&self.name, |status| {
            status.topic = self.topic.to_owned();
            status.location = lake.folder(self.topic).display().to_string();
            status.version = table.version();
            status.files = table.files();
            status.positions = positions.iter().copied().collect();
        });
        self.table = Some(table);
        // An answer may have been lost, or a twin was faster.
        self.failed.retain(|failed| {
            let has_moved = |&(partition, at)| partition == failed.partition && at > failed.from;
            !positions.iter().any(has_moved)
        });
        Ok(positions)
    }

    /// Whether all that could not be committed is committed now.
    pub fn has_recovered(&self) -> bool {
        self.failed.is_empty()
    }

    /// Commits what was read. Afterwards nothing is pending; after an error, [`Sink::restart`].
    ///
    /// # Errors
    /// When the registry or the lake cannot be reached, or the table moved. All of it may pass.
    pub async fn flush(&mut self, lookup: &dyn SchemaLookup) -> anyhow::Result<()> {
        let advances = self.window.advances();
        let outcome = self.commit(lookup).await;
        match outcome {
            Ok(()) => self.failed.retain(|failed| {
                !advances.iter().any(|advance| advance.partition == failed.partition)
            }),
            Err(_) => {
                let is_other = |failed: &Advance| {
                    advances.iter().all(|advance| advance.partition != failed.partition)
                };
                self.failed.retain(is_other);
                self.failed.extend(advances);
            }
        }
        outcome
    }

    async fn commit(&mut self, lookup: &dyn SchemaLookup) -> anyhow::Result<()> {
        if self.window.is_empty() {
            return Ok(());
        }
        let table = self.table.as_mut().context("the table has not been opened")?;
        let advances = self.window.advances();
        // From now on these are looked up as well, though no row may tell of them.
        let highest = advances.iter().map(|advance| advance.partition + 1).max().unwrap_or(0);
        self.partitions = self.partitions.max(highest);

        let records = self.window.records();
        for id in self.projector.unlearned(&records) {
            match lookup.schema(id).await.with_context(|| format!("cannot look up schema {id}"))? {
                Some(avro) => self.projector.learn(id, &avro),
                None => tracing::warn!(topic = self.topic, id, "the registry knows no such schema"),
            }
        }
        if let Some(wider) = self.projector.widen(table.columns()) {
            table.widen(&wider).await?;
            tracing::info!(table = self.name, columns = wider.fields().len(), "columns were added");
            anyhow::ensure!(
                self.projector.widen(table.columns()).is_none(),
                "the table still lacks columns after they were added"
            );
        }
        let projected = self.projector.project(&records, table.columns())?;
        let rows = (projected.rows.num_rows() > 0).then_some(&projected.rows);
        let began = Instant::now();
        table.append(rows, &advances).await?;
        histogram!("analytics_commit_duration_seconds", "table" => self.name.clone())
            .record(began.elapsed().as_secs_f64());
        self.upkeep.after_commit(table).await;
        self.report(projected.rows.num_rows(), projected.quarantined, &advances);
        self.window.clear();
        Ok(())
    }

    fn report(&self, rows: usize, quarantined: usize, advances: &[Advance]) {
        let (rows, quarantined) = (rows as u64, quarantined as u64);
        counter!("analytics_commits_total", "table" => self.name.clone()).increment(1);
        counter!("analytics_rows_total", "table" => self.name.clone()).increment(rows);
        counter!("analytics_rows_quarantined_total", "table" => self.name.clone())
            .increment(quarantined);
        if quarantined > 0 {
            tracing::warn!(table = self.name, quarantined, "records could not be read: see _error");
        }
        for Advance { partition, to, .. } in advances {
            let labels = [("table", self.name.clone()), ("partition", partition.to_string())];
            gauge!("analytics_position", &labels).set(*to as f64);
        }
        self.show_pending(0);
        let Some(table) = &self.table else { return };
        gauge!("analytics_files", "table" => self.name.clone()).set(table.files() as f64);
        self.statuses.update(&self.name, |status| {
            status.version = table.version();
            status.files = table.files();
            status.rows_written += rows;
            status.rows_quarantined += quarantined;
            status.positions.extend(advances.iter().map(|advance| (advance.partition, advance.to)));
        });
    }

    /// Shows how many offsets were read and not yet committed.
    pub(super) fn show_pending(&self, offsets: i64) {
        gauge!("analytics_pending_offsets", "table" => self.name.clone()).set(offsets as f64);
    }
}
