//! How many orders the customers of a group's new ones have under way. Nobody is locked for it: two
//! instances that commit at the same moment may each let one more in.

use super::rows::get;
use crate::store::{Commit, Error, Stage};
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::Row;

/// Reads as many entries of an index as these customers have orders under way.
pub const COUNT: &str = "SELECT customer_id, count(*) FROM orders
    WHERE customer_id = ANY($1::text[]) AND deadline IS NOT NULL GROUP BY customer_id";

/// Those whose new orders are limited.
pub fn limited(commits: &[Commit]) -> Vec<&str> {
    let limited = commits.iter().filter(|commit| commit.most_open.is_some());
    let ids: BTreeSet<&str> = limited.map(|commit| commit.order.customer_id.as_str()).collect();
    ids.into_iter().collect()
}

/// What the database said of them, and what the group adds.
#[derive(Default)]
pub struct Customers(HashMap<String, i64>);

impl Customers {
    pub fn read(counted: &[Row]) -> Result<Self, Error> {
        let count = |row: &Row| Ok((get(row, 0)?, get(row, 1)?));
        Ok(Self(counted.iter().map(count).collect::<Result<_, Error>>()?))
    }

    /// The group has inserted this order, which does not stand yet.
    pub fn set_aside(&mut self, commit: &Commit) {
        if let Some(under_way) = self.0.get_mut(&commit.order.customer_id) {
            *under_way -= 1;
        }
    }

    /// Whether the order may come, if it is a new one.
    pub fn have_room_for(&self, commit: &Commit) -> bool {
        let under_way = self.0.get(&commit.order.customer_id).copied().unwrap_or_default();
        commit.most_open.is_none_or(|most_open| under_way < i64::from(most_open))
    }

    /// A commit stands.
    pub fn follow(&mut self, commit: &Commit) {
        if let (Some(under_way), false) =
            (self.0.get_mut(&commit.order.customer_id), commit.entries.is_empty())
        {
            let is_under_way = |stage: Stage| i64::from(!stage.status.is_at_rest());
            *under_way +=
                is_under_way(Stage::of(&commit.order)) - commit.before.map_or(0, is_under_way);
        }
    }
}
