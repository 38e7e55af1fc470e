//! An order under way that is moved to other terms: which deadlines move and which stay, what becomes of
//! reminders and tasks, and that its journal is judged by the terms of the moment.

use super::laws::{lived_order, moment, terms};
use super::mother::{
    ACCEPT_BY, COMPLETE_BY, Life, MINUTE, SECOND, after, decides, evening, extend, flow_migrated,
    intervention, life, operates, order, order_placed, restaurant_notified,
};
use crate::domain::conformance::{BreachKind as B, Told, judge};
use crate::domain::migrate::{Migration, migration};
use crate::domain::{
    Action, Command, Deadline, Decision, Effect, Event, FlowVersion, Migrated, Operation, Order,
    Policy, Rejection, Role, Status, Terms, Timestamp, decide, evolve, react, wake_at,
};
use proptest::prelude::*;

fn migrate(to: Terms, now: Timestamp) -> Command {
    operates(Operation::Migrate { to }, now)
}

fn done(order: &Order, command: &Command) -> Order {
    let events = decide(Some(order), command).expect("it is not refused");
    events.iter().fold(order.clone(), |order, event| {
        evolve(Some(order), "order-1", command.now(), event).expect("it evolves")
    })
}

fn times(accept_minutes: i64, complete_minutes: i64) -> Terms {
    let policy = Policy {
        version: 3,
        accept_within_ms: accept_minutes * 60_000,
        complete_within_ms: complete_minutes * 60_000,
        ..Policy::standard()
    };
    policy.into()
}

#[test]
fn a_deadline_moves_as_its_time_does_and_never_into_the_past() {
    let (accept, complete) = (10, 120);
    for (status, at, to, moves) in [
        (Status::Placed, 2, times(15, 130), (15, 130)),
        (Status::Notified, 2, times(5, 60), (5, 60)),
        // It would have passed: the promise stays.
        (Status::Notified, 5, times(5, 60), (accept, 60)),
        (Status::Notified, 6, times(5, 5), (accept, complete)),
        // An order may be answered no longer than there is time for it.
        (Status::Notified, 6, times(5, 8), (accept, accept)),
        (Status::Accepted, 6, times(5, 5), (accept, complete)),
        // The answer was given in time: its deadline is history.
        (Status::Accepted, 2, times(30, 90), (accept, 90)),
        (Status::Confirmed, 89, times(30, 90), (accept, 90)),
        (Status::Confirmed, 90, times(30, 90), (accept, complete)),
    ] {
        let moved = done(&order(status), &migrate(to.clone(), after(at * MINUTE)));
        let deadlines = (moved.accept_by, moved.complete_by);
        let expected = (after(moves.0 * MINUTE), after(moves.1 * MINUTE));
        assert_eq!(deadlines, expected, "{status} at {at}");
        assert_eq!((moved.status, &moved.policy), (status, &to.policy));
    }
}

#[test]
fn what_an_operator_has_added_stays_added() {
    let extended = done(
        &order(Status::Notified),
        &operates(extend(Deadline::AcceptBy, after(25 * MINUTE)), after(MINUTE)),
    );
    let moved = done(&extended, &migrate(times(15, 120), after(2 * MINUTE)));
    assert_eq!(moved.accept_by, after(30 * MINUTE));
}

#[test]
fn the_new_deadline_is_the_one_that_counts() {
    let moved = done(&order(Status::Notified), &migrate(evening(), after(2 * MINUTE)));
    let accept = |now| decides(Role::Restaurant, Decision::Accept, now);
    assert_eq!(done(&moved, &accept(after(15 * MINUTE - 1))).status, Status::Accepted);
    let late = decide(Some(&moved), &accept(after(15 * MINUTE)));
    assert!(matches!(late, Err(Rejection::TooLate { .. })), "{late:?}");
    let wake = |now| done(&moved, &Command::Wake { now }).status;
    assert_eq!([wake(ACCEPT_BY), wake(after(15 * MINUTE))], [Status::Notified, Status::Expired]);
}

