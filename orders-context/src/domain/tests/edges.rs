//! Moments: a microsecond before, at and after each deadline and reminder. Roles: each wrong one is
//! refused. Second chances: as often as an operator gives them.

use super::mother::{
    ACCEPT_BY, COMPLETE_BY, Life, MINUTE, SECOND, after, cancel, decides, delivered, gave_up, life,
    order, reject,
};
use crate::domain::flow::FLOW;
use crate::domain::{
    Announce, Command, Decision, Event, Notification, Order, Rejection, Role, Status, TaskKind,
    Timestamp, Trigger, decide, evolve, wake_at,
};

/// What `order` becomes by `command`, which must not be refused.
fn done(order: &Order, command: &Command) -> Order {
    let events = decide(Some(order), command).expect("it is not refused");
    events.iter().fold(order.clone(), |order, event| {
        let order_id = order.order_id.clone();
        evolve(Some(order), &order_id, command.now(), event).expect("it evolves")
    })
}

fn decision(trigger: Trigger) -> Option<Decision> {
    match trigger {
        Trigger::Accept => Some(Decision::Accept),
        Trigger::Reject => Some(reject()),
        Trigger::Complete => Some(Decision::Complete),
        Trigger::Cancel => Some(cancel()),
        Trigger::Redrive => Some(Decision::Redrive),
        Trigger::RestaurantNotified
        | Trigger::ReminderDue
        | Trigger::AcceptDeadline
        | Trigger::UserNotified
        | Trigger::CompleteDeadline => None,
    }
}

#[test]
fn a_decision_counts_until_the_microsecond_before_its_deadline() {
    let cases = [
        (Status::Placed, Decision::Accept, ACCEPT_BY),
        (Status::Placed, reject(), ACCEPT_BY),
        (Status::Placed, cancel(), ACCEPT_BY),
        (Status::Notified, Decision::Accept, ACCEPT_BY),
        (Status::Notified, reject(), ACCEPT_BY),
        (Status::Notified, cancel(), ACCEPT_BY),
        (Status::Accepted, Decision::Complete, COMPLETE_BY),
        (Status::Accepted, cancel(), COMPLETE_BY),
        (Status::Confirmed, Decision::Complete, COMPLETE_BY),
        (Status::Confirmed, cancel(), COMPLETE_BY),
    ];
    for (status, decision, deadline) in cases {
        let order = order(status);
        let at = |us| {
            let now = Timestamp(deadline.0 + us);
            decide(Some(&order), &decides(Role::Restaurant, decision.clone(), now))
        };
        let too_late = Err(Rejection::TooLate { status, deadline });
        assert_eq!(
            at(-1).map(|events| events.len()),
            Ok(1),
            "{status}: {decision:?}, just in time"
        );
        assert_eq!(at(0), too_late, "{status}: {decision:?}, at the deadline");
        assert_eq!(at(1), too_late, "{status}: {decision:?}, just after");
    }
}

#[test]
fn an_order_moves_by_itself_at_its_deadline_and_not_a_microsecond_sooner() {
    let cases = [
        (Status::Placed, ACCEPT_BY, Status::Expired),
        (Status::Notified, ACCEPT_BY, Status::Expired),
        (Status::Accepted, COMPLETE_BY, Status::TimedOut),
        (Status::Confirmed, COMPLETE_BY, Status::TimedOut),
    ];
    for (status, deadline, end) in cases {
        let order = order(status);
        let at = |us| done(&order, &Command::Wake { now: Timestamp(deadline.0 + us) }).status;
        assert_eq!([at(-1), at(0), at(1)], [status, end, end], "{status}");
    }
}

#[test]
fn a_reminder_goes_out_at_its_moment_once_and_none_before() {
    let mut order = order(Status::Notified);
    for (number, due) in [(1, 90 * SECOND), (2, 3 * MINUTE), (3, 8 * MINUTE)] {
        let at = |order: &Order, us| decide(Some(order), &Command::Wake { now: after(due + us) });
        assert_eq!(wake_at(&order, after(due - 1)), Some(after(due)), "it wakes for {number}");
        assert_eq!(at(&order, -1), Ok(vec![]), "just before {number}");
        let reminded = vec![Event::RestaurantReminded { reminder: number }];
        assert_eq!(at(&order, 0), Ok(reminded.clone()), "at {number}");
        assert_eq!(at(&order, 1), Ok(reminded), "just after {number}");
        order = done(&order, &Command::Wake { now: after(due) });
        assert_eq!(at(&order, 0), Ok(vec![]), "{number} again");
        assert_eq!(at(&order, 1), Ok(vec![]), "{number} again, just after");
    }
    assert_eq!(wake_at(&order, after(8 * MINUTE)), Some(ACCEPT_BY));
}

/// After a long sleep of the whole process the restaurant is reminded once, not three times.
#[test]
fn reminders_that_were_slept_through_are_one() {
    let order = order(Status::Notified);
    let reminded = decide(Some(&order), &Command::Wake { now: after(9 * MINUTE) });
    assert_eq!(reminded, Ok(vec![Event::RestaurantReminded { reminder: 3 }]));
}

#[test]
fn a_restaurant_that_nobody_tells_is_not_reminded() {
    let order = Order { announce: Announce::NotAtAll, ..order(Status::Notified) };
    assert_eq!(decide(Some(&order), &Command::Wake { now: after(9 * MINUTE) }), Ok(vec![]));
    assert_eq!(wake_at(&order, after(SECOND)), Some(ACCEPT_BY));
}

