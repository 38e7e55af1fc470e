//! Everything one database holds, into another that is empty: rows as they are, whatever they mean.
//!
//! The tables are named here, and a test fails for one that is not; the columns are those that both
//! databases have. Each side is one transaction: the source stays as it is while it is read, and the
//! target has everything or nothing. What is under way is bounded by the channel between the two.
//!
//! **Positions.** Rows of the journal keep theirs, and the target goes on behind the last that the source
//! wrote, even if its row is in compact history by now, or told somebody to be settled. So what Kafka
//! remembers as published means the same in both, and so does the id behind which a feed goes on.

use std::sync::Arc;
use tokio::sync::mpsc;

/// What is copied, in this order.
pub const COPIED: &[&str] = &[
    "restaurants",
    "availability",
    "orders",
    "journal",
    "tasks",
    "archive",
    "contacts",
    "idempotency",
    "bulk_actions",
    "erasures",
    "counters",
    "tombstones",
    "endpoints",
    "deliveries",
    "reader_positions",
];

/// What belongs to one database and stays there.
#[cfg(test)]
pub const LEFT: &[&str] = &[
    // Whose turn it is among the instances of the source: none of them runs.
    "leases",
    "instances",
    // How many relays there are: one in a copy, and one in what is copied.
    "relay_generations",
    // Lifts positions above those that were given: see above.
    "journal_base",
    // Who is connected to which instance of the source: none of them runs.
    "app_connections",
    // Good for half a minute.
    "feed_tickets",
    // What went to compact history: all that was written, for whoever asks the copy.
    "journal_archived",
    "sqlite_sequence",
    // Indexes of what is copied: each has its own.
    "restaurant_orders",
    "customer_orders",
    "customer_runs",
    "indexed_to",
    // Which tables it has.
    "schema_versions",
];

/// The table whose rows carry positions.
pub const JOURNAL: &str = "journal";

/// How many rows go over at once.
pub const PAGE: usize = 1_000;

/// How many pages may be under way.
const UNDER_WAY: usize = 4;

/// A column of a row, in the words that both databases have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number; 0 or 1 where a database knows truth.
    Whole(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What goes from one database to the other.
#[derive(Debug)]
pub enum Part {
    /// Rows of a table; each table has at least one page, if of no rows.
    Page(Page),
    /// That was all of it: where the source ended, and what it counts.
    End {
        /// The last position that it wrote.
        positions: i64,
        /// The last that it will not write any more, as it told its readers: no row to come may have this
        /// position or a lower one.
        settled: i64,
        /// Rows of each table.
        counts: Vec<Count>,
    },
}

/// Rows of one table.
#[derive(Debug)]
pub struct Page {
    /// Which.
    pub table: &'static str,
    /// Their names, in the order of the values.
    pub columns: Arc<[String]>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// Which.
    pub table: &'static str,
    /// So many.
    pub rows: i64,
}

/// Where the source puts what it reads. Fails when nobody takes it any more.
#[derive(Clone)]
pub struct Out(mpsc::Sender<Part>);

impl Out {
    /// Waits until there is room. For a thread that may block.
    pub fn put_blocking(&self, part: Part) -> anyhow::Result<()> {
        self.0.blocking_send(part).map_err(|_| Gone.into())
    }

    /// Waits until there is room.
    pub async fn put(&self, part: Part) -> anyhow::Result<()> {
        self.0.send(part).await.map_err(|_| Gone.into())
    }
}

/// The target has ended before the source: it says why.
#[derive(Debug, thiserror::Error)]
#[error("the other database takes no more")]
pub struct Gone;

/// Where the target takes it from. What ends without [`Part::End`] was not all of it.
pub type In = mpsc::Receiver<Part>;

/// The way from a source to a target.
pub fn way() -> (Out, In) {
    let (out, into) = mpsc::channel(UNDER_WAY);
    (Out(out), into)
}

/// Whether the target took what the source counts, before it is committed.
///
/// # Errors
/// They differ, with where.
pub fn compare(source: &[Count], target: &[Count]) -> anyhow::Result<()> {
    for (there, here) in source.iter().zip(target) {
        anyhow::ensure!(
            there == here,
            "{} has {} rows there and {} here: nothing was copied",
            there.table,
            there.rows,
            here.rows
        );
    }
    Ok(())
}

/// Whether both databases have the same columns, in whatever order.
///
/// # Errors
/// They differ, with where.
pub fn same_columns(table: &str, source: &[String], target: &[String]) -> anyhow::Result<()> {
    let differ = |one: &[String], other: &[String]| {
        one.iter().find(|column| !other.contains(column)).cloned()
    };
    match differ(source, target).or_else(|| differ(target, source)) {
        None => Ok(()),
        Some(column) => anyhow::bail!("only one of the databases has the column {table}.{column}"),
    }
}
