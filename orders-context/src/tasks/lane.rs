//! Who may attempt now, and who waits until another has ended.

use super::{AT_ONCE, LOOK_EVERY, READ_AT_ONCE};
use std::collections::{HashSet, VecDeque};
use tokio::time::Instant;

/// Names a task: its order and the sequence of the event that asked for it.
pub type Key = (String, i64);

/// Up to [`AT_ONCE`] attempts under way, and up to [`READ_AT_ONCE`] that wait for their end: without those, a
/// burst would go on only when the store is asked again. Each key is in it once. What has waited for longer than
/// [`LOOK_EVERY`] is let go: the store knows by then whether it is still to be done.
pub struct Lane<T> {
    /// Under way or waiting.
    known: HashSet<Key>,
    waiting: VecDeque<(Instant, Key, T)>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), waiting: VecDeque::new() }
    }
}

impl<T> Lane<T> {
    /// Whether another attempt may begin.
    pub fn has_room(&self) -> bool {
        self.known.len() - self.waiting.len() < AT_ONCE
    }

    /// Whether there are more than there is room for.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Lets a task wait for [`Lane::next`], unless it is known or too many wait; the store keeps it.
    pub fn enter(&mut self, key: Key, what: T, now: Instant) {
        if self.waiting.len() < READ_AT_ONCE && self.known.insert(key.clone()) {
            self.waiting.push_back((now, key, what));
        }
    }

    /// The one that has waited longest and may begin now, if there is room for it; it is under way until
    /// [`Lane::leave`].
    pub fn next(&mut self, now: Instant) -> Option<(Key, T)> {
        while self.has_room() {
            let (since, key, what) = self.waiting.pop_front()?;
            if now.saturating_duration_since(since) <= LOOK_EVERY {
                return Some((key, what));
            }
            self.known.remove(&key);
        }
        None
    }

    /// The attempt, which was under way, has ended.
    pub fn leave(&mut self, key: &Key) {
        self.known.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(number: usize) -> Key {
        (number.to_string(), 1)
    }

    /// A lane that so many have entered at `now`, and who began.
    fn entered(count: usize, now: Instant) -> (Lane<usize>, Vec<usize>) {
        let mut lane = Lane::default();
        (0..count).for_each(|number| lane.enter(key(number), number, now));
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
        assert!(!lane.has_room());
        lane.leave(&key(7));
        lane.leave(&key(2));
        assert_eq!(began(&mut lane, now), [AT_ONCE, AT_ONCE + 1]);
        lane.leave(&key(0));
        lane.leave(&key(1));
        assert_eq!(began(&mut lane, now), [AT_ONCE + 2]);
        assert!(lane.has_room());
    }

    #[test]
    fn whoever_is_under_way_or_waits_does_not_enter_twice() {
        let now = Instant::now();
        let (mut lane, _) = entered(AT_ONCE + 1, now);
        lane.enter(key(0), 0, now);
        lane.enter(key(AT_ONCE), AT_ONCE, now);
        lane.leave(&key(1));
        lane.leave(&key(2));
        assert_eq!(began(&mut lane, now), [AT_ONCE]);
        lane.enter(key(1), 1, now);
        assert_eq!(began(&mut lane, now), [1], "who has left may come again");
    }

    #[test]
    fn whoever_waited_too_long_is_let_go_and_may_come_again() {
        let now = Instant::now();
        let (mut lane, _) = entered(AT_ONCE + 1, now);
        let later = now + LOOK_EVERY + Duration::from_millis(1);
        lane.enter(key(AT_ONCE + 1), AT_ONCE + 1, later);
        lane.leave(&key(0));
        assert_eq!(began(&mut lane, later), [AT_ONCE + 1]);
        lane.enter(key(AT_ONCE), AT_ONCE, later);
        lane.leave(&key(1));
        assert_eq!(began(&mut lane, later), [AT_ONCE]);
    }

    #[test]
    fn not_more_wait_than_are_read_at_once() {
        let now = Instant::now();
        let (mut lane, mut all) = entered(READ_AT_ONCE, now);
        let more = READ_AT_ONCE..READ_AT_ONCE + all.len() + 1;
        more.for_each(|number| lane.enter(key(number), number, now));
        let mut ended = 0;
        while lane.has_waiting() {
            lane.leave(&key(all[ended]));
            ended += 1;
            all.extend(began(&mut lane, now));
        }
        assert_eq!(all, (0..READ_AT_ONCE + AT_ONCE).collect::<Vec<_>>());
    }
}
