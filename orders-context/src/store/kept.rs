//! Everything that is kept of an order, for checks.

use super::JournalRow;
use crate::domain::{Order, Status, Timestamp};

/// All that is kept of one order, for checks. What cannot be read is no error here: it is left out
/// and told of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Whose.
    pub order_id: String,
    /// Its row, if it has one that can be read.
    pub row: Option<KeptRow>,
    /// Its journal, ascending by sequence.
    pub journal: Vec<JournalRow>,
    /// Why something of it cannot be read, one sentence each.
    pub unreadable: Vec<String>,
}

/// The row of an order: the fold of its journal, and the columns that are searched by.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptRow {
    /// The fold.
    pub order: Order,
    /// The column of this name.
    pub version: i64,
    /// The column of this name.
    pub status: Status,
    /// The column of this name.
    pub restaurant_id: String,
    /// The column of this name; `None` if a version before this column has written the row.
    pub customer_id: Option<String>,
    /// The column of this name.
    pub flow_version: i32,
    /// The column of this name.
    pub placed_at: Timestamp,
    /// Since when it stands in its status; `None` as above.
    pub since: Option<Timestamp>,
    /// The column of this name: until when something has to happen, unless it is at rest.
    pub deadline: Option<Timestamp>,
    /// When it wants to be looked at again; `None`: never by itself.
    pub wake_at: Option<Timestamp>,
}
