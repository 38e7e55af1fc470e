//! Who may attempt now, and who waits until another has ended.
//!
//! Receivers that do not answer keep no others from hearing. First attempts have [`AT_ONCE`] places, a quarter
//! of them at most at one receiver. What has failed before, and what goes to a receiver of which an attempt
//! hangs, has half as many places of its own, two at one receiver. Who has been under way for
//! [`HANGS_AFTER`] hangs, and gives its place to the next, as long as no more than [`HANGING`] do. So others
//! wait no longer than it takes to see that somebody hangs.

use super::{AT_ONCE, LOOK_EVERY, READ_AT_ONCE};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Names a task: its order and the sequence of the event that asked for it.
pub type Key = (String, i64);

/// Who has been under way for so long hangs: longer than a letter may take beside a webhook that has answered.
const HANGS_AFTER: Duration = Duration::from_secs(6);

/// How many may hang beside those that have a place.
const HANGING: usize = 2 * AT_ONCE;

/// How many may be under way at one receiver: first attempts, and others.
const FIRST_EACH: usize = AT_ONCE / 4;
const AGAIN_EACH: usize = 2;

/// Up to [`READ_AT_ONCE`] of either kind wait for the end of attempts under way: without those, a burst would go
/// on only when the store is asked again. Each key is in it once. What finds no place left at its receiver lets
/// others pass, and is not looked at again before an attempt there has ended. What has waited for longer than
/// [`LOOK_EVERY`] is let go: the store knows whether it is still to be done.
pub struct Lane<T> {
    /// Waiting, or under way.
    known: HashMap<Key, Option<Attempt>>,
    in_all: Places,
    at: HashMap<Arc<str>, At<T>>,
    /// How many wait.
    waiting: Lines<usize>,
    /// The receivers that may have a place for whoever waits there, by the number of the one who does first.
    ready: Lines<BTreeMap<u64, Arc<str>>>,
    /// How many have entered so far.
    entered: u64,
}

/// What is to be attempted.
pub struct Entry<T> {
    /// Names it.
    pub key: Key,
    /// Whom it goes to.
    pub receiver: String,
    /// Whether an attempt has failed before.
    pub has_failed: bool,
    /// What it is.
    pub what: T,
}

/// One receiver: how many are under way to it, and who waits for a place.
struct At<T> {
    places: Places,
    waiting: Lines<VecDeque<Waiting<T>>>,
}

struct Waiting<T> {
    number: u64,
    since: Instant,
    key: Key,
    what: T,
}

struct Attempt {
    since: Instant,
    receiver: Arc<str>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Again,
    Hanging,
}

/// What there is of each line: of first attempts, and of others.
#[derive(Default)]
struct Lines<V> {
    first: V,
    again: V,
}

impl<V> Lines<V> {
    fn of(&mut self, place: Place) -> &mut V {
        match place {
            Place::First => &mut self.first,
            Place::Again | Place::Hanging => &mut self.again,
        }
    }
}

/// How many are under way, in the lane or at one receiver.
#[derive(Clone, Copy, Default)]
struct Places {
    first: usize,
    again: usize,
    hanging: usize,
}

impl Places {
    fn of(&mut self, place: Place) -> &mut usize {
        match place {
            Place::First => &mut self.first,
            Place::Again => &mut self.again,
            Place::Hanging => &mut self.hanging,
        }
    }

    fn has_first(self) -> bool {
        self.first < AT_ONCE && self.first + self.hanging < AT_ONCE + HANGING
    }

    fn has_again(self) -> bool {
        self.again < AT_ONCE / 2 && self.hanging < HANGING
    }

    /// Whether one receiver has such a place left.
    fn has_here(self, place: Place) -> bool {
        match place {
            Place::First => self.first < FIRST_EACH,
            Place::Again | Place::Hanging => self.again + self.hanging < AGAIN_EACH,
        }
    }
}

impl<T> Default for At<T> {
    fn default() -> Self {
        Self { places: Places::default(), waiting: Lines::default() }
    }
}

impl<T> At<T> {
    fn is_idle(&self) -> bool {
        let Places { first, again, hanging } = self.places;
        let nobody_waits = self.waiting.first.is_empty() && self.waiting.again.is_empty();
        first + again + hanging == 0 && nobody_waits
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            in_all: Places::default(),
            at: HashMap::new(),
            waiting: Lines::default(),
            ready: Lines::default(),
            entered: 0,
        }
    }
}

impl<T> Lane<T> {
    /// Whether another attempt of some kind may begin.
    pub fn has_room(&self) -> bool {
        self.in_all.has_first() || self.in_all.has_again()
    }

    /// Whether there are more than there is room for.
    pub fn has_waiting(&self) -> bool {
        self.waiting.first + self.waiting.again > 0
    }

    /// Whether it waits, or is under way.
    pub fn knows(&self, key: &Key) -> bool {
        self.known.contains_key(key)
    }

    /// Lets a task wait for [`Lane::next`], unless it is known or too many wait; the store keeps it. First attempts
    /// at a receiver where another hangs stand in the other line.
    pub fn enter(&mut self, entry: Entry<T>, now: Instant) {
        let Entry { key, receiver, has_failed, what } = entry;
        let receiver: Arc<str> = receiver.into();
        let hangs = self.at.get(&receiver).is_some_and(|at| at.places.hanging > 0);
        let place = if has_failed || hangs { Place::Again } else { Place::First };
        if *self.waiting.of(place) >= READ_AT_ONCE || self.knows(&key) {
            return;
        }
        self.known.insert(key.clone(), None);
        *self.waiting.of(place) += 1;
        let waiting = Waiting { number: self.entered, since: now, key, what };
        self.entered += 1;
        let at = self.at.entry(Arc::clone(&receiver)).or_default();
        at.waiting.of(place).push_back(waiting);
        self.call(place, &receiver);
    }

