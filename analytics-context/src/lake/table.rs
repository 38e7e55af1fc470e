//! One Delta table: its rows and, in the same commits, the positions they were read up to.
//!
//! The commit is optimistic: it is built on the version last seen and refused by the store when
//! anybody has committed since. So the positions remembered for that version are the true ones at
//! the moment of the commit, and comparing against them is comparing against the table itself.

mod commit;
mod merge;
mod schema;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use arrow::datatypes::SchemaRef;
use deltalake_core::DeltaTable;
use deltalake_core::protocol::SaveMode;
use serde_json::Value;

use super::durable::sweep;
use super::files::STATISTICS;
use super::layout::{Lake, table_name};
use crate::projection::{DATE, PARTITION, TableSchema};

pub use commit::{Advance, CommitError};
pub use merge::LiveFile;

/// Where a table's rows come from. Positions belong to it: the same topic of another cluster is
/// another source, whose offsets mean something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Kafka's id of the cluster.
    pub cluster: String,
    /// The topic.
    pub topic: String,
}

/// The property that tells a table's source.
const CLUSTER: &str = "takeaway.cluster";

/// How long a file may be written to before it is moved into its place. It takes seconds.
const STAGED_FOR: Duration = Duration::from_secs(24 * 3600);

/// A table, as of the version last seen.
pub struct Table {
    source: Source,
    delta: DeltaTable,
    columns: SchemaRef,
    /// Positions as of that version; a partition without an entry has not been looked up.
    positions: BTreeMap<i32, Option<i64>>,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It holds the rows of another cluster's topic. Waiting does not help.
    #[error(
        "the table in {folder} holds {topic} of Kafka cluster {found}, but this is cluster \
         {cluster}: its offsets mean other records. Point LAKE_URI at another folder, or move the \
         table away"
    )]
    Foreign {
        /// Where it is.
        folder: String,
        /// The topic.
        topic: String,
        /// The cluster of its rows.
        found: String,
        /// The cluster that is read now.
        cluster: String,
    },
    /// The folder cannot be read or written. It may help to try again.
    #[error("the table cannot be opened")]
    Failed(#[from] anyhow::Error),
}

impl Table {
    /// Opens the table of a source, and creates it when there is none.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        lake: &Lake,
        source: Source,
        schema: &TableSchema,
    ) -> Result<Self, OpenError> {
        let folder = lake.folder(&source.topic);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let delta = lake.delta(&source.topic)?;
        if !exists(&delta).await? {
            create(delta, &source, schema).await?;
        }
        match Self::find(lake, source).await? {
            Some(table) => Ok(table),
            None => Err(anyhow::anyhow!("{} is gone again", folder.display()).into()),
        }
    }

    /// The table of a source, if there is one.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn find(lake: &Lake, source: Source) -> Result<Option<Self>, OpenError> {
        let mut delta = lake.delta(&source.topic)?;
        if !exists(&delta).await? {
            return Ok(None);
        }
        delta.load().await.context("cannot read the table's log")?;
        let state = delta.snapshot().map_err(anyhow::Error::from)?;
        let found = state.metadata().configuration().get(CLUSTER).cloned().unwrap_or_default();
        if found != source.cluster {
            let folder = lake.folder(&source.topic).display().to_string();
            let Source { cluster, topic } = source;
            return Err(OpenError::Foreign { folder, topic, found, cluster });
        }
        let columns = schema::columns(&delta)?;
        Ok(Some(Self { source, delta, columns, positions: BTreeMap::new() }))
    }

    /// The table's name.
    pub fn name(&self) -> String {
        table_name(&self.source.topic)
    }

    /// The table's columns.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// The table's version, which rises by one with each commit.
    pub fn version(&self) -> u64 {
        self.delta.version().unwrap_or_default()
    }

    /// How many files hold its rows.
    pub fn files(&self) -> usize {
        self.delta.snapshot().map_or(0, |state| state.log_data().num_files())
    }

    /// The table for reading and maintenance, as of the version last seen.
    pub fn delta(&self) -> &DeltaTable {
        &self.delta
    }

    /// The highest partition that has a row, as the files' statistics tell.
    pub fn highest_partition(&self) -> Option<i32> {
        let state = self.delta.snapshot().ok()?;
        let highest = |stats: String| {
            let stats: Value = serde_json::from_str(&stats).ok()?;
            i32::try_from(stats["maxValues"][PARTITION].as_i64()?).ok()
        };
        state.log_data().into_iter().filter_map(|file| highest(file.stats()?)).max()
    }

    /// Removes what dead writers have left in the table's folder that no version and no listing shows. How many files
    /// that were.
    ///
    /// # Errors
    /// When the folder is not a local one, or cannot be changed.
    pub fn sweep(&self) -> anyhow::Result<usize> {
        let folder = self.delta.table_url().to_file_path();
        let folder = folder.map_err(|()| anyhow::anyhow!("the table is in no folder"))?;
        sweep(&folder, STAGED_FOR).context("cannot remove what dead writers have left")
    }

    /// Looks again: forgets what was seen and reads the newest version.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn reload(&mut self) -> anyhow::Result<()> {
        self.positions.clear();
        self.delta.update_state().await.context("cannot read the table's log")?;
        self.columns = schema::columns(&self.delta)?;
        Ok(())
    }

    /// The position stored for a partition: the offset that is to be read next; `None` when
    /// nothing of it was ever committed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn position(&mut self, partition: i32) -> anyhow::Result<Option<i64>> {
        if let Some(known) = self.positions.get(&partition) {
            return Ok(*known);
        }
        let (log, id) = (self.delta.log_store(), self.source.application(partition));
        let stored = self.delta.snapshot()?.transaction_version(&log, id).await?;
        self.positions.insert(partition, stored);
        Ok(stored)
    }
}

impl Source {
    /// The application id under which Delta keeps a partition's position.
    pub fn application(&self, partition: i32) -> String {
        format!("kafka/{}/{}/{partition}", self.cluster, self.topic)
    }
}

async fn exists(delta: &DeltaTable) -> anyhow::Result<bool> {
    delta.verify_deltatable_existence().await.context("cannot look for the table's log")
}

async fn create(
    delta: DeltaTable,
    source: &Source,
    schema: &TableSchema,
) -> anyhow::Result<DeltaTable> {
    let properties = [
        (CLUSTER, source.cluster.as_str()),
        ("takeaway.topic", &source.topic),
        ("takeaway.record", &schema.record),
        ("delta.checkpointInterval", "100"),
        ("delta.dataSkippingStatsColumns", STATISTICS),
    ];
    delta
        .create()
        .with_table_name(table_name(&source.topic))
        .with_comment(format!("Every record of the topic {}, one row each.", source.topic))
        .with_columns(schema::delta_fields(&schema.columns)?)
        .with_partition_columns([DATE])
        .with_raise_if_key_not_exists(false)
        .with_configuration(properties.map(|(name, value)| (name, Some(value))))
        // Two that create at once: one does, the other opens what it finds.
        .with_save_mode(SaveMode::Ignore)
        .await
        .with_context(|| format!("cannot create the table of {}", source.topic))
}
