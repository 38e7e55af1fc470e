//! Endpoints: what they hear of, which keys sign, and what a pause is.

use super::mother::{EVENING, MINUTE, after, order_accepted, order_placed, order_redriven};
use crate::domain::endpoint::MOST_RETIRING;
use crate::domain::{
    Endpoint, Event, Heard, Key, Notification, PausedBy, Profile, Role, Status, Url,
};

fn endpoint(events: &[Heard]) -> Endpoint {
    Endpoint {
        endpoint_id: "endpoint-1".to_owned(),
        restaurant_id: "bella-napoli".to_owned(),
        round: 1,
        url: Url("https://napoli.example/hooks?token=basilico".to_owned()),
        events: events.to_vec(),
        profile: Profile::Urgent,
        key: secret(0),
        key_is_first: true,
        retiring: Vec::new(),
        created_at: EVENING,
        failing_since: None,
        pause: None,
    }
}

fn secret(number: u32) -> Key {
    Key::Hmac(format!("whsec_{number}"))
}

#[test]
fn it_hears_of_what_it_wants_from_its_beginning_on() {
    let endpoint = endpoint(&[Heard::OrderPlaced]);
    assert!(endpoint.hears(&order_placed(), EVENING));
    assert!(!endpoint.hears(&order_placed(), after(-1)), "it was not there yet");
    assert!(!endpoint.hears(&order_accepted(), EVENING));
}

#[test]
fn who_wants_new_orders_hears_of_those_that_wait_for_an_answer_again() {
    let kitchen = endpoint(&[Heard::OrderPlaced]);
    assert!(kitchen.hears(&order_redriven(), EVENING));
    assert!(!kitchen.hears(&order_redriven(), after(-1)), "it was not there yet");
    assert!(!endpoint(&[Heard::OrderCompleted]).hears(&order_redriven(), EVENING));
    let accepted_before = Event::OrderRedriven {
        redriven_by: Role::Operator,
        from: Status::TimedOut,
        accept_by: EVENING,
        complete_by: after(120 * MINUTE),
        intervention: None,
    };
    assert!(!kitchen.hears(&accepted_before, EVENING));
    assert!(endpoint(&[Heard::OrderRedriven]).hears(&accepted_before, EVENING));
}

#[test]
fn what_is_between_us_and_customers_is_not_heard_by_anybody() {
    let told = Event::UserNotified {
        notification: Notification::Accepted,
        channel: "mail".to_owned(),
        attempts: 1,
    };
    assert_eq!(Heard::of(&told), None);
    assert!(!endpoint(Heard::ALL).hears(&told, EVENING));
}

#[test]
fn an_older_key_signs_until_its_moment_and_not_at_it() {
    let endpoint = endpoint(Heard::ALL).rotated(secret(1), EVENING, 60_000).expect("there is room");
    assert_eq!(endpoint.round, 2);
    assert_eq!(endpoint.keys(after(MINUTE - 1)), ["whsec_1", "whsec_0"]);
    assert_eq!(endpoint.keys(after(MINUTE)), ["whsec_1"]);
}

#[test]
fn as_many_older_keys_sign_as_may_unless_they_are_to_end() {
    let mut endpoint = endpoint(Heard::ALL);
    for number in (1..).take(MOST_RETIRING) {
        endpoint = endpoint.rotated(secret(number), EVENING, 60_000).expect("there is room");
    }
    assert_eq!(endpoint.keys(EVENING), ["whsec_2", "whsec_1", "whsec_0"]);
    assert_eq!(endpoint.rotated(secret(3), after(MINUTE - 1), 60_000), None);
    let later = endpoint.rotated(secret(3), after(MINUTE), 60_000).expect("the others have ended");
    assert_eq!(later.keys(after(MINUTE)), ["whsec_3", "whsec_2"]);
    let leaked = endpoint.rotated(secret(3), EVENING, 0).expect("nobody is waited for");
    assert_eq!(leaked.keys(EVENING), ["whsec_3"]);
}

#[test]
fn a_pause_stays_as_it_began_and_ends_with_all_forgiven() {
    let failing = Endpoint { failing_since: Some(EVENING), ..endpoint(Heard::ALL) };
    let paused = failing.paused(PausedBy::Failing, after(MINUTE));
    assert_eq!(paused.paused(PausedBy::Request, after(2 * MINUTE)), paused);
    let resumed = paused.resumed();
    assert_eq!((resumed.round, resumed.pause, resumed.failing_since), (3, None, None));
    assert_eq!(resumed.resumed(), resumed);
}

#[test]
fn nothing_secret_is_shown_to_a_log() {
    let rotated = endpoint(Heard::ALL).rotated(secret(1), EVENING, 60_000).expect("there is room");
    let shown = format!("{rotated:?}");
    assert!(!shown.contains("whsec") && !shown.contains("basilico"), "{shown}");
}
