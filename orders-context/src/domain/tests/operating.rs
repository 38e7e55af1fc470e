//! What operators do beside the flow: how far a deadline moves, which task is tried again, and that
//! doing it twice is doing it once.

use super::mother::{
    ACCEPT_BY, COMPLETE_BY, EVENING, MINUTE, SECOND, after, asked_and_delivered, asked_and_gave_up,
    deadline_extended, decides, delivered, evening, extend, gave_up, intervention, operates, order,
    tried_again,
};
use crate::domain::operate::LONGEST_MS;
use crate::domain::{
    Action, Command, Deadline, Decision, Effect, Event, Notification, Operation, Order, Rejection,
    Role, Status, TaskKind, TaskWas, Timestamp, Until, Waiting, decide, evolve, react, wake_at,
};

const LETTER: TaskKind = TaskKind::NotifyUser(Notification::Accepted);

/// What `order` becomes by `command`, which must not be refused.
fn done(order: &Order, command: &Command) -> Order {
    let events = decide(Some(order), command).expect("it is not refused");
    events.iter().fold(order.clone(), |order, event| {
        let order_id = order.order_id.clone();
        evolve(Some(order), &order_id, command.now(), event).expect("it evolves")
    })
}

fn refused(order: &Order, command: &Command) -> &'static str {
    decide(Some(order), command).expect_err("it is refused").code()
}

#[test]
fn an_extended_deadline_is_the_one_that_counts() {
    let order = done(
        &order(Status::Notified),
        &operates(extend(Deadline::AcceptBy, after(25 * MINUTE)), after(MINUTE)),
    );
    assert_eq!(order.accept_by, after(25 * MINUTE));
    let accept = |now| decides(Role::Restaurant, Decision::Accept, now);
    assert_eq!(done(&order, &accept(after(25 * MINUTE - 1))).status, Status::Accepted);
    assert_eq!(refused(&order, &accept(after(25 * MINUTE))), "deadline_passed");
    let wake = |now| done(&order, &Command::Wake { now }).status;
    assert_eq!(wake(ACCEPT_BY), Status::Notified, "the old moment means nothing any more");
    assert_eq!(wake(after(25 * MINUTE)), Status::Expired);
    assert_eq!(wake_at(&order, after(9 * MINUTE)), Some(after(25 * MINUTE)));
}

#[test]
fn a_deadline_moves_as_far_as_its_limit_and_not_a_microsecond_further() {
    let longest = EVENING.plus_ms(LONGEST_MS);
    let cases = [
        (Status::Placed, Deadline::AcceptBy, ACCEPT_BY, COMPLETE_BY),
        (Status::Placed, Deadline::CompleteBy, COMPLETE_BY, longest),
        (Status::Confirmed, Deadline::CompleteBy, COMPLETE_BY, longest),
    ];
    for (status, which, deadline, limit) in cases {
        let order = order(status);
        let to = |to: Timestamp| decide(Some(&order), &operates(extend(which, to), after(MINUTE)));
        let extended = |to: Timestamp| {
            to_of(&decide(Some(&order), &operates(extend(which, to), after(MINUTE))))
        };
        assert_eq!(to(Timestamp(deadline.0 - 1)), Err(Rejection::NotLater { status, deadline }));
        assert_eq!(to(deadline), Ok(vec![]), "it is there already");
        assert_eq!(extended(Timestamp(deadline.0 + 1)), Some(Timestamp(deadline.0 + 1)));
        assert_eq!(extended(limit), Some(limit));
        let too_far = Err(Rejection::TooFar { status, which, limit });
        assert_eq!(to(Timestamp(limit.0 + 1)), too_far);
        assert_eq!(to(Timestamp(i64::MAX)), too_far);
    }
}

fn to_of(decided: &Result<Vec<Event>, Rejection>) -> Option<Timestamp> {
    match decided.as_deref() {
        Ok([Event::DeadlineExtended { to, .. }]) => Some(*to),
        _ => None,
    }
}

