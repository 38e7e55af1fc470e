//! What of a journal breaks the flow, and how it is told; and when a row wakes as it should.

use super::mother::{
    ACCEPT_BY, COMPLETE_BY, MINUTE, SECOND, after, every_event, order, order_accepted,
    order_cancelled, order_completed, order_expired, order_placed, order_redriven, order_rejected,
    order_timed_out, restaurant_notified, user_notified,
};
use crate::domain::conformance::{BreachKind as B, Told, judge, judge_wake};
use crate::domain::flow::{FLOW, Status as S};
use crate::domain::{
    Announce, Event, Notification, Order, Policy, Role, Status, Timestamp, evolve,
};

/// What is wrong when `event` is the next of `order` at `at`, with what the journal says it led to.
fn kinds(order: &Order, at: Timestamp, event: &Event, status: Status) -> Vec<B> {
    let told = Told { sequence: order.version + 1, at, status, event };
    judge(Some(order), &told).into_iter().map(|breach| breach.kind).collect()
}

/// The same when the journal says where the fold leads.
fn breaks(order: &Order, at: Timestamp, event: &Event) -> Vec<B> {
    let led = evolve(Some(order.clone()), "order-1", at, event).expect("it evolves");
    kinds(order, at, event, led.status)
}

#[test]
fn every_event_in_every_status_is_an_arrow_a_late_fact_or_forbidden() {
    let facts = ["restaurant_notified", "user_notified", "notification_failed"];
    for &status in Status::ALL {
        for event in every_event() {
            let order = Order { restaurant_told: false, user_told: vec![], ..order(status) };
            // Past every deadline for those that deadlines bring, before them for the rest.
            let at = match event {
                Event::OrderExpired { .. } | Event::OrderTimedOut { .. } => COMPLETE_BY,
                _ => after(5 * MINUTE),
            };
            let by_customer = matches!(event, Event::OrderCancelled { .. })
                && matches!(status, S::Accepted | S::Confirmed);
            let expected = match event.event_type() {
                fact if facts.contains(&fact) => vec![],
                "deadline_extended" | "task_redriven" if status.awaits_answer() => vec![],
                "flow_migrated" if !status.is_at_rest() => vec![],
                _ if by_customer => vec![B::Role],
                _ if has_arrow(status, &event) => vec![],
                _ => vec![B::Forbidden],
            };
            assert_eq!(breaks(&order, at, &event), expected, "{} in {status}", event.event_type());
        }
    }
}

/// The arrows, read from the table by their names alone.
fn has_arrow(from: Status, event: &Event) -> bool {
    let on = match event.event_type() {
        "restaurant_reminded" => "reminder_due",
        "order_accepted" => "accept",
        "order_rejected" => "reject",
        "order_expired" => "accept_deadline",
        "order_completed" => "complete",
        "order_cancelled" => "cancel",
        "order_timed_out" => "complete_deadline",
        "order_redriven" => "redrive",
        _ => return false,
    };
    FLOW.iter().any(|arrow| arrow.from == from && arrow.on.as_str() == on)
}

#[test]
fn a_status_that_the_flow_does_not_lead_to_is_told() {
    let at = after(MINUTE);
    assert_eq!(kinds(&order(S::Placed), at, &order_accepted(), S::Confirmed), [B::Status]);
    assert_eq!(
        kinds(&order(S::Completed), at, &restaurant_notified(), S::Notified),
        [B::Repeated, B::Status]
    );
    let told_late = user_notified(Notification::Rejected);
    assert_eq!(kinds(&order(S::Rejected), at, &told_late, S::Confirmed), [B::Status]);
    assert_eq!(kinds(&order(S::Rejected), at, &told_late, S::Rejected), []);
    assert_eq!(
        kinds(&order(S::Rejected), at, &order_accepted(), S::Accepted),
        [B::Forbidden, B::Status]
    );
}

#[test]
fn an_order_begins_with_its_placing_and_has_no_gap() {
    let kinds = |before: Option<&Order>, sequence, event: &Event, status| -> Vec<B> {
        let told = Told { sequence, at: after(1), status, event };
        judge(before, &told).into_iter().map(|breach| breach.kind).collect()
    };
    assert_eq!(kinds(None, 1, &order_placed(), S::Placed), []);
    assert_eq!(kinds(None, 2, &order_placed(), S::Placed), [B::Sequence]);
    assert_eq!(kinds(None, 1, &order_accepted(), S::Accepted), [B::NotPlaced]);
    assert_eq!(kinds(None, 1, &order_placed(), S::Notified), [B::Status]);
    let placed = order(S::Placed);
    assert_eq!(kinds(Some(&placed), 2, &order_accepted(), S::Accepted), []);
    assert_eq!(kinds(Some(&placed), 1, &order_accepted(), S::Accepted), [B::Sequence]);
    assert_eq!(kinds(Some(&placed), 3, &order_accepted(), S::Accepted), [B::Sequence]);
}

