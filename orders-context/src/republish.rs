//! `orders republish`: what was published, again, from journal and compact history: the same records, byte for
//! byte as long as the schema is the same, in the order of their positions.
//!
//! **Into another topic** it may run at any time, under a transactional id of its own. **Into the topic itself**
//! it writes in the relays' place: it claims each shard's relay in Kafka, so that one which comes back fences it,
//! and then it ends. So events of an order never stand among later ones that a living relay writes. Each run has
//! a progress key of its own, in the same transactions: killed and called again with the same arguments it goes
//! on where it was, and each record is written once.

mod place;
mod source;

use crate::domain::Timestamp;
use crate::relay::records::{Records, SchemaIds};
use crate::relay::shards::relay_config;
use crate::store::{Division, Generation, Store};
use anyhow::{bail, ensure};
use chassis::clock::{Clock, parse_rfc3339};
use chassis::kafka::relay::{RelayConfig, claim, find_progress, publish_once, run_relay};
use chassis::kafka::scan::ranges;
use chassis::kafka::{Headers, KafkaConfig, Outgoing};
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use place::Place;
use schemas::Topic;
use schemas::topics::{ORDER_EVENTS, ORDER_STATES, ORDERS_REPUBLISH};
use source::{Entries, Source};
use std::str::FromStr;
use std::sync::Arc;

/// Where a range begins or ends; the end belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At a position of the journal.
    Position(i64),
    /// At a moment.
    Moment(Timestamp),
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        let unknown = || format!("{text} is neither a position nor like 2026-11-27T18:30:00Z");
        parse_rfc3339(text).map(|at_us| Self::Moment(Timestamp(at_us))).ok_or_else(unknown)
    }
}

/// What is published again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Every event of the range.
    Events,
    /// The state of each order after its last published event, if that lies in the range; nothing of orders
    /// that are buried.
    States,
}

impl What {
    /// The topic that the relays write it to.
    #[must_use]
    pub const fn topic(self) -> &'static Topic {
        match self {
            Self::Events => &ORDER_EVENTS,
            Self::States => &ORDER_STATES,
        }
    }
}

/// Another topic than those of the published language, each of which has a writer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere(String);

impl FromStr for Elsewhere {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match schemas::topics::ALL.iter().any(|topic| topic.name == name) {
            true => Err(format!("{name} is no other topic: leave --into out for the original")),
            false => Ok(Self(name.to_owned())),
        }
    }
}

/// What to do with a topic that holds something already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Refuse it.
    Refuse,
    /// Write behind what it holds.
    Append,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Events or states.
    pub what: What,
    /// From there on; else from the beginning.
    pub from: Option<Bound>,
    /// Up to there; else as far as it is published.
    pub to: Option<Bound>,
    /// Another topic than the relays'.
    pub into: Option<Elsewhere>,
    /// Whether that holds something.
    pub full: Full,
}

impl Request {
    fn target(&self) -> &str {
        self.into.as_ref().map_or(self.what.topic().name, |Elsewhere(name)| name)
    }

    /// Names the run among the runs there were: the same arguments are the same run.
    fn key(&self, shard: Option<i32>) -> String {
        let Self { what, from, to, full, .. } = self;
        format!("{} {what:?} {from:?} {to:?} {full:?} {shard:?}", self.target())
    }
}

/// Everything it works with.
pub struct Republish {
    /// Holds what was published.
    pub store: Arc<dyn Store>,
    /// Where to publish.
    pub kafka: KafkaConfig,
    /// What the registry knows our schemas as.
    pub schema_ids: SchemaIds,
    /// For the age of what is not published.
    pub clock: Arc<dyn Clock>,
    /// Names this process to relays that come back.
    pub owner: String,
    /// Reads the store.
    pub runtime: tokio::runtime::Handle,
}