/// What is over under the new policy is not sent late, and what is to come is sent.
#[test]
fn reminders_are_those_of_the_new_policy_from_then_on() {
    let reminded = done(&order(Status::Notified), &Command::Wake { now: after(90 * SECOND) });
    let moved = done(&reminded, &migrate(evening(), after(2 * MINUTE)));
    assert_eq!(moved.reminders, 0);
    assert_eq!(wake_at(&moved, after(2 * MINUTE)), Some(after(4 * MINUTE)));
    let first = decide(Some(&moved), &Command::Wake { now: after(4 * MINUTE) });
    assert_eq!(first, Ok(vec![Event::RestaurantReminded { reminder: 1 }]));

    let often = Policy {
        remind_after_ms: vec![30_000, 60_000, 300_000],
        ..(*times(15, 120).policy).clone()
    };
    let moved = done(&order(Status::Notified), &migrate(often.into(), after(70 * SECOND)));
    assert_eq!(moved.reminders, 2, "those are over");
    assert_eq!(wake_at(&moved, after(70 * SECOND)), Some(after(5 * MINUTE)));
    assert_eq!(decide(Some(&moved), &Command::Wake { now: after(2 * MINUTE) }), Ok(vec![]));
}

#[test]
fn the_announcement_keeps_its_point_as_long_as_an_answer_counts() {
    let moved = done(&order(Status::Placed), &migrate(evening(), after(2 * MINUTE)));
    let prolonged = Effect::ProlongOpenTasks { give_up_at: after(15 * MINUTE) };
    assert_eq!(react(&moved, after(2 * MINUTE), &flow_migrated()), [prolonged]);
    let accepted = done(&order(Status::Accepted), &migrate(evening(), after(2 * MINUTE)));
    assert_eq!(react(&accepted, after(2 * MINUTE), &flow_migrated()), []);
}

/// No version that has shipped lacks a status; one that nobody has written knows none.
#[test]
fn an_order_without_a_place_in_the_flow_is_refused() {
    for &status in Status::ALL {
        let to = Terms { flow: FlowVersion::nowhere(), ..evening() };
        let refused = decide(Some(&order(status)), &migrate(to, after(2 * MINUTE)));
        match status.is_at_rest() {
            true => assert_eq!(refused, Ok(vec![]), "{status}"),
            false => {
                let rejection = refused.expect_err("it has no place");
                assert_eq!(rejection.code(), "no_place_in_flow", "{status}");
                assert!(rejection.to_string().contains(status.as_str()), "{rejection}");
            }
        }
    }
}

#[test]
fn the_event_says_from_what_to_what_and_by_whom() {
    let action = Action::Migrate { to: evening() };
    let command = action.command(None, intervention(), after(2 * MINUTE)).expect("there is one");
    let events = decide(Some(&order(Status::Notified)), &command).expect("it is not refused");
    assert_eq!(events, [flow_migrated()]);
}