#[test]
fn each_arrow_of_a_person_refuses_every_role_it_does_not_name() {
    let mut refused = 0;
    for arrow in FLOW {
        let Some(decision) = decision(arrow.on) else { continue };
        let (status, order) = (arrow.from, order(arrow.from));
        for &role in Role::ALL {
            let outcome = decide(Some(&order), &decides(role, decision.clone(), after(2 * MINUTE)));
            if arrow.by.contains(&role) {
                assert!(outcome.is_ok(), "{role} may {} what is {status}", arrow.on);
            } else {
                assert_eq!(outcome, Err(Rejection::NotForRole { status, role }), "{}", arrow.on);
                refused += 1;
            }
        }
        assert!(!arrow.by.contains(&Role::System), "{} is for people", arrow.on);
    }
    assert_eq!(refused, 24, "4 × accept and reject, 4 × cancel, 2 × complete, 2 × redrive");
}

#[test]
fn what_happens_by_itself_is_for_no_person() {
    for arrow in FLOW.iter().filter(|arrow| decision(arrow.on).is_none()) {
        assert_eq!(arrow.by, [Role::System], "{} leaves by {}", arrow.from, arrow.on);
    }
}

#[test]
fn a_fact_that_arrives_after_the_end_is_recorded_once_and_moves_nothing() {
    for status in [Status::Expired, Status::Cancelled] {
        let ended = order(status);
        let late = delivered(TaskKind::NotifyRestaurant, after(180 * MINUTE));
        let once = done(&ended, &late);
        assert_eq!((once.status, once.version), (status, ended.version + 1));
        assert_eq!(done(&once, &late), once, "{status}");
    }
}

#[test]
fn a_task_that_was_given_up_may_still_turn_out_delivered() {
    let order = order(Status::Placed);
    let given_up = done(&order, &gave_up(TaskKind::NotifyRestaurant, after(MINUTE)));
    assert_eq!(given_up.status, Status::Placed);
    let told = done(&given_up, &delivered(TaskKind::NotifyRestaurant, after(2 * MINUTE)));
    assert_eq!(told.status, Status::Notified);
}

#[test]
fn a_redriven_order_starts_its_time_anew() {
    let again = after(15 * MINUTE);
    let redrive = decides(Role::Operator, Decision::Redrive, again);
    let order = done(&order(Status::Expired), &redrive);
    assert_eq!(order.status, Status::Placed);
    assert_eq!(order.accept_by, after(25 * MINUTE));
    assert_eq!(order.complete_by, after(135 * MINUTE));
    let told = done(&order, &delivered(TaskKind::NotifyRestaurant, after(16 * MINUTE)));
    assert_eq!(told.status, Status::Notified);
    assert_eq!(wake_at(&told, again), Some(Timestamp(again.0 + 90 * SECOND)));
    let accepted = done(&told, &decides(Role::Restaurant, Decision::Accept, after(24 * MINUTE)));
    assert_eq!(accepted.status, Status::Accepted);
}

/// What was said, reminded of or given up before counts no more: it is done, and recorded, again.
#[test]
fn a_redriven_order_is_told_and_reminded_of_again() {
    let letter = Notification::Expired.task();
    let facts = |after_ms: i64| {
        let at = |us| Timestamp(after(us).0 + after_ms * 1_000);
        vec![
            delivered(TaskKind::NotifyRestaurant, at(SECOND)),
            Command::Wake { now: at(90 * SECOND) },
            gave_up(TaskKind::RemindRestaurant(1), at(2 * MINUTE)),
            Command::Wake { now: at(10 * MINUTE) },
            delivered(letter, at(11 * MINUTE)),
        ]
    };
    let lived = |order: Order, commands: Vec<Command>| {
        commands.iter().fold(order, |order, command| {
            let after = done(&order, command);
            assert_eq!(after.version, order.version + 1, "{command:?}");
            after
        })
    };
    let expired = lived(order(Status::Placed), facts(0));
    let redrive = decides(Role::Operator, Decision::Redrive, after(15 * MINUTE));
    let again = lived(done(&expired, &redrive), facts(15 * 60_000));
    assert_eq!(again.status, Status::Expired);
}

#[test]
fn an_order_may_be_redriven_each_time_it_comes_to_rest_without_a_decision() {
    for status in [Status::Expired, Status::TimedOut] {
        let mut order = order(status);
        for round in 1..=3 {
            let now = Timestamp(order.complete_by.0 + MINUTE);
            let redrive = decides(Role::Operator, Decision::Redrive, now);
            let redriven = done(&order, &redrive);
            assert!(!redriven.status.is_at_rest(), "{status}, round {round}");
            assert_eq!(done(&redriven, &redrive), redriven, "repeating it changes nothing");
            let deadline = redriven.deadline().expect("it has one again");
            order = done(&redriven, &Command::Wake { now: deadline });
            assert_eq!(order.status, status, "round {round}");
        }
    }
}

#[test]
fn a_refusal_names_when_the_other_decision_was_made() {
    let Life { order, .. } = life(Status::Rejected);
    let refused = decide(Some(&order), &decides(Role::Restaurant, Decision::Accept, after(0)));
    let decided_at = Some(after(MINUTE));
    let status = Status::Rejected;
    assert_eq!(refused, Err(Rejection::DecidedOtherwise { status, decided_at }));
}
