//! Is the last state of each order on the topic what its journal makes of it?

use super::{Published, Report};
use crate::domain::{Order, evolve};
use crate::relay::{records::to_state, times::Times, to_event};
use crate::store::{Kept, Tombstone};
use anyhow::Context;
use chassis::kafka::scan::{Isolation, scan};
use chassis::kafka::{Incoming, KafkaConfig};
use schemas::registry::RegistryClient;
use schemas::topics::ORDER_STATES;
use schemas::{DecodeError, Decoder, OrderState};
use std::collections::HashMap;
use tokio::runtime::Handle;

/// The last record of each key, tombstones aside.
pub(super) struct States {
    last: HashMap<String, OrderState>,
}

impl States {
    /// Reads the topic to its end.
    pub(super) fn read(
        kafka: &KafkaConfig,
        registry: &RegistryClient,
        runtime: &Handle,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let mut last = HashMap::new();
        let mut decoder = Decoder::<OrderState>::new();
        scan(kafka, ORDER_STATES.name, Isolation::Committed, |record| {
            let Incoming { partition, offset, key, payload, .. } = record;
            let at = || format!("states, partition {partition} offset {offset}");
            let key = String::from_utf8_lossy(&key.unwrap_or_default()).into_owned();
            let Some(payload) = payload else {
                last.remove(&key);
                return Ok(());
            };
            if let Err(DecodeError::UnknownSchema(id)) = decoder.decode(&payload) {
                let schema = runtime.block_on(registry.schema_by_id(id));
                let schema = schema.context("the schema of a state cannot be looked up")?;
                // A schema that is not ours is remembered, and the next call says so.
                let _ = decoder.add(id, &schema);
            }
            match decoder.decode(&payload) {
                Ok(state) if state.order_id == key => drop(last.insert(key, state)),
                Ok(state) => {
                    let order_id = state.order_id;
                    report.differs(format!("{}: keyed otherwise than by order {order_id}", at()));
                }
                Err(cause) => report.differs(format!("{}: not an order's state: {cause}", at())),
            }
            Ok(())
        })?;
        report.topic_states = last.len();
        Ok(Self { last })
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