#[test]
fn a_journal_that_moves_an_order_wrongly_is_told() {
    let kinds = |order: &Order, at, change: fn(&mut Event)| -> Vec<B> {
        let mut event = flow_migrated();
        change(&mut event);
        let told = Told { sequence: order.version + 1, at, status: order.status, event: &event };
        judge(Some(order), &told).into_iter().map(|breach| breach.kind).collect()
    };
    let notified = order(Status::Notified);
    assert_eq!(kinds(&notified, after(MINUTE), |_| {}), []);
    assert_eq!(kinds(&order(Status::Completed), after(MINUTE), |_| {}), [B::Forbidden]);
    assert_eq!(kinds(&notified, ACCEPT_BY, |_| {}), [B::Deadline]);
    let elsewhere = |event: &mut Event| {
        let Event::FlowMigrated(Migrated { flow_version, .. }) = event else { return };
        *flow_version = FlowVersion::nowhere();
    };
    assert_eq!(kinds(&notified, after(MINUTE), elsewhere), [B::Forbidden]);
    let from_another = |event: &mut Event| {
        let Event::FlowMigrated(Migrated { from_policy, .. }) = event else { return };
        *from_policy = 9;
    };
    assert_eq!(kinds(&notified, after(MINUTE), from_another), [B::Columns]);
    let broken = |event: &mut Event| {
        let Event::FlowMigrated(Migrated { accept_by, .. }) = event else { return };
        *accept_by = after(MINUTE);
    };
    assert_eq!(kinds(&notified, after(MINUTE), broken), [B::Deadline]);
    assert_eq!(kinds(&notified, after(MINUTE - 1), broken), []);
    let by_customer = |event: &mut Event| {
        let Event::FlowMigrated(Migrated { migrated_by, .. }) = event else { return };
        *migrated_by = Role::Customer;
    };
    assert_eq!(kinds(&notified, after(MINUTE), by_customer), [B::Role]);
}

/// The events after it are judged by the flow and the deadlines that it brought.
#[test]
fn what_follows_is_judged_by_the_new_terms() {
    let moved = life(Status::Notified).then(after(2 * MINUTE), flow_migrated()).order;
    let accepted =
        Event::OrderAccepted { decided_by: Role::Restaurant, ready_by: None, intervention: None };
    let told = |at, status, event| Told { sequence: moved.version + 1, at, status, event };
    let just_in_time = told(after(15 * MINUTE - 1), Status::Accepted, &accepted);
    assert_eq!(judge(Some(&moved), &just_in_time), []);
    let expired = Event::OrderExpired { accept_by: ACCEPT_BY };
    let early = judge(Some(&moved), &told(ACCEPT_BY, Status::Expired, &expired));
    assert_eq!(early.iter().map(|breach| breach.kind).collect::<Vec<_>>(), [B::Deadline]);
}

/// A redriven order begins anew under the terms that it was moved to.
#[test]
fn a_redriven_order_keeps_the_terms_it_was_moved_to() {
    let life = Life::born("order-1", order_placed())
        .then(after(2 * SECOND), restaurant_notified())
        .then(after(2 * MINUTE), flow_migrated());
    let expired = done(&life.order, &Command::Wake { now: after(15 * MINUTE) });
    let redrive = decides(Role::Operator, Decision::Redrive, after(20 * MINUTE));
    assert_eq!(done(&expired, &redrive).accept_by, after(35 * MINUTE));
    assert_ne!(COMPLETE_BY, done(&expired, &redrive).complete_by);
}

proptest! {
    /// What the plan says is what is done, to the microsecond.
    #[test]
    fn what_is_planned_is_decided(order in lived_order(), to in terms(), now in moment()) {
        let decided = decide(Some(&order), &migrate(to.clone(), now));
        match (migration(&order, &to, now), decided) {
            (Migration::Stands, Ok(events)) => prop_assert_eq!(events, vec![]),
            (Migration::TooLate { deadline }, Err(rejection)) => {
                prop_assert_eq!(rejection, Rejection::TooLate { status: order.status, deadline });
            }
            (Migration::Moves { accept_by, complete_by }, Ok(events)) => {
                prop_assert_eq!(events.len(), 1);
                let moved = evolve(Some(order.clone()), "order-1", now, &events[0]);
                let moved = moved.expect("it evolves");
                prop_assert_eq!((moved.accept_by, moved.complete_by), (accept_by, complete_by));
                prop_assert_eq!((&moved.policy, moved.flow_version), (&to.policy, to.flow));
                prop_assert_eq!(moved.status, order.status);
                let deadline = moved.deadline().expect("it is under way");
                prop_assert!(deadline > now, "moving an order never ends it");
                prop_assert_eq!(migration(&moved, &to, now), Migration::Stands);
            }
            (planned, decided) => prop_assert!(false, "planned {planned:?}, decided {decided:?}"),
        }
    }
}
