//! Is the last state of each order on the topic what its journal makes of it?

use super::{Published, Report, read};
use crate::domain::{Order, evolve};
use crate::relay::{records::to_state, times::Times, to_event};
use crate::store::{Kept, Tombstone};
use chassis::kafka::Incoming;
use schemas::OrderState;
use schemas::registry::{RecordReader, RegistryClient};
use std::collections::HashMap;
use tokio::runtime::Handle;

/// The last record of each key, tombstones aside.
pub(super) struct States {
    reader: RecordReader<OrderState>,
    runtime: Handle,
    last: HashMap<String, OrderState>,
}

impl States {
    /// Of a topic that has not been read.
    pub(super) fn new(registry: &RegistryClient, runtime: &Handle) -> Self {
        Self { reader: RecordReader::new(registry), runtime: runtime.clone(), last: HashMap::new() }
    }

    /// Takes the next record of the topic.
    pub(super) fn take(&mut self, record: Incoming, report: &mut Report) -> anyhow::Result<()> {
        let Incoming { partition, offset, key, payload, .. } = record;
        let at = || format!("states, partition {partition} offset {offset}");
        let key = String::from_utf8_lossy(&key.unwrap_or_default()).into_owned();
        let Some(payload) = payload else {
            self.last.remove(&key);
            return Ok(());
        };
        match read(&mut self.reader, &self.runtime, &payload)? {
            Ok(state) if state.order_id == key => drop(self.last.insert(key, state)),
            Ok(state) => {
                let order_id = state.order_id;
                report.differs(format!("{}: keyed otherwise than by order {order_id}", at()));
            }
            Err(cause) => report.differs(format!("{}: not an order's state: {cause}", at())),
        }
        Ok(())
    }

    /// Of how many orders the state is on the topic.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// The topic was read after `published` was, and before `kept` was.
    pub(super) fn compare(
        &mut self,
        kept: &Kept,
        tombstone: Option<&Tombstone>,
        published: &Published,
        report: &mut Report,
    ) {
        let order_id = &kept.order_id;
        let theirs = self.last.remove(order_id);
        if let Some(tombstone) = tombstone {
            let is_said = published.has_come_to(tombstone.position, order_id);
            if is_said && theirs.is_some() {
                report.differs(format!("{order_id}: it is to be forgotten, and has a state"));
            }
            return;
        }
        let least = kept.journal.iter().filter(|row| published.has(row)).count();
        let Some(theirs) = theirs else {
            if least > 0 {
                report.differs(format!(
                    "{order_id}: no state is on the topic (orders republish --state puts it there)"
                ));
            }
            return;
        };
        match state_after(kept, theirs.sequence) {
            Some(ours) if ours == theirs && theirs.sequence >= least as i64 => {}
            Some(ours) if ours == theirs => report.differs(format!(
                "{order_id}: the state on the topic is that after event {}, not after {least}",
                theirs.sequence
            )),
            _ => report.differs(format!(
                "{order_id}: the state on the topic after event {} is not what the journal makes",
                theirs.sequence
            )),
        }
    }

    /// What is left is of no order.
    pub(super) fn compare_rest(&self, report: &mut Report) {
        for order_id in self.last.keys() {
            report.differs(format!("{order_id}: it has a state and no journal"));
        }
    }
}

/// The state that the journal makes of an order up to `sequence`, if it has as many events.
fn state_after(kept: &Kept, sequence: i64) -> Option<OrderState> {
    let mut order: Option<Order> = None;
    for row in &kept.journal {
        order = evolve(order, &kept.order_id, row.occurred_at, &row.event);
        if row.sequence == sequence {
            return Some(to_state(to_event(row.clone()), Times::from(order.as_ref()?)));
        }
    }
    None
}
