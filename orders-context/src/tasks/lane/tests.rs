//! Who begins, in which order, and who has to wait.

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

/// However many wait at a receiver that is full, nothing is looked at twice before one of its attempts ends.
#[test]
fn whoever_waits_at_a_full_receiver_costs_others_nothing() {
    let now = Instant::now();
    let mut lane = Lane::default();
    (0..READ_AT_ONCE).for_each(|number| lane.enter(to("large", number), now));
    assert_eq!(began(&mut lane, now).len(), FIRST_EACH);
    assert!(lane.ready.first.is_empty(), "nobody is asked in vain");
    lane.enter(to("well", 5_000), now);
    assert_eq!(began(&mut lane, now), [5_000]);
    lane.leave(&key(7));
    assert_eq!(began(&mut lane, now), [FIRST_EACH]);
    lane.see_who_hangs(now + HANGS_AFTER);
    assert!(!lane.has_waiting(), "the store is asked for them again");
    (0..READ_AT_ONCE).for_each(|number| lane.enter(again("large", 9_000 + number), now));
    (0..=FIRST_EACH).for_each(|number| lane.leave(&key(number)));
    assert_eq!(began(&mut lane, now), [9_000, 9_001]);
}
