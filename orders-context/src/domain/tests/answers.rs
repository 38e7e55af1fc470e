//! What a restaurant says with its answer: a moment it can keep, and dishes that were ordered.

use super::mother::{
    ACCEPT_BY, COMPLETE_BY, MINUTE, after, answered_with_words, decides, order, run_out,
};
use crate::domain::{Decision, Event, ITEM_UNAVAILABLE, Rejection, Role, Status, decide};

const NOW: crate::domain::Timestamp = after(5 * MINUTE);

#[test]
fn a_promise_is_for_after_now_and_before_the_end() {
    let just_before = |at: crate::domain::Timestamp| crate::domain::Timestamp(at.0 - 1);
    for status in [Status::Placed, Status::Notified] {
        let too_late = Rejection::ReadyTooLate { status, limit: COMPLETE_BY };
        let passed = Rejection::ReadyInThePast { status };
        for (ready_by, expected) in [
            (just_before(NOW), Err(passed.clone())),
            (NOW, Err(passed)),
            (after(5 * MINUTE + 1), Ok(())),
            (just_before(COMPLETE_BY), Ok(())),
            (COMPLETE_BY, Err(too_late)),
        ] {
            let accept = Decision::AcceptReadyBy(ready_by);
            let answer = decide(Some(&order(status)), &decides(Role::Restaurant, accept, NOW));
            let expected = expected.map(|()| {
                vec![Event::OrderAccepted {
                    decided_by: Role::Restaurant,
                    ready_by: Some(ready_by),
                    intervention: None,
                }]
            });
            assert_eq!(answer, expected, "{status} {ready_by:?}");
        }
    }
}

#[test]
fn a_late_answer_is_late_whatever_it_promises() {
    let senseless = Decision::AcceptReadyBy(COMPLETE_BY);
    let answer =
        decide(Some(&order(Status::Placed)), &decides(Role::Restaurant, senseless, ACCEPT_BY));
    assert_eq!(answer.map_err(|no| no.code()), Err("deadline_passed"));
}

#[test]
fn what_has_run_out_was_ordered() {
    let placed = order(Status::Placed);
    let of = |items: &[&str]| {
        let items = items.iter().map(|id| (*id).to_owned()).collect();
        decide(Some(&placed), &decides(Role::Restaurant, Decision::RejectItems { items }, NOW))
    };
    assert_eq!(
        of(&["tiramisu", "water"]),
        Err(Rejection::NotOrdered { status: Status::Placed, at: 1 })
    );
    let expected = Event::OrderRejected {
        decided_by: Role::Restaurant,
        reason: ITEM_UNAVAILABLE.to_owned(),
        items: vec!["tiramisu".to_owned()],
        intervention: None,
    };
    assert_eq!(of(&["tiramisu"]), Ok(vec![expected]));
}

#[test]
fn other_words_are_the_same_answer() {
    for answered in answered_with_words() {
        let again = match answered.status {
            Status::Accepted => [Decision::Accept, Decision::AcceptReadyBy(after(0))],
            _ => [run_out(), Decision::Reject { reason: "closed".to_owned() }],
        };
        for decision in again {
            let answer = decide(Some(&answered), &decides(Role::Restaurant, decision, NOW));
            assert_eq!(answer, Ok(Vec::new()));
        }
    }
}
