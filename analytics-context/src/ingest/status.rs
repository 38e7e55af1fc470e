//! What the process knows of its tables, for people and for metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One table as of its last commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// The topic whose records it holds.
    pub topic: String,
    /// Its folder.
    pub location: String,
    /// Its version in Delta.
    pub version: u64,
    /// How many files hold its rows.
    pub files: usize,
    /// Rows committed since the process started.
    pub rows_written: u64,
    /// How many of them could not be read.
    pub rows_quarantined: u64,
    /// Next offset to be read, by partition, as it is stored.
    pub positions: BTreeMap<i32, i64>,
}

/// The tables by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Statuses(Arc<Mutex<BTreeMap<String, TableStatus>>>);

impl Statuses {
    /// All tables.
    pub fn all(&self) -> BTreeMap<String, TableStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what is known of one.
    pub fn update(&self, table: &str, change: impl FnOnce(&mut TableStatus)) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(tables.entry(table.to_owned()).or_default());
    }
}
