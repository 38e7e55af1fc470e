//! Whether a restaurant takes an order, a microsecond before, at and after each moment; and what its
//! answers and its silence lead to.

use super::mother::{EVENING, MINUTE, after, every_event};
use crate::domain::{
    Availability, Bearing, Event, ITEM_UNAVAILABLE, Opening, Pauses, Role, Shut, Timestamp,
};

fn away(opening: Opening, until: Option<Timestamp>) -> Availability {
    Availability { opening, until, ..Availability::unsaid() }
}

#[test]
fn a_restaurant_opens_by_itself_when_its_time_has_come() {
    let until = after(MINUTE);
    for opening in [Opening::Paused, Opening::Closed] {
        for (asked_at, is_taken) in
            [(Timestamp(until.0 - 1), false), (until, true), (Timestamp(until.0 + 1), true)]
        {
            let shut = Shut::Away { opening, until: Some(until), asked_at };
            let expected = if is_taken { Ok(()) } else { Err(shut) };
            assert_eq!(away(opening, Some(until)).admit(asked_at, 0), expected);
        }
        let for_good = Shut::Away { opening, until: None, asked_at: EVENING };
        assert_eq!(away(opening, None).admit(EVENING, 0), Err(for_good));
    }
    assert_eq!(Availability::unsaid().admit(EVENING, i64::MAX), Ok(()));
}

#[test]
fn a_restaurant_is_full_from_its_capacity_on() {
    let small = Availability { capacity: Some(2), ..Availability::unsaid() };
    let full = Err(Shut::Full { capacity: 2 });
    for (in_work, expected) in [(0, Ok(())), (1, Ok(())), (2, full), (3, full)] {
        assert_eq!(small.admit(EVENING, in_work), expected, "{in_work}");
    }
}

#[test]
fn what_an_event_means_for_the_restaurant() {
    let pauses = Pauses::standard();
    let bearing = |event: &Event| Bearing::of(event, EVENING, &pauses);
    let rejected = |by, reason: &str| Event::OrderRejected {
        decided_by: by,
        reason: reason.to_owned(),
        items: Vec::new(),
        intervention: None,
    };
    for event in every_event() {
        let means_something = matches!(
            event,
            Event::OrderPlaced { .. }
                | Event::OrderExpired { .. }
                | Event::OrderAccepted { .. }
                | Event::OrderRejected { .. }
        );
        assert_eq!(bearing(&event).is_some(), means_something, "{event:?}");
    }
    let declines =
        |opening, ms, reason| Bearing::Declines { opening, until: EVENING.plus_ms(ms), reason };
    let half_an_hour = declines(Opening::Paused, 30 * 60_000, "too_busy");
    assert_eq!(bearing(&rejected(Role::Restaurant, "too_busy")), Some(half_an_hour));
    let four_hours = declines(Opening::Closed, 4 * 3_600_000, "closed");
    assert_eq!(bearing(&rejected(Role::Restaurant, "closed")), Some(four_hours));
    let answered = Some(Bearing::Answered);
    assert_eq!(bearing(&rejected(Role::Restaurant, ITEM_UNAVAILABLE)), answered);
    assert_eq!(bearing(&rejected(Role::Operator, "closed")), None, "it did not say so itself");
    for reason in ["too_busy", "closed"] {
        let never = Bearing::of(&rejected(Role::Restaurant, reason), EVENING, &Pauses::NEVER);
        assert_eq!(never, answered);
    }
}

#[test]
fn so_many_in_a_row_pause_and_none_of_them_alone() {
    let silent = |pause_after| Bearing::Silent { pause_after, until: after(30 * MINUTE) };
    let mut house = Availability::unsaid();
    for number in 1..=4 {
        house = house.after(&silent(3), EVENING).expect("it is counted");
        let expected = if number < 3 { Opening::Open } else { Opening::Paused };
        assert_eq!((house.expired_in_a_row, house.opening), (number, expected));
        assert_eq!(house.version, i64::from(number));
    }
    let again = house.after(&Bearing::Answered, EVENING).expect("the row ends");
    assert_eq!((again.expired_in_a_row, again.opening), (0, Opening::Paused));
    assert_eq!(again.after(&Bearing::Answered, EVENING), None, "nothing new");
    assert_eq!(again.after(&Bearing::Asks, EVENING), None);
    let never = (0..50).fold(Availability::unsaid(), |house, _| {
        house.after(&silent(0), EVENING).expect("it is counted")
    });
    assert_eq!((never.opening, never.expired_in_a_row), (Opening::Open, 50));
}

#[test]
fn what_was_said_for_longer_stands() {
    let until = after(30 * MINUTE);
    let busy = Bearing::Declines { opening: Opening::Paused, until, reason: "too_busy" };
    for own in [None, Some(until), Some(after(31 * MINUTE))] {
        let closed = away(Opening::Closed, own);
        assert_eq!(closed.after(&busy, EVENING), None, "{own:?}");
    }
    for own in [after(29 * MINUTE), EVENING] {
        let moved = away(Opening::Closed, Some(own)).after(&busy, EVENING).expect("for longer");
        assert_eq!((moved.opening, moved.until), (Opening::Paused, Some(until)));
    }
}
