//! Deliveries to endpoints: how long they are tried, and when an endpoint is paused.

use super::mother::{ACCEPT_BY, EVENING, MINUTE, SECOND, after};
use crate::domain::{
    Attempt, Delivery, DeliveryState, Endpoint, Heard, Key, PausedBy, Profile, Timestamp, Url,
};

fn endpoint(profile: Profile) -> Endpoint {
    Endpoint {
        endpoint_id: "endpoint-1".to_owned(),
        restaurant_id: "bella-napoli".to_owned(),
        round: 1,
        url: Url("https://napoli.example/hooks".to_owned()),
        events: Heard::ALL.to_vec(),
        profile,
        key: Key::Hmac("whsec_0".to_owned()),
        key_is_first: true,
        retiring: Vec::new(),
        created_at: EVENING,
        failing_since: None,
        pause: None,
    }
}

fn delivery() -> Delivery {
    Delivery {
        endpoint_id: "endpoint-1".to_owned(),
        event_id: "event-1".to_owned(),
        event_type: "order_placed".to_owned(),
        order_id: "order-1".to_owned(),
        sequence: 1,
        occurred_at: EVENING,
        traceparent: None,
        body: "{}".to_owned(),
        round: 1,
        state: DeliveryState::Pending,
        attempts: 0,
        recent: Vec::new(),
        next_attempt_at: EVENING,
        give_up_at: ACCEPT_BY,
    }
}

fn attempt(at: Timestamp, outcome: Result<u16, &str>) -> Attempt {
    Attempt { at, outcome: outcome.map_err(str::to_owned), duration_ms: 12 }
}

#[test]
fn what_was_not_taken_is_worth_telling_for_longer_and_told_again() {
    let (later, at) = (after(15 * MINUTE), after(MINUTE));
    let pending = delivery();
    let longer = Delivery { give_up_at: later, round: 2, ..pending.clone() };
    assert_eq!(pending.prolonged(at, later), Some(longer.clone()));
    assert_eq!(longer.prolonged(at, later), None, "as it is");
    assert_eq!(longer.prolonged(at, ACCEPT_BY), None, "never shorter");
    let again = pending.given_up().prolonged(at, later).expect("it is told again");
    let due = (again.state, again.next_attempt_at, again.give_up_at, again.round);
    assert_eq!(due, (DeliveryState::Pending, at, later, 3));
    let done = pending.attempted(attempt(EVENING, Ok(204)), None);
    assert_eq!(done.prolonged(at, later), None);
}

#[test]
fn what_has_not_been_taken_may_be_worth_telling_for_less_long() {
    let pending = delivery();
    let shorter = Delivery { give_up_at: after(MINUTE), round: 2, ..pending.clone() };
    assert_eq!(pending.shortened(after(MINUTE)), Some(shorter));
    assert_eq!(pending.shortened(ACCEPT_BY), None, "as it is");
    assert_eq!(pending.shortened(after(15 * MINUTE)), None, "never longer");
    assert_eq!(pending.given_up().shortened(after(MINUTE)), None);
}

#[test]
fn what_asks_for_an_answer_is_urgent_until_that_is_due_and_books_are_kept_for_days() {
    let day = 24 * 60 * MINUTE;
    for (profile, answer_by, until) in [
        (Profile::Urgent, Some(ACCEPT_BY), ACCEPT_BY),
        (Profile::Urgent, None, after(60 * MINUTE)),
        (Profile::Patient, Some(ACCEPT_BY), after(3 * day)),
        (Profile::Patient, None, after(3 * day)),
    ] {
        let worth_until = endpoint(profile).worth_until(EVENING, answer_by);
        assert_eq!(worth_until, until, "{profile} {answer_by:?}");
    }
}

#[test]
fn an_attempt_that_was_taken_ends_it_and_one_that_was_not_is_repeated_while_it_helps() {
    let next = |outcome, again_at| delivery().attempted(attempt(EVENING, outcome), again_at);
    let taken = next(Ok(204), Some(after(SECOND)));
    assert_eq!((taken.state, taken.attempts, taken.round), (DeliveryState::Done, 1, 2));
    let last_moment = Timestamp(ACCEPT_BY.0 - 1);
    for (again_at, state) in [
        (Some(after(SECOND)), DeliveryState::Pending),
        (Some(last_moment), DeliveryState::Pending),
        (Some(ACCEPT_BY), DeliveryState::GivenUp),
        (None, DeliveryState::GivenUp),
    ] {
        let failed = next(Err("http_500"), again_at);
        assert_eq!(failed.state, state, "{again_at:?}");
        if state == DeliveryState::Pending {
            assert_eq!(Some(failed.next_attempt_at), again_at);
        }
    }
}

#[test]
fn the_last_ten_attempts_are_remembered() {
    let mut delivery = delivery();
    for second in 0..12 {
        let attempt = attempt(after(second * SECOND), Err("timeout"));
        delivery = delivery.attempted(attempt, Some(after((second + 1) * SECOND)));
    }
    assert_eq!((delivery.attempts, delivery.recent.len()), (12, 10));
    assert_eq!(delivery.recent[0].at, after(2 * SECOND));
    assert_eq!(delivery.recent[9].at, after(11 * SECOND));
}

#[test]
fn whatever_came_of_it_it_can_be_told_again_under_its_name() {
    let done = delivery().attempted(attempt(EVENING, Ok(204)), None);
    let again = done.replayed(after(MINUTE), after(61 * MINUTE));
    assert_eq!((again.state, again.next_attempt_at), (DeliveryState::Pending, after(MINUTE)));
    assert_eq!((again.webhook_id(), again.attempts), (done.webhook_id(), 1));
    assert_eq!(again.give_up_at, after(61 * MINUTE));
}

#[test]
fn an_endpoint_is_paused_when_every_attempt_failed_for_so_long_and_not_before() {
    const PAUSE_AFTER_MS: i64 = 60_000;
    let fine = endpoint(Profile::Urgent);
    assert_eq!(fine.attempted(true, EVENING, PAUSE_AFTER_MS), None, "nothing to note");
    let failing = fine.attempted(false, EVENING, PAUSE_AFTER_MS).expect("it is noted");
    assert_eq!((failing.failing_since, failing.pause), (Some(EVENING), None));
    assert_eq!(failing.attempted(false, after(MINUTE - 1), PAUSE_AFTER_MS), None);
    let paused = failing.attempted(false, after(MINUTE), PAUSE_AFTER_MS).expect("it is noted");
    let pause = paused.pause.expect("it is paused");
    assert_eq!((pause.since, pause.why), (after(MINUTE), PausedBy::Failing));
    assert_eq!(paused.attempted(false, after(2 * MINUTE), PAUSE_AFTER_MS), None, "once");
    let well = failing.attempted(true, after(MINUTE), PAUSE_AFTER_MS).expect("it is noted");
    assert_eq!(well.failing_since, None);
}
