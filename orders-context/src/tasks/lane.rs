//! Who may attempt now, and who waits until another has ended.
//!
//! Receivers that do not answer keep no others from hearing. First attempts have [`AT_ONCE`] places, a quarter
//! of them at most at one receiver. What has failed before, and what goes to a receiver of which an attempt
//! hangs, has half as many places of its own, two at one receiver. Who has been under way for
//! [`HANGS_AFTER`] hangs, and gives its place to the next, as long as no more than [`HANGING`] do. So others
//! wait no longer than it takes to see that somebody hangs.

use super::{AT_ONCE, LOOK_EVERY, READ_AT_ONCE};
use std::collections::{HashMap, VecDeque};
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
/// others pass. What has waited for longer than [`LOOK_EVERY`] is let go: the store knows whether it is still
/// to be done.
pub struct Lane<T> {
    /// Waiting, or under way.
    known: HashMap<Key, Option<Attempt>>,
    first: VecDeque<Waiting<T>>,
    again: VecDeque<Waiting<T>>,
    in_all: Places,
    at: HashMap<String, Places>,
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

struct Waiting<T> {
    since: Instant,
    entry: Entry<T>,
}

struct Attempt {
    since: Instant,
    receiver: String,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Again,
    Hanging,
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
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            first: VecDeque::new(),
            again: VecDeque::new(),
            in_all: Places::default(),
            at: HashMap::new(),
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
        !self.first.is_empty() || !self.again.is_empty()
    }

