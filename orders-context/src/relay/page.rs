//! The orders of a page of the journal. Each is looked for once, however many rows it has: a relay that drains a
//! backlog reads a hundred thousand rows a second. And before anything is remembered of the page, for which others may
//! be forgotten.

use super::times::{Memory, Met};
use crate::store::ToPublish;
use std::collections::HashMap;

/// One order of a page.
pub struct OrderInPage {
    /// What is known of it, before its rows are taken in.
    pub met: Option<Met>,
    /// The position of its last row, or of its tombstone if that comes later.
    pub last: i64,
    /// The sequence of its first row.
    first: i64,
}

/// The orders of a page, by number.
#[derive(Default)]
pub struct Orders {
    /// Each order.
    pub orders: Vec<OrderInPage>,
    /// The number of each row's order.
    pub of_rows: Vec<usize>,
    /// The number of each tombstone's order, if it has rows in the page.
    pub of_tombstones: Vec<Option<usize>>,
}

impl Orders {
    /// Those of `page`, with what `memory` knows of them; `ask` is given the ids of those of which it knows nothing
    /// though they did not begin here, and makes it known to the memory.
    ///
    /// # Errors
    /// That of `ask`.
    pub fn of<E>(
        page: &ToPublish,
        memory: &mut Memory,
        ask: impl FnOnce(&[&str], &mut Memory) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut numbers: HashMap<&str, usize> = HashMap::with_capacity(page.rows.len());
        let mut ids: Vec<&str> = Vec::new();
        let mut found = Self { of_rows: Vec::with_capacity(page.rows.len()), ..Self::default() };
        for row in &page.rows {
            let number = *numbers.entry(&row.order_id).or_insert(ids.len());
            match found.orders.get_mut(number) {
                Some(order) => order.last = row.position,
                None => {
                    let (met, first) = (memory.get(&row.order_id), row.sequence);
                    found.orders.push(OrderInPage { met, last: row.position, first });
                    ids.push(&row.order_id);
                }
            }
            found.of_rows.push(number);
        }
        for stone in &page.tombstones {
            let number = numbers.get(&*stone.order_id).copied();
            if let Some(number) = number {
                let order = &mut found.orders[number];
                order.last = order.last.max(stone.position);
            }
            found.of_tombstones.push(number);
        }
        let is_unknown = |order: &OrderInPage| order.met.is_none() && order.first != 1;
        let pairs = || found.orders.iter().zip(&ids);
        let unknown: Vec<&str> =
            pairs().filter(|(order, _)| is_unknown(order)).map(|(_, id)| *id).collect();
        if !unknown.is_empty() {
            ask(&unknown, memory)?;
            // What was known before may have been forgotten for it.
            for (order, id) in found.orders.iter_mut().zip(ids) {
                order.met = order.met.or_else(|| memory.get(id));
            }
        }
        Ok(found)
    }
}