impl Republish {
    /// Forgets how far an earlier run with the same arguments has come: it begins anew. Blocks.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn begin_anew(&self, request: &Request) -> anyhow::Result<()> {
        let shards = (0..crate::store::MOST_SHARDS).map(Some).chain([None]);
        let forget = |shard| Outgoing {
            position: 1,
            topic: ORDERS_REPUBLISH.name.into(),
            key: Some(request.key(shard).into_bytes()),
            payload: None,
            headers: Headers::default(),
            timestamp_ms: self.clock.now_us() / 1_000,
        };
        let rows: Vec<Outgoing> = shards.map(forget).collect();
        publish_once(&self.kafka, "orders-republish", &rows)
    }

    /// Publishes; how many records the range has. Blocks.
    ///
    /// # Errors
    /// When a relay has taken over meanwhile, the target holds something or has other partitions, a part of
    /// what was published cannot be read, or Kafka does not answer.
    pub fn run(&self, request: &Request) -> anyhow::Result<usize> {
        let Division { active, next } = self.runtime.block_on(self.store.division())?;
        // Where Kafka was lost meanwhile, relays wait for this run; they are not at the end of their generation yet.
        let may_go_on = match next {
            None => true,
            Some(next) => {
                let published = crate::relay::shards::published(&self.kafka, active)?;
                request.into.is_none() && published.iter().all(|at| *at < next.begins_after)
            }
        };
        ensure!(may_go_on, "the number of relays is being changed: wait for its end");
        self.check_target(request, active)?;
        match request.into {
            Some(_) => self.run_beside(request, active),
            None => self.run_instead(request, active, next),
        }
    }

    /// The target has the partitions of the original, and holds nothing, unless that is wanted or this run's.
    fn check_target(&self, request: &Request, generation: Generation) -> anyhow::Result<()> {
        let target = request.target();
        let held = ranges(&self.kafka, target)?;
        let partitions = request.what.topic().partitions;
        ensure!(
            usize::try_from(partitions).is_ok_and(|partitions| partitions == held.len()),
            "{target} has {} partitions, not {partitions}: keys would be in others",
            held.len()
        );
        if held.iter().all(|range| range.low == range.high) {
            // What an earlier run with the same arguments wrote is gone.
            return self.begin_anew(request);
        }
        if request.full == Full::Append {
            return Ok(());
        }
        let mut shards = (0..generation.shards).map(Some).chain([None]);
        let has_begun = shards.try_fold(false, |begun, shard| {
            anyhow::Ok(begun || self.progress(request, shard)?.is_some())
        })?;
        ensure!(
            has_begun,
            "{target} holds records: empty it, or write behind them with --append (readers see the same \
             `ce_id`s again, each order's from its beginning)"
        );
        Ok(())
    }

    fn progress(&self, request: &Request, shard: Option<i32>) -> anyhow::Result<Option<i64>> {
        let key = request.key(shard);
        let found = find_progress(&self.kafka, ORDERS_REPUBLISH.name, 0, &key)?;
        Ok(found.map(|progress| progress.position))
    }

    /// Into another topic, beside living relays.
    fn run_beside(&self, request: &Request, generation: Generation) -> anyhow::Result<usize> {
        let positions = crate::relay::shards::published(&self.kafka, generation)?;
        // Up to here nothing is added any more, so that a run that goes on leaves nothing out.
        let published = positions.into_iter().min().unwrap_or(0);
        let entries = self.entries(request, |_, position| position <= published)?;
        self.publish(request, None, entries, "orders-republish")
    }

    /// Into the relays' topic, in their place.
    fn run_instead(
        &self,
        request: &Request,
        generation: Generation,
        next: Option<Generation>,
    ) -> anyhow::Result<usize> {
        let shards = 0..generation.shards;
        let relays: Vec<RelayConfig> =
            shards.map(|shard| relay_config(&self.kafka, shard)).collect();
        let lost = place::lost_up_to(&self.kafka, &*self.store)?;
        if let Some(newest) = lost {
            self.require_everything(request, newest)?;
        }
        // Below its end, so that relays take over here before they open the next generation.
        let most = next.map_or(i64::MAX, |next| next.begins_after - 1);
        let otherwise = lost.unwrap_or(0).min(most);
        let claim = |relay| {
            let position = claim(relay, &self.owner, otherwise)?.max(generation.begins_after);
            Ok((relay, position))
        };
        // The first shard's at last: where that is there, all are.
        let claimed = relays.iter().rev().map(claim).collect::<anyhow::Result<Vec<_>>>()?;
        let mut records = 0;
        for (relay, published) in claimed {
            let shard = relay.shard;
            let is_of_shard = |order_id: &str, position| {
                generation.shard_of(order_id) == shard && position <= published
            };
            let entries = self.entries(request, is_of_shard)?;
            let name = &relay.transactional_id;
            records += self.publish(request, Some(shard), entries, name)?;
        }
        Ok(records)
    }

    /// What counts as published from the claim on is all there is, and can be read.
    fn require_everything(&self, request: &Request, newest: i64) -> anyhow::Result<()> {
        ensure!(
            request.from.is_none() && request.to.is_none(),
            "Kafka holds no position of what was published: publish everything, without --from and --to"
        );
        self.entries(request, |_, position| position <= newest)?;
        tracing::warn!(
            newest,
            "Kafka holds no position: everything up to here counts as published"
        );
        Ok(())
    }

    fn entries(
        &self,
        request: &Request,
        is_wanted: impl Fn(&str, i64) -> bool,
    ) -> anyhow::Result<Entries> {
        let in_range = |row: &crate::store::JournalRow| {
            let is_from = match request.from {
                None => true,
                Some(Bound::Position(position)) => row.position >= position,
                Some(Bound::Moment(moment)) => row.occurred_at >= moment,
            };
            let is_to = match request.to {
                None => true,
                Some(Bound::Position(position)) => row.position <= position,
                Some(Bound::Moment(moment)) => row.occurred_at <= moment,
            };
            is_from && is_to
        };
        let is_published = |row: &crate::store::JournalRow| is_wanted(&row.order_id, row.position);
        let reading = Entries::read(&*self.store, request.what, is_published, in_range);
        self.runtime.block_on(reading)
    }

    /// Publishes `entries` as one run, in the place that `transactional_id` names; as long as nobody takes over, where that
    /// is the place of a shard's relay.
    fn publish(
        &self,
        request: &Request,
        shard: Option<i32>,
        entries: Entries,
        transactional_id: &str,
    ) -> anyhow::Result<usize> {
        let (records, Some(end)) = (entries.len(), entries.end()) else { return Ok(0) };
        let relay = RelayConfig {
            progress_key: Some(request.key(shard)),
            batch: source::PAGE,
            reads_back: request.full != Full::Append,
            ..RelayConfig::new(
                self.kafka.clone(),
                transactional_id,
                ORDERS_REPUBLISH.name,
                &[request.target()],
            )
        };
        let place = shard.map(|shard| Arc::new(Place::new(&self.kafka, shard, &self.owner)));
        let source = Source {
            entries,
            what: request.what,
            records: Records::new(self.schema_ids)?.into(request.target()),
            store: Arc::clone(&self.store),
            runtime: self.runtime.clone(),
            place: place.clone(),
        };
        let clock = Arc::clone(&self.clock);
        run_relay(relay, source, Signal::new(), clock, Shutdown::new())?;
        let reached = self.progress(request, shard)?.unwrap_or(0);
        if reached < end {
            let cause = place.map_or("call it again".to_owned(), |at| at.cause(request.target()));
            bail!("it ended at position {reached} of {end}: {cause}");
        }
        Ok(records)
    }
}