    /// Lets a task wait for [`Lane::next`], unless it is known or too many wait; the store keeps it.
    pub fn enter(&mut self, entry: Entry<T>, now: Instant) {
        let is_first = !entry.has_failed;
        if self.line(is_first).len() < READ_AT_ONCE && !self.known.contains_key(&entry.key) {
            self.known.insert(entry.key.clone(), None);
            self.line(is_first).push_back(Waiting { since: now, entry });
        }
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

    /// The first of that line that has a place at its receiver. First attempts at one where another hangs stand in
    /// the other line from here on.
    fn next_of(&mut self, place: Place, now: Instant) -> Option<(Key, T)> {
        let is_first = place == Place::First;
        let (mut passed, mut found) = (Vec::new(), None);
        while found.is_none()
            && let Some(waiting) = self.line(is_first).pop_front()
        {
            let at = self.at.get(&waiting.entry.receiver).copied().unwrap_or_default();
            let changes_line = is_first && at.hanging > 0;
            let has_place = match is_first {
                true => at.first < FIRST_EACH,
                false => at.again + at.hanging < AGAIN_EACH,
            };
            if waiting.is_over(now) || changes_line && self.again.len() >= READ_AT_ONCE {
                self.known.remove(&waiting.entry.key);
            } else if changes_line {
                self.again.push_back(waiting);
            } else if has_place {
                found = Some(waiting.entry);
            } else {
                passed.push(waiting);
            }
        }
        let line = self.line(is_first);
        passed.into_iter().rev().for_each(|waiting| line.push_front(waiting));
        found.map(|entry| self.begin(entry, place, now))
    }

    fn line(&mut self, of_first: bool) -> &mut VecDeque<Waiting<T>> {
        if of_first { &mut self.first } else { &mut self.again }
    }

    fn begin(&mut self, entry: Entry<T>, place: Place, now: Instant) -> (Key, T) {
        let Entry { key, receiver, what, .. } = entry;
        *self.in_all.of(place) += 1;
        *self.at.entry(receiver.clone()).or_default().of(place) += 1;
        self.known.insert(key.clone(), Some(Attempt { since: now, receiver, place }));
        (key, what)
    }

    /// Takes their places from those that hang by now.
    pub fn see_who_hangs(&mut self, now: Instant) {
        let begun_before = |attempt: &&mut Attempt| {
            attempt.place != Place::Hanging
                && now.saturating_duration_since(attempt.since) >= HANGS_AFTER
        };
        for attempt in self.known.values_mut().flatten().filter(begun_before) {
            let at = self.at.entry(attempt.receiver.clone()).or_default();
            for places in [&mut self.in_all, at] {
                *places.of(attempt.place) -= 1;
                places.hanging += 1;
            }
            attempt.place = Place::Hanging;
        }
    }

    /// The attempt, which was under way, has ended.
    pub fn leave(&mut self, key: &Key) {
        let Some(Attempt { receiver, place, .. }) = self.known.remove(key).flatten() else {
            return;
        };
        *self.in_all.of(place) -= 1;
        if let Some(at) = self.at.get_mut(&receiver) {
            *at.of(place) -= 1;
            if at.first + at.again + at.hanging == 0 {
                self.at.remove(&receiver);
            }
        }
    }
}

impl<T> Waiting<T> {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) > LOOK_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        (number.to_string(), 1)
    }

    /// To a receiver of its own.
    fn entry(number: usize) -> Entry<usize> {
        to(&number.to_string(), number)
    }

    fn to(receiver: &str, number: usize) -> Entry<usize> {
        let (key, receiver) = (key(number), receiver.to_owned());
        Entry { key, receiver, has_failed: false, what: number }
    }

    fn again(receiver: &str, number: usize) -> Entry<usize> {
        Entry { has_failed: true, ..to(receiver, number) }
    }

    /// A lane that so many have entered at `now`, and who began.
    fn entered(count: usize, now: Instant) -> (Lane<usize>, Vec<usize>) {
        let mut lane = Lane::default();
        (0..count).for_each(|number| lane.enter(entry(number), now));
        let begun = began(&mut lane, now);
        (lane, begun)
    }

    fn began(lane: &mut Lane<usize>, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| lane.next(now)).map(|(_, number)| number).collect()
    }

    #[test]
    fn as_many_begin_as_have_room_and_each_end_begins_the_next_in_line() {
        let now = Instant::now();
        let (mut lane, begun) = entered(AT_ONCE + 3, now);
        assert_eq!(begun, (0..AT_ONCE).collect::<Vec<_>>());
        assert!(!lane.in_all.has_first());
        lane.leave(&key(7));
        lane.leave(&key(2));
        assert_eq!(began(&mut lane, now), [AT_ONCE, AT_ONCE + 1]);
        lane.leave(&key(0));
        lane.leave(&key(1));
        assert_eq!(began(&mut lane, now), [AT_ONCE + 2]);
        assert!(lane.in_all.has_first());
    }

    #[test]
    fn whoever_is_under_way_or_waits_does_not_enter_twice() {
        let now = Instant::now();
        let (mut lane, _) = entered(AT_ONCE + 1, now);
        lane.enter(entry(0), now);
        lane.enter(entry(AT_ONCE), now);
        lane.leave(&key(1));
        lane.leave(&key(2));
        assert_eq!(began(&mut lane, now), [AT_ONCE]);
        lane.enter(entry(1), now);
        assert_eq!(began(&mut lane, now), [1], "who has left may come again");
    }

    #[test]
    fn whoever_waited_too_long_is_let_go_and_may_come_again() {
        let now = Instant::now();
        let (mut lane, _) = entered(AT_ONCE + 1, now);
        let later = now + LOOK_EVERY + Duration::from_millis(1);
        lane.enter(entry(AT_ONCE + 1), later);
        lane.leave(&key(0));
        assert_eq!(began(&mut lane, later), [AT_ONCE + 1]);
        lane.enter(entry(AT_ONCE), later);
        lane.leave(&key(1));
        assert_eq!(began(&mut lane, later), [AT_ONCE]);
    }

    #[test]
    fn not_more_wait_than_are_read_at_once() {
        let now = Instant::now();
        let (mut lane, mut all) = entered(READ_AT_ONCE, now);
        let more = READ_AT_ONCE..READ_AT_ONCE + all.len() + 1;
        more.for_each(|number| lane.enter(entry(number), now));
        let mut ended = 0;
        while lane.has_waiting() {
            lane.leave(&key(all[ended]));
            ended += 1;
            all.extend(began(&mut lane, now));
        }
        assert_eq!(all, (0..READ_AT_ONCE + AT_ONCE).collect::<Vec<_>>());
    }

    #[test]
    fn one_receiver_takes_a_part_of_the_places_and_a_few_when_it_hangs() {
        let now = Instant::now();
        let mut lane = Lane::default();
        (0..2 * AT_ONCE).for_each(|number| lane.enter(to("mute", number), now));
        lane.enter(to("well", 1_000), now);
        let first: Vec<_> = (0..FIRST_EACH).chain([1_000]).collect();
        assert_eq!(began(&mut lane, now), first);
        lane.leave(&key(1_000));
        let later = now + HANGS_AFTER;
        lane.see_who_hangs(later);
        (500..600).for_each(|number| lane.enter(to("mute", number), later));
        lane.enter(to("well", 1_001), later);
        assert_eq!(began(&mut lane, later), [1_001]);
        (0..FIRST_EACH).for_each(|number| lane.leave(&key(number)));
        assert_eq!(began(&mut lane, later), [500, 501], "two at a time");
    }

    #[test]
    fn whoever_has_no_place_at_its_receiver_waits_for_one_there() {
        let now = Instant::now();
        let mut lane = Lane::default();
        (0..100).for_each(|number| lane.enter(to("large", number), now));
        (200..210).for_each(|number| lane.enter(again("large", number), now));
        let mut all = began(&mut lane, now);
        assert_eq!(all.len(), FIRST_EACH + AGAIN_EACH);
        let mut ended = 0;
        while ended < all.len() {
            lane.leave(&key(all[ended]));
            ended += 1;
            all.extend(began(&mut lane, now));
        }
        assert_eq!((all.len(), lane.has_waiting()), (110, false), "without another look");
    }

    #[test]
    fn receivers_that_hang_leave_their_places_to_others() {
        let now = Instant::now();
        let (mut lane, begun) = entered(AT_ONCE, now);
        (0..AT_ONCE).for_each(|n| lane.enter(again(&format!("ill-{n}"), 1_000 + n), now));
        assert_eq!((begun.len(), began(&mut lane, now).len()), (AT_ONCE, AT_ONCE / 2));
        lane.enter(entry(2_000), now);
        lane.enter(again("well", 2_001), now);
        assert_eq!(began(&mut lane, now), [0; 0]);
        let later = now + HANGS_AFTER;
        lane.see_who_hangs(later);
        lane.enter(entry(2_002), later);
        lane.enter(again("well", 2_003), later);
        lane.enter(to("0", 2_004), later);
        assert_eq!(began(&mut lane, later), [2_002, 2_003, 2_004]);
    }

    #[test]
    fn not_without_end_do_attempts_hang_beside_others() {
        let mut lane = Lane::default();
        let (mut now, mut all) = (Instant::now(), 0);
        for wave in 0..10 {
            (0..AT_ONCE).for_each(|n| lane.enter(entry(wave * AT_ONCE + n), now));
            all += began(&mut lane, now).len();
            now += HANGS_AFTER;
            lane.see_who_hangs(now);
        }
        assert_eq!((all, lane.has_room()), (AT_ONCE + HANGING, false));
        lane.leave(&key(0));
        lane.enter(entry(9_999), now);
        assert_eq!(began(&mut lane, now), [9_999]);
        (0..10_000).for_each(|number| lane.leave(&key(number)));
        assert!(lane.at.is_empty() && lane.has_room());
    }
}
