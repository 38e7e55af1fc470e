//! The comparison itself, without Kafka or a database.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{VoucherEvent, VoucherFact};

/// Where a dead letter came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: String,
    /// The offset.
    pub offset: String,
}

/// What the journal, or the topics, say.
#[derive(Debug, Default)]
pub struct Facts {
    vouchers: BTreeMap<String, Vec<VoucherEvent>>,
    /// What was set aside, in any order.
    pub dead_letters: Vec<Origin>,
    /// How many of a voucher's last events, and of an origin's dead letters, the topics may still lack.
    new_events: BTreeMap<String, usize>,
    new_letters: BTreeMap<Origin, usize>,
}

impl Facts {
    /// Adds an event behind those of the same voucher.
    pub fn add_event(&mut self, event: VoucherEvent) {
        self.vouchers.entry(event.voucher_id.clone()).or_default().push(event);
    }

    /// The same for one that the topics may still lack.
    pub fn add_new_event(&mut self, event: VoucherEvent) {
        *self.new_events.entry(event.voucher_id.clone()).or_default() += 1;
        self.add_event(event);
    }

    /// Adds a dead letter that the topics may still lack.
    pub fn add_new_letter(&mut self, letter: Origin) {
        *self.new_letters.entry(letter.clone()).or_default() += 1;
        self.dead_letters.push(letter);
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.vouchers.values().map(Vec::len).sum()
    }

    /// How many vouchers were issued.
    pub fn issued(&self) -> i64 {
        let is_issue = |event: &&VoucherEvent| matches!(event.fact, VoucherFact::VoucherIssued(_));
        self.vouchers.values().flatten().filter(is_issue).count() as i64
    }
}

/// What differs, one sentence each; nothing if the topics are what the journal says, or lack only what is new to it.
pub fn differences(journal: &Facts, topics: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let ids: BTreeSet<&String> = journal.vouchers.keys().chain(topics.vouchers.keys()).collect();
    for id in ids {
        let kept = journal.vouchers.get(id).map_or(&[][..], Vec::as_slice);
        let published = topics.vouchers.get(id).map_or(&[][..], Vec::as_slice);
        let new = journal.new_events.get(id).copied().unwrap_or(0);
        if !kept.starts_with(published) || kept.len() > published.len() + new {
            let (kept, published) = (outline(kept), outline(published));
            found.push(if kept == published {
                format!("voucher {id}: the events [{kept}] say something else on the topic")
            } else {
                format!("voucher {id}: the journal has [{kept}], the topic [{published}]")
            });
        }
    }
    let mut pairs = BTreeMap::<(&str, &str), BTreeSet<&str>>::new();
    for event in topics.vouchers.values().flatten() {
        let pair = (event.campaign_id.as_str(), event.order_id.as_str());
        pairs.entry(pair).or_default().insert(&event.voucher_id);
    }
    for ((campaign, order), vouchers) in pairs.iter().filter(|(_, vouchers)| vouchers.len() > 1) {
        let count = vouchers.len();
        found.push(format!("order {order}: the topic has {count} vouchers of campaign {campaign}"));
    }
    let (kept, published) = (counted(journal), counted(topics));
    for origin in kept.keys().chain(published.keys()).collect::<BTreeSet<_>>() {
        let count = |counted: &BTreeMap<&Origin, usize>| counted.get(origin).copied().unwrap_or(0);
        let (kept, published) = (count(&kept), count(&published));
        let new = journal.new_letters.get(*origin).copied().unwrap_or(0);
        if published > kept || kept > published + new {
            let Origin { topic, partition, offset } = origin;
            found.push(format!(
                "dead letter of {topic}/{partition} offset {offset}: the journal has {kept}, the \
                 topic {published}"
            ));
        }
    }
    found
}

fn outline(events: &[VoucherEvent]) -> String {
    let one = |event: &VoucherEvent| format!("{}: {}", event.sequence, event.event_id);
    events.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn counted(facts: &Facts) -> BTreeMap<&Origin, usize> {
    let mut counted = BTreeMap::new();
    for origin in &facts.dead_letters {
        *counted.entry(origin).or_insert(0) += 1;
    }
    counted
}

#[cfg(test)]
mod tests;