#[test]
fn deadlines_divide_to_the_microsecond() {
    let just_before = |at: Timestamp| Timestamp(at.0 - 1);
    for (status, event, deadline) in [
        (S::Placed, order_expired(), ACCEPT_BY),
        (S::Notified, order_expired(), ACCEPT_BY),
        (S::Confirmed, order_timed_out(), COMPLETE_BY),
    ] {
        assert_eq!(breaks(&order(status), just_before(deadline), &event), [B::Deadline]);
        assert_eq!(breaks(&order(status), deadline, &event), []);
    }
    for (status, event, deadline) in [
        (S::Placed, order_accepted(), ACCEPT_BY),
        (S::Notified, order_rejected(), ACCEPT_BY),
        (S::Placed, order_cancelled(), ACCEPT_BY),
        (S::Accepted, order_completed(), COMPLETE_BY),
    ] {
        assert_eq!(breaks(&order(status), just_before(deadline), &event), []);
        assert_eq!(breaks(&order(status), deadline, &event), [B::Deadline]);
    }
    assert_eq!(breaks(&order(S::Expired), after(500 * MINUTE), &order_redriven()), []);
}

#[test]
fn an_arrow_is_for_its_roles_and_a_fact_is_recorded_once() {
    let by_customer =
        Event::OrderAccepted { decided_by: Role::Customer, ready_by: None, intervention: None };
    assert_eq!(breaks(&order(S::Notified), after(MINUTE), &by_customer), [B::Role]);
    assert_eq!(breaks(&order(S::Notified), after(MINUTE), &restaurant_notified()), [B::Repeated]);
    let told = user_notified(Notification::Accepted);
    assert_eq!(breaks(&order(S::Confirmed), after(MINUTE), &told), [B::Repeated]);
    let reminded = Event::RestaurantReminded { reminder: 1 };
    let again = Order { reminders: 1, ..order(S::Notified) };
    assert_eq!(breaks(&again, after(MINUTE), &reminded), [B::Repeated]);
}

#[test]
fn a_row_wakes_when_its_state_asks_for_it() {
    let wakes = |order: &Order, wake: Option<Timestamp>| {
        judge_wake(order, after(2 * SECOND), wake).is_none()
    };
    for &status in Status::ALL {
        let order = order(status);
        assert_eq!(wakes(&order, None), status.is_at_rest(), "{status}");
        assert!(!wakes(&order, Some(after(7))), "{status}");
        if let Some(deadline) = order.deadline() {
            let later = Timestamp(deadline.0 + 1);
            assert!(!wakes(&order, Some(later)), "{status} after its deadline");
        }
    }
    assert!(wakes(&order(S::Placed), Some(ACCEPT_BY)));
    assert!(!wakes(&order(S::Placed), Some(after(90 * SECOND))), "nobody is reminded yet");
    assert!(wakes(&order(S::Confirmed), Some(COMPLETE_BY)));
    assert!(!wakes(&order(S::Confirmed), Some(ACCEPT_BY)));
}

#[test]
fn a_row_wakes_for_the_next_reminder_or_an_earlier_one() {
    let reminders = Policy::standard().remind_after_ms;
    let at = |number: usize| Some(after(reminders[number] * 1_000));
    let right = |order: &Order, last_at, wake| judge_wake(order, last_at, wake).is_none();
    let notified = order(S::Notified);
    assert!(right(&notified, after(2 * SECOND), at(0)));
    assert!(!right(&notified, after(2 * SECOND), at(1)), "the first would be forgotten");
    assert!(!right(&notified, after(2 * SECOND), Some(ACCEPT_BY)), "all would be forgotten");
    let reminded = Order { reminders: 1, ..notified.clone() };
    assert!(right(&reminded, after(90 * SECOND), at(1)));
    assert!(right(&reminded, after(90 * SECOND), at(0)), "a look too many does no harm");
    assert!(!right(&reminded, after(90 * SECOND), at(2)));
    let all_out = Order { reminders: 3, ..notified.clone() };
    assert!(right(&all_out, after(9 * MINUTE), Some(ACCEPT_BY)));
    let silent = Order { announce: Announce::NotAtAll, ..notified };
    assert!(right(&silent, after(2 * SECOND), Some(ACCEPT_BY)));
    assert!(!right(&silent, after(2 * SECOND), at(0)));
}
