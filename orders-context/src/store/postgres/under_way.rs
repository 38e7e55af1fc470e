//! How many orders somebody has under way, as the database counted them at the beginning of a group, and
//! as the group changes it: of restaurants and of customers.

use super::rows::get;
use crate::domain::Order;
use crate::store::{Commit, Error};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Row;

/// By the id of whose they are. Who was not counted stays so.
#[derive(Default)]
pub struct UnderWay(HashMap<String, i64>);

impl UnderWay {
    /// Rows of an id and a number.
    pub fn read(counted: &[Row]) -> Result<Self, Error> {
        let count = |row: &Row| Ok((get(row, 0)?, get(row, 1)?));
        Ok(Self(counted.iter().map(count).collect::<Result<_, Error>>()?))
    }

    /// How many; none if they were not counted.
    pub fn of(&self, id: &str) -> i64 {
        self.0.get(id).copied().unwrap_or_default()
    }

    /// The group has inserted an order of theirs, which does not stand yet.
    pub fn set_aside(&mut self, id: &str) {
        if let Some(under_way) = self.0.get_mut(id) {
            *under_way -= 1;
        }
    }

    /// A commit of theirs stands.
    pub fn follow(&mut self, id: &str, commit: &Commit) {
        if let (Some(under_way), false) = (self.0.get_mut(id), commit.entries.is_empty()) {
            let is_under_way = |order: &Arc<Order>| i64::from(!order.status.is_at_rest());
            *under_way +=
                is_under_way(&commit.order) - commit.before.as_ref().map_or(0, is_under_way);
        }
    }
}