    /// The one that has waited longest and may begin now, first attempts before others; it is under way until
    /// [`Lane::leave`].
    pub fn next(&mut self, now: Instant) -> Option<(Key, T)> {
        let mut begun = None;
        if self.in_all.has_first() {
            begun = self.next_of(Place::First, now);
        }
        if begun.is_none() && self.in_all.has_again() {
            begun = self.next_of(Place::Again, now);
        }
        begun
    }

    /// The first of that line that has a place at its receiver. Receivers that have none are called when one of
    /// their attempts has ended.
    fn next_of(&mut self, place: Place, now: Instant) -> Option<(Key, T)> {
        while let Some((_, receiver)) = self.ready.of(place).pop_first() {
            let Some(at) = self.at.get_mut(&receiver) else { continue };
            if !at.places.has_here(place) {
                continue;
            }
            let Some(waiting) = at.waiting.of(place).pop_front() else { continue };
            *self.waiting.of(place) -= 1;
            self.call(place, &receiver);
            if !waiting.is_over(now) {
                return Some(self.begin(receiver, waiting, place, now));
            }
            self.known.remove(&waiting.key);
            self.forget_if_idle(&receiver);
        }
        None
    }

    /// There may be a place for who waits first at the receiver in that line.
    fn call(&mut self, place: Place, receiver: &Arc<str>) {
        let at = self.at.get_mut(receiver);
        if let Some(first) = at.and_then(|at| at.waiting.of(place).front()) {
            self.ready.of(place).insert(first.number, Arc::clone(receiver));
        }
    }

    fn begin(
        &mut self,
        receiver: Arc<str>,
        waiting: Waiting<T>,
        place: Place,
        now: Instant,
    ) -> (Key, T) {
        let Waiting { key, what, .. } = waiting;
        *self.in_all.of(place) += 1;
        *self.at.entry(Arc::clone(&receiver)).or_default().places.of(place) += 1;
        self.known.insert(key.clone(), Some(Attempt { since: now, receiver, place }));
        (key, what)
    }

    /// Lets go who has waited too long, and takes their places from those that hang by now.
    pub fn see_who_hangs(&mut self, now: Instant) {
        self.let_go(now);
        let begun_before = |attempt: &&mut Attempt| {
            attempt.place != Place::Hanging
                && now.saturating_duration_since(attempt.since) >= HANGS_AFTER
        };
        let mut receivers = Vec::new();
        for attempt in self.known.values_mut().flatten().filter(begun_before) {
            let at = self.at.entry(Arc::clone(&attempt.receiver)).or_default();
            for places in [&mut self.in_all, &mut at.places] {
                *places.of(attempt.place) -= 1;
                places.hanging += 1;
            }
            attempt.place = Place::Hanging;
            receivers.push(Arc::clone(&attempt.receiver));
        }
        receivers.iter().for_each(|receiver| self.change_line(receiver));
    }

    fn let_go(&mut self, now: Instant) {
        for (receiver, at) in &mut self.at {
            for place in [Place::First, Place::Again] {
                let line = at.waiting.of(place);
                let waiting = line.len();
                line.retain(|waiting| {
                    let is_over = waiting.is_over(now);
                    if is_over {
                        self.known.remove(&waiting.key);
                    }
                    !is_over
                });
                let gone = waiting - line.len();
                *self.waiting.of(place) -= gone;
                if let Some(first) = line.front().filter(|_| gone > 0) {
                    self.ready.of(place).insert(first.number, Arc::clone(receiver));
                }
            }
        }
        self.at.retain(|_, at| !at.is_idle());
    }

    /// First attempts that wait there stand in the other line from here on.
    fn change_line(&mut self, receiver: &Arc<str>) {
        let Some(at) = self.at.get_mut(receiver) else { return };
        for waiting in std::mem::take(&mut at.waiting.first) {
            self.waiting.first -= 1;
            if self.waiting.again >= READ_AT_ONCE {
                self.known.remove(&waiting.key);
            } else {
                self.waiting.again += 1;
                at.waiting.again.push_back(waiting);
            }
        }
        self.call(Place::Again, receiver);
    }

    /// The attempt, which was under way, has ended.
    pub fn leave(&mut self, key: &Key) {
        let Some(Attempt { receiver, place, .. }) = self.known.remove(key).flatten() else {
            return;
        };
        *self.in_all.of(place) -= 1;
        if let Some(at) = self.at.get_mut(&receiver) {
            *at.places.of(place) -= 1;
        }
        self.call(Place::First, &receiver);
        self.call(Place::Again, &receiver);
        self.forget_if_idle(&receiver);
    }

    fn forget_if_idle(&mut self, receiver: &Arc<str>) {
        if self.at.get(receiver).is_some_and(At::is_idle) {
            self.at.remove(receiver);
        }
    }
}

impl<T> Waiting<T> {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) > LOOK_EVERY
    }
}

#[cfg(test)]
mod tests;