#[test]
fn a_deadline_is_moved_by_a_length_of_time_from_where_it_is() {
    let later =
        |by_ms| Operation::Extend { deadline: Deadline::CompleteBy, until: Until::Later { by_ms } };
    let once = done(&order(Status::Accepted), &operates(later(600_000), after(2 * MINUTE)));
    assert_eq!(once.complete_by, after(130 * MINUTE));
    let twice = done(&once, &operates(later(600_000), after(3 * MINUTE)));
    assert_eq!(twice.complete_by, after(140 * MINUTE));
    for by_ms in [-1, i64::MIN] {
        assert_eq!(refused(&once, &operates(later(by_ms), after(3 * MINUTE))), "not_later");
    }
    assert_eq!(refused(&once, &operates(later(i64::MAX), after(3 * MINUTE))), "too_far");
}

#[test]
fn more_time_to_answer_is_more_time_to_announce() {
    let extended = done(
        &order(Status::Placed),
        &operates(extend(Deadline::AcceptBy, after(25 * MINUTE)), after(MINUTE)),
    );
    assert_eq!(
        react(&extended, after(MINUTE), &deadline_extended()),
        [Effect::ProlongOpenTasks { give_up_at: after(25 * MINUTE) }]
    );
}

/// For each status the one task that helps, given up: it is tried again, once for each giving up.
#[test]
fn the_task_that_helps_is_tried_again() {
    let cases = [
        (Status::Placed, TaskKind::NotifyRestaurant, ACCEPT_BY),
        (Status::Accepted, LETTER, after(5 * MINUTE + 24 * 60 * MINUTE)),
        (Status::Rejected, Notification::Rejected.task(), after(5 * MINUTE + 24 * 60 * MINUTE)),
        (Status::Cancelled, Notification::Cancelled.task(), after(5 * MINUTE + 24 * 60 * MINUTE)),
    ];
    let redrive = operates(Operation::RedriveTask, after(5 * MINUTE));
    for (status, task, give_up_at) in cases {
        let stuck = done(&order(status), &gave_up(task, after(4 * MINUTE)));
        let events = decide(Some(&stuck), &redrive).expect("it is not refused");
        let again = done(&stuck, &redrive);
        assert_eq!(again.status, status);
        assert_eq!(
            react(&again, after(5 * MINUTE), &events[0]),
            [Effect::WithdrawGivenUpTasks { task: Some(task) }, Effect::Start { task, give_up_at }],
            "{status}"
        );
        assert_eq!(done(&again, &redrive), again, "{status}: once more is no more");
        let stuck_again = done(&again, &gave_up(task, after(6 * MINUTE)));
        assert_eq!(stuck_again.version, again.version + 1, "{status}: it is told again");
        assert!(matches!(
            decide(Some(&stuck_again), &redrive).as_deref(),
            Ok([Event::TaskRedriven { was: TaskWas::GivenUp, .. }])
        ));
    }
}

#[test]
fn a_task_that_no_longer_helps_is_not_tried_again() {
    let redrive = operates(Operation::RedriveTask, after(2 * MINUTE));
    for status in [Status::Accepted, Status::Rejected, Status::Cancelled, Status::Completed] {
        let stuck = done(&order(status), &gave_up(TaskKind::NotifyRestaurant, after(MINUTE)));
        assert_eq!(refused(&stuck, &redrive), "task_not_given_up", "{status}");
    }
    let stuck = done(&order(Status::Placed), &gave_up(TaskKind::NotifyRestaurant, after(MINUTE)));
    let late = operates(Operation::RedriveTask, ACCEPT_BY);
    assert_eq!(refused(&stuck, &late), "deadline_passed");
    // It turned out delivered after all.
    let stuck =
        done(&order(Status::Rejected), &gave_up(Notification::Rejected.task(), after(MINUTE)));
    let told = done(&stuck, &delivered(Notification::Rejected.task(), after(2 * MINUTE)));
    assert_eq!(done(&told, &redrive), told);
}

