//! What one instance holds and what follows from how the leases stand. Pure: moments come in.
//!
//! **A fair part.** An instance takes free leases up to its part: the number of leases over the
//! number of living instances. Beyond that it lets the others go first and takes what it finds free
//! twice in a row. Who holds more than the part of those that have been alive for a while stops one
//! work and gives its lease back: so work spreads again after a rolling restart, and an instance that
//! dies again and again moves nothing.

use super::{HELD_FOR, Held};
use crate::store::{Lease, Standing};
use chassis::clock::BootInstant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one instance may do, and does.
#[derive(Clone, Debug, Default)]
pub struct Duty {
    works: BTreeSet<Arc<str>>,
    holdings: BTreeMap<Arc<str>, Holding>,
    /// Free at the last look.
    free_before: BTreeSet<Arc<str>>,
    /// Given back, and taken by nobody since.
    given: BTreeSet<Arc<str>>,
    /// Given back in vain while there were so many instances: none of them wants it.
    kept: BTreeSet<Arc<str>>,
    instances: usize,
}

#[derive(Clone, Debug)]
struct Holding {
    held: Held,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The work goes on.
    Working,
    /// Told to stop, so that the lease can be given back.
    Surplus,
    /// The work has stopped.
    ToGiveBack,
    /// Told to stop because another may have the lease.
    Lost,
}

/// One look at the leases, and what was done there.
#[derive(Debug)]
pub struct Look {
    /// Before anything was asked.
    pub asked_at: BootInstant,
    /// Given back.
    pub given_back: Vec<Arc<str>>,
    /// Which were to be prolonged.
    pub prolonged: Vec<Arc<str>>,
    /// The answer to that.
    pub standing: Standing,
    /// Taken anew.
    pub taken: Vec<Lease>,
}

/// What to do after a look.
#[derive(Debug, Default)]
pub struct Changes {
    /// Works to begin.
    pub begin: Vec<Held>,
    /// Works to stop.
    pub stop: Vec<Arc<str>>,
}

/// What the end of a work means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to, or could not go on without its lease.
    Expectedly,
    /// Its lease is held, and it is to be done.
    ByItself,
}

impl Duty {
    /// From now on these are the works there are.
    pub fn want(&mut self, works: impl IntoIterator<Item = Arc<str>>) {
        self.works = works.into_iter().collect();
    }

    /// Which leases to prolong, and which to give back before.
    pub fn to_ask(&self) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let of = |wanted: fn(State) -> bool| {
            let chosen = self.holdings.iter().filter(|(_, holding)| wanted(holding.state));
            chosen.map(|(name, _)| Arc::clone(name)).collect()
        };
        let is_prolonged = |state| matches!(state, State::Working | State::Surplus);
        (of(is_prolonged), of(|state| state == State::ToGiveBack))
    }

    /// Which leases to take now.
    pub fn to_take(&self, standing: &Standing) -> Vec<Arc<str>> {
        let room = part(self.works.len(), standing.instances).saturating_sub(standing.held.len());
        let (again, new): (Vec<_>, Vec<_>) =
            self.free(standing).into_iter().partition(|name| self.free_before.contains(name));
        let fair = room.saturating_sub(again.len());
        again.into_iter().chain(new.into_iter().take(fair)).collect()
    }

    /// Those that nobody holds and whose work does not run here.
    fn free(&self, standing: &Standing) -> Vec<Arc<str>> {
        let is_free = |name: &&Arc<str>| {
            !standing.taken.contains(*name) && !self.holdings.contains_key(*name)
        };
        self.works.iter().filter(is_free).cloned().collect()
    }

    /// Takes note of a look.
    pub fn settle(&mut self, look: &Look) -> Changes {
        let mut changes = Changes::default();
        // What was given back just now is for the others to look at first.
        self.free_before = self.free(&look.standing).into_iter().collect();
        self.given.retain(|name| !look.standing.taken.contains(name));
        if look.standing.instances != self.instances {
            self.instances = look.standing.instances;
            self.kept.clear();
        }
        for name in &look.given_back {
            self.holdings.remove(name);
            self.given.insert(Arc::clone(name));
        }
        for name in &look.prolonged {
            let kept = look.standing.held.iter().any(|lease| lease.name == *name);
            match self.holdings.get_mut(name) {
                Some(holding) if kept => holding.held.prolong(look.asked_at + HELD_FOR),
                Some(holding) => lose(name, holding, &mut changes),
                None => {}
            }
        }
        for lease in &look.taken {
            let held = Held::until(lease.clone(), look.asked_at + HELD_FOR);
            self.free_before.remove(&lease.name);
            if self.given.remove(&lease.name) {
                self.kept.insert(Arc::clone(&lease.name));
            }
            let holding = Holding { held: held.clone(), state: State::Working };
            self.holdings.insert(Arc::clone(&lease.name), holding);
            changes.begin.push(held);
        }
        // What has just begun is no surplus: it must run before it can be told to stop.
        if look.taken.is_empty() {
            changes.stop.extend(self.surplus(&look.standing));
        }
        changes
    }

    /// The work to stop because there is no such work any more, or in favour of others; one at a
    /// time.
    fn surplus(&mut self, standing: &Standing) -> Option<Arc<str>> {
        if self.holdings.values().any(|holding| holding.state != State::Working) {
            return None;
        }
        let is_over = self.holdings.len() > part(self.works.len(), standing.settled);
        let gone = self.holdings.keys().find(|name| !self.works.contains(*name));
        let mut fit = self.holdings.keys().filter(|name| is_over && !self.kept.contains(*name));
        let name = gone.or_else(|| fit.next()).cloned()?;
        self.holdings.get_mut(&name)?.state = State::Surplus;
        Some(name)
    }

    /// Works to stop because their leases have run out by `now`.
    pub fn lapse(&mut self, now: BootInstant) -> Changes {
        let mut changes = Changes::default();
        for (name, holding) in &mut self.holdings {
            if holding.state != State::ToGiveBack && !holding.held.is_valid_at(now) {
                lose(name, holding, &mut changes);
            }
        }
        changes
    }

    /// Takes note that a work has ended by `now`.
    pub fn ended(&mut self, name: &str, now: BootInstant) -> Ended {
        let Some(holding) = self.holdings.get_mut(name) else { return Ended::Expectedly };
        match holding.state {
            State::Surplus => holding.state = State::ToGiveBack,
            State::Working if holding.held.is_valid_at(now) => return Ended::ByItself,
            State::Working | State::Lost | State::ToGiveBack => {
                self.holdings.remove(name);
            }
        }
        Ended::Expectedly
    }
}

fn lose(name: &Arc<str>, holding: &mut Holding, changes: &mut Changes) {
    if holding.state != State::Lost {
        holding.state = State::Lost;
        changes.stop.push(Arc::clone(name));
    }
}

/// The fair part of one of so many instances.
fn part(works: usize, instances: usize) -> usize {
    works.div_ceil(instances.max(1))
}

#[cfg(test)]
mod tests;
