//! What was published, as a journal for the relay's own loop: journal and compact history in one order.
//!
//! Where every record stands is read first, orders one after the other: about 16 bytes a record and 60 an order.
//! Then the rows themselves, a page at a time, wherever they are by then.

use super::What;
use super::place::Place;
use crate::domain::{Order, evolve};
use crate::relay::records::Records;
use crate::relay::{times::Times, to_event};
use crate::store::{JournalRow, Kept, Store};
use anyhow::{Context, ensure};
use chassis::kafka::relay::{Journal, Page};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::runtime::Handle;

/// How many records are in one transaction at most, and how many orders are read at once.
pub(super) const PAGE: usize = 1_000;

/// Where each record stands: its position, and the number of its order.
#[derive(Default)]
pub(super) struct Entries {
    entries: Vec<(i64, usize)>,
    order_ids: Vec<String>,
}

impl Entries {
    /// The records of all orders, of rows that are published and in the range.
    pub(super) async fn read(
        store: &dyn Store,
        what: What,
        is_published: impl Fn(&JournalRow) -> bool,
        in_range: impl Fn(&JournalRow) -> bool,
    ) -> anyhow::Result<Self> {
        let mut all = Self::default();
        let mut after = String::new();
        loop {
            let order_ids = store.known_ids(after, PAGE).await?;
            let Some(last) = order_ids.last() else { break };
            after = last.clone();
            let buried = match what {
                What::Events => BTreeSet::new(),
                What::States => buried(store, &order_ids)?,
            };
            for kept in store.kept(order_ids).await? {
                let Kept { order_id, journal, unreadable, .. } = kept;
                ensure!(
                    unreadable.is_empty(),
                    "{order_id} cannot be read: {}",
                    unreadable.join(", ")
                );
                let published = journal.iter().filter(|row| is_published(row));
                let mut positions: Vec<i64> = match what {
                    What::Events => {
                        published.filter(|row| in_range(row)).map(|row| row.position).collect()
                    }
                    What::States => published
                        .last()
                        .filter(|row| in_range(row))
                        .map(|row| row.position)
                        .into_iter()
                        .collect(),
                };
                if buried.contains(&order_id) {
                    positions.clear();
                }
                all.add(order_id, positions);
            }
        }
        all.entries.sort_unstable();
        Ok(all)
    }

    fn add(&mut self, order_id: String, positions: Vec<i64>) {
        if !positions.is_empty() {
            let number = self.order_ids.len();
            self.entries.extend(positions.into_iter().map(|position| (position, number)));
            self.order_ids.push(order_id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The position of the last one.
    pub(super) fn end(&self) -> Option<i64> {
        self.entries.last().map(|(position, _)| *position)
    }

    fn earlier(&self, position: i64, records: usize) -> i64 {
        let end = self.entries.partition_point(|(at, _)| *at <= position);
        let last = end.checked_sub(records + 1).and_then(|index| self.entries.get(index));
        last.map_or(0, |(position, _)| *position)
    }

    fn after(&self, position: i64, limit: usize) -> &[(i64, usize)] {
        let begin = self.entries.partition_point(|(at, _)| *at <= position);
        let end = self.entries.len().min(begin + limit);
        self.entries.get(begin..end).unwrap_or_default()
    }
}

fn buried(store: &dyn Store, order_ids: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let asked: Vec<&str> = order_ids.iter().map(|id| &**id).collect();
    let known = tokio::task::block_in_place(|| store.journal_reader()?.known_of(&asked, 0))?;
    Ok(known.tombstones.into_iter().map(|stone| stone.order_id).collect())
}

/// The records themselves.
pub(super) struct Source {
    pub(super) entries: Entries,
    pub(super) what: What,
    pub(super) records: Records,
    pub(super) store: Arc<dyn Store>,
    pub(super) runtime: Handle,
    /// The relay's, that it is written in, if it is.
    pub(super) place: Option<Arc<Place>>,
}

impl Source {
    fn write(&self, kept: &Kept, position: i64, out: &mut Page) -> anyhow::Result<()> {
        let at = kept.journal.iter().position(|row| row.position == position);
        let at =
            at.with_context(|| format!("{}: the event at {position} is gone", kept.order_id))?;
        let row = kept.journal[at].clone();
        match self.what {
            What::Events => drop(self.records.event(row, out)?),
            What::States => {
                let mut order: Option<Order> = None;
                for row in &kept.journal[..=at] {
                    order = evolve(order, &kept.order_id, row.occurred_at, &row.event);
                }
                let order = order.with_context(|| format!("{}: no beginning", kept.order_id))?;
                self.records.state(position, to_event(row), Times::from(&order), out)?;
            }
        }
        Ok(())
    }
}

impl Journal for Source {
    fn read_after(&mut self, position: i64, limit: usize, out: &mut Page) -> anyhow::Result<()> {
        let entries = self.entries.after(position, limit);
        let numbers: BTreeSet<usize> = entries.iter().map(|(_, number)| *number).collect();
        let order_ids = numbers.iter().map(|number| self.entries.order_ids[*number].clone());
        let kept = self.runtime.block_on(self.store.kept(order_ids.collect()))?;
        let kept: HashMap<usize, Kept> = numbers.into_iter().zip(kept).collect();
        for (position, number) in entries {
            let kept = kept.get(number).context("an order is gone")?;
            self.write(kept, *position, out)?;
        }
        Ok(())
    }

    fn earlier(&mut self, position: i64, rows: usize) -> anyhow::Result<i64> {
        Ok(self.entries.earlier(position, rows))
    }

    fn is_ours(&self) -> bool {
        self.place.as_ref().is_none_or(|place| place.is_ours())
    }

    fn end(&self) -> Option<i64> {
        self.entries.end()
    }
}