#[test]
fn an_attempt_is_hurried_once() {
    let hurry = |due_at, now| {
        operates(Operation::RetryNow { task: TaskKind::NotifyRestaurant, due_at }, now)
    };
    let waiting = order(Status::Placed);
    let command = hurry(after(3 * MINUTE), after(2 * MINUTE));
    let events = decide(Some(&waiting), &command).expect("it is not refused");
    assert_eq!(react(&waiting, after(2 * MINUTE), &events[0]), [Effect::HurryOpenTasks]);
    let hurried = done(&waiting, &command);
    assert_eq!(done(&hurried, &command), hurried, "once more is no more");
    let due = hurry(after(3 * MINUTE), after(3 * MINUTE));
    assert_eq!(done(&waiting, &due), waiting, "it is due anyway");
    let next = hurry(after(4 * MINUTE), after(3 * MINUTE + SECOND));
    assert_eq!(done(&hurried, &next).version, hurried.version + 1, "the next attempt");
    assert_eq!(refused(&waiting, &hurry(after(20 * MINUTE), ACCEPT_BY)), "deadline_passed");
    let stuck = done(&waiting, &gave_up(TaskKind::NotifyRestaurant, after(MINUTE)));
    assert_eq!(refused(&stuck, &command), "no_open_task");
}

/// A letter was under way when the order was redriven, and the one since then is given up.
#[test]
fn what_was_delivered_before_a_redrive_keeps_nothing_from_being_tried_again() {
    let timed_out = order(Status::TimedOut);
    let redrive = decides(Role::Operator, Decision::Redrive, after(125 * MINUTE));
    let redriven = done(&timed_out, &redrive);
    let (before, since) = (redriven.version - 1, redriven.version);
    let late = asked_and_delivered(LETTER, before, after(126 * MINUTE));
    assert_eq!(done(&redriven, &late), redriven);
    let in_vain = asked_and_gave_up(LETTER, before, after(126 * MINUTE));
    assert_eq!(done(&redriven, &in_vain), redriven, "nor does what was given up");
    let told = done(&redriven, &asked_and_delivered(LETTER, since, after(126 * MINUTE)));
    assert_eq!(told.status, Status::Confirmed);
    let stuck = done(&done(&redriven, &late), &gave_up(LETTER, after(127 * MINUTE)));
    let again = decide(Some(&stuck), &operates(Operation::RedriveTask, after(128 * MINUTE)));
    assert!(
        matches!(again.as_deref(), Ok([Event::TaskRedriven { task: LETTER, .. }])),
        "{again:?}"
    );
}

#[test]
fn none_of_it_is_for_anybody_else() {
    let operations = [
        extend(Deadline::AcceptBy, after(25 * MINUTE)),
        Operation::RedriveTask,
        Operation::RetryNow { task: LETTER, due_at: after(9 * MINUTE) },
        Operation::Migrate { to: evening() },
    ];
    for operation in operations {
        for &by in Role::ALL.iter().filter(|by| **by != Role::Operator) {
            let now = after(MINUTE);
            let command =
                Command::Operate { operation: operation.clone(), by, intervention: None, now };
            assert_eq!(refused(&tried_again(), &command), "not_for_role", "{operation:?} by {by}");
        }
    }
}

#[test]
fn each_action_says_in_the_journal_who_acted_and_why() {
    let (now, waiting) = (after(2 * MINUTE), Waiting { task: LETTER, due_at: after(3 * MINUTE) });
    let later = |by_ms| Until::Later { by_ms };
    let actions = [
        (Status::Expired, Action::Redrive),
        (Status::Accepted, Action::RedriveTask),
        (Status::Placed, Action::RetryNow),
        (Status::Placed, Action::Extend { deadline: Deadline::AcceptBy, until: later(1) }),
        (Status::Notified, Action::Cancel { reason: "restaurant_closed".to_owned() }),
        (Status::Confirmed, Action::Migrate { to: evening() }),
    ];
    for (status, action) in actions {
        let mut order = order(status);
        if action == Action::RedriveTask {
            order = done(&order, &gave_up(LETTER, after(MINUTE)));
        }
        let command = action.command(Some(waiting), intervention(), now).expect("there is one");
        let events = decide(Some(&order), &command).expect("it is not refused");
        let [event] = &events[..] else { panic!("{action:?} is one event, not {events:?}") };
        assert_eq!(event.intervention(), Some(&intervention()), "{action:?}");
        let stored = serde_json::to_string(&action).expect("it has a stored form");
        assert_eq!(serde_json::from_str::<Action>(&stored).expect("it is read"), action);
    }
    assert_eq!(Action::RetryNow.command(None, intervention(), now), None);
}
