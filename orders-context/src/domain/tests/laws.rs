//! What holds for every life an order can have: random commands at random moments, out of order as
//! tasks, people and clocks of several machines may bring them.

use super::mother::{
    ACCEPT_BY, COMPLETE_BY, EVENING, Life, MINUTE, SECOND, after, cancel, decides, delivered,
    extend, gave_up, operates, placement, reject, run_out,
};
use crate::domain::conformance::{Told, judge, judge_wake};
use crate::domain::{
    Announce, Command, Deadline, Decision, Event, Fixed, FlowVersion, Notification, Operation,
    Order, Placement, Policy, Role, Status, TaskKind, Terms, Timestamp, Trigger, decide, evolve,
    wake_at,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;

/// A life that was lived: each command, and how it left the order.
struct Lived {
    life: Life,
    steps: Vec<Step>,
}

struct Step {
    command: Command,
    before: Order,
    /// None for a command that was refused or found it so already.
    event: Option<Event>,
    after: Order,
}

fn live(placement: Placement, commands: Vec<Command>) -> Lived {
    let now = placement.now;
    let placed = decide(None, &Command::Place(Box::new(placement))).expect("it can be placed");
    assert_eq!(now, EVENING);
    let mut life = Life::born("order-1", as_stored(&placed[0]));
    let mut steps = Vec::new();
    for command in commands {
        let before = life.order.clone();
        let events = decide(Some(&before), &command).unwrap_or_default();
        assert!(events.len() <= 1, "one command is one event");
        let event = events.first().cloned();
        if let Some(event) = &event {
            life = life.then(command.now(), as_stored(event));
        }
        steps.push(Step { command, before, event, after: life.order.clone() });
    }
    Lived { life, steps }
}

/// An event as it comes back from the journal.
fn as_stored(event: &Event) -> Event {
    let stored = serde_json::to_string(event).expect("an event has a stored form");
    serde_json::from_str(&stored).expect("what was stored can be read")
}

fn trigger(event: &Event) -> Option<Trigger> {
    match event {
        Event::OrderPlaced { .. }
        | Event::NotificationFailed { .. }
        | Event::DeadlineExtended { .. }
        | Event::TaskRedriven { .. }
        | Event::FlowMigrated { .. } => None,
        Event::RestaurantNotified { .. } => Some(Trigger::RestaurantNotified),
        Event::RestaurantReminded { .. } => Some(Trigger::ReminderDue),
        Event::OrderAccepted { .. } => Some(Trigger::Accept),
        Event::OrderRejected { .. } => Some(Trigger::Reject),
        Event::OrderExpired { .. } => Some(Trigger::AcceptDeadline),
        Event::UserNotified { notification: Notification::Accepted, .. } => {
            Some(Trigger::UserNotified)
        }
        Event::UserNotified { .. } => None,
        Event::OrderCompleted { .. } => Some(Trigger::Complete),
        Event::OrderCancelled { .. } => Some(Trigger::Cancel),
        Event::OrderTimedOut { .. } => Some(Trigger::CompleteDeadline),
        Event::OrderRedriven { .. } => Some(Trigger::Redrive),
    }
}

/// A fact from outside: it may arrive when nothing can move any more.
fn may_be_late(event: &Event) -> bool {
    matches!(event, Event::RestaurantNotified { .. } | Event::UserNotified { .. })
}

/// Anywhere in three hours around the order's life, and often just where something happens.
pub fn moment() -> impl Strategy<Value = Timestamp> {
    let edges = [0, 90 * SECOND, 3 * MINUTE, 8 * MINUTE, 10 * MINUTE, 120 * MINUTE, 130 * MINUTE];
    prop_oneof![
        2 => (0..10 * MINUTE).prop_map(after),
        1 => (-SECOND..250 * MINUTE).prop_map(after),
        1 => (select(edges.to_vec()), -1..=1i64).prop_map(|(at, us)| after(at + us)),
    ]
}

fn task() -> impl Strategy<Value = TaskKind> {
    prop_oneof![
        2 => Just(TaskKind::NotifyRestaurant),
        1 => (1..4u32).prop_map(TaskKind::RemindRestaurant),
        1 => Just(Notification::Accepted.task()),
        1 => select(Notification::ALL).prop_map(Notification::task),
    ]
}

/// Times that are shorter or longer than those that orders are placed under, or the same.
pub fn terms() -> impl Strategy<Value = Terms> {
    let minutes = |of: Vec<i64>| select(of).prop_map(|minutes| minutes * 60_000);
    let reminders = prop::collection::btree_set(1..20i64, 0..4);
    (minutes(vec![1, 5, 10, 30]), minutes(vec![30, 120, 240]), reminders, 1..4u32).prop_map(
        |(accept_within_ms, complete_within_ms, reminders, version)| Terms {
            flow: FlowVersion::LATEST,
            policy: Fixed::from(Policy {
                version,
                accept_within_ms,
                complete_within_ms,
                remind_after_ms: reminders.into_iter().map(|minutes| minutes * 60_000).collect(),
                ..Policy::standard()
            }),
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (select(Deadline::ALL), moment()).prop_map(|(deadline, to)| extend(deadline, to)),
        Just(Operation::RedriveTask),
        (task(), moment()).prop_map(|(task, due_at)| Operation::RetryNow { task, due_at }),
        terms().prop_map(|to| Operation::Migrate { to }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let decision = select(vec![
        Decision::Accept,
        Decision::AcceptReadyBy(after(30 * MINUTE)),
        reject(),
        run_out(),
        Decision::Complete,
        cancel(),
        Decision::Redrive,
    ]);
    prop_oneof![
        4 => (select(Role::ALL), decision, moment()).prop_map(|(by, what, at)| decides(by, what, at)),
        2 => (operation(), moment()).prop_map(|(what, now)| operates(what, now)),
        3 => moment().prop_map(|now| Command::Wake { now }),
        2 => (task(), moment()).prop_map(|(task, at)| delivered(task, at)),
        1 => (task(), moment()).prop_map(|(task, at)| gave_up(task, at)),
        1 => Just(Command::Place(Box::new(placement("order-1")))),
    ]
}

prop_compose! {
    fn lived()(
        announce in select(vec![
            Announce::ByWebhook, Announce::ByMailOrEndpoint, Announce::NotAtAll,
        ]),
        commands in prop::collection::vec(command(), 0..40),
    ) -> Lived {
        live(Placement { announce, ..placement("order-1") }, commands)
    }
}

/// What such a life has made of an order.
pub fn lived_order() -> impl Strategy<Value = Order> {
    lived().prop_map(|lived| lived.life.order)
}

impl std::fmt::Debug for Lived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for Step { command, event, after, .. } in &self.steps {
            let event = event.as_ref().map(Event::event_type);
            writeln!(f, "{command:?} → {event:?} → {}", after.status)?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(Config { cases: 1_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_end_is_an_end(lived in lived()) {
        for Step { command, before, after, .. } in lived.steps {
            let redriven = matches!(command, Command::Decide { decision: Decision::Redrive, .. })
                && matches!(before.status, Status::Expired | Status::TimedOut);
            if before.status.is_at_rest() && !redriven {
                prop_assert_eq!(before.status, after.status);
            }
        }
    }

    #[test]
    fn replay_equals_live_and_so_does_the_stored_state(lived in lived()) {
        let replayed = lived.life.events.iter().fold(None, |order, (at, event)| {
            evolve(order, "order-1", *at, &as_stored(event))
        });
        prop_assert_eq!(replayed.as_ref(), Some(&lived.life.order));
        let state = serde_json::to_string(&lived.life.order).expect("it has a stored form");
        let read: Order = serde_json::from_str(&state).expect("what was stored can be read");
        prop_assert_eq!(read, lived.life.order);
    }

    #[test]
    fn what_was_done_is_not_done_again(lived in lived()) {
        let last = &lived.life.order;
        let redriven_at = lived.steps.iter().rposition(|step| {
            let begins_anew = |event: &Event| {
                matches!(
                    event,
                    Event::OrderRedriven { .. }
                        | Event::TaskRedriven { .. }
                        | Event::FlowMigrated { .. }
                )
            };
            step.event.as_ref().is_some_and(begins_anew)
        });
        for step in &lived.steps {
            let again = decide(Some(&step.after), &step.command).unwrap_or_default();
            if step.event.is_some() {
                prop_assert_eq!(again, vec![], "at once: {:?}", step.command);
            }
        }
        for step in &lived.steps[redriven_at.map_or(0, |at| at + 1)..] {
            if step.event.is_some() {
                let again = decide(Some(last), &step.command).unwrap_or_default();
                prop_assert_eq!(again, vec![], "at the end: {:?}", step.command);
            }
        }
    }

    #[test]
    fn versions_have_no_gap_and_rise_with_events_only(lived in lived()) {
        for Step { before, event, after, .. } in &lived.steps {
            match event {
                Some(_) => prop_assert_eq!(after.version, before.version + 1),
                None => prop_assert_eq!(after, before),
            }
        }
        let events = i64::try_from(lived.life.events.len()).expect("few");
        prop_assert_eq!(lived.life.order.version, events);
    }

    #[test]
    fn at_most_one_decision_stands(lived in lived()) {
        let events = lived.life.events.iter().map(|(_, event)| event).collect::<Vec<_>>();
        for window in events.split(|event| matches!(event, Event::OrderRedriven { .. })) {
            let count = |what: fn(&Event) -> bool| window.iter().filter(|event| what(event)).count();
            let answers = count(|event| {
                matches!(event, Event::OrderAccepted { .. } | Event::OrderRejected { .. })
            });
            let ends = count(|event| trigger(event).is_some_and(|on| matches!(
                on,
                Trigger::Reject
                    | Trigger::Complete
                    | Trigger::Cancel
                    | Trigger::AcceptDeadline
                    | Trigger::CompleteDeadline
            )));
            prop_assert!(answers <= 1 && ends <= 1, "{answers} answers, {ends} ends");
        }
    }

    #[test]
    fn every_move_is_an_arrow_of_the_flow_by_who_may_take_it(lived in lived()) {
        for Step { command, before, event, after } in &lived.steps {
            let Some(event) = event else { continue };
            match trigger(event).and_then(|on| before.arrow(on)) {
                Some(arrow) => {
                    prop_assert_eq!(after.status, arrow.to);
                    prop_assert!(arrow.by.contains(&command.by()), "{} by {}", arrow.on, command.by());
                }
                None => {
                    prop_assert_eq!(after.status, before.status);
                    prop_assert!(may_be_late(event) || trigger(event).is_none(), "{event:?}");
                }
            }
        }
    }

    #[test]
    fn a_deadline_moves_to_a_later_moment_only_and_never_too_far(lived in lived()) {
        for Step { command, event, before, after } in &lived.steps {
            match event {
                Some(Event::DeadlineExtended { deadline, from, to, .. }) => {
                    let of = |order: &Order| match deadline {
                        Deadline::AcceptBy => order.accept_by,
                        Deadline::CompleteBy => order.complete_by,
                    };
                    prop_assert_eq!((of(before), of(after)), (*from, *to));
                    prop_assert!(from < to && *to <= before.latest(*deadline));
                }
                Some(Event::FlowMigrated { .. }) => {
                    for (from, to) in [
                        (before.accept_by, after.accept_by),
                        (before.complete_by, after.complete_by),
                    ] {
                        prop_assert!(to == from || to > command.now());
                    }
                }
                Some(Event::OrderRedriven { .. }) => {}
                _ => {
                    prop_assert_eq!(before.accept_by, after.accept_by);
                    prop_assert_eq!(before.complete_by, after.complete_by);
                }
            }
            prop_assert!(!after.status.awaits_answer() || after.accept_by <= after.complete_by);
        }
    }

    #[test]
    fn an_order_that_is_not_at_rest_knows_when_to_wake(lived in lived()) {
        for Step { command, after, .. } in &lived.steps {
            let wakes = wake_at(after, command.now());
            prop_assert_eq!(wakes.is_none(), after.status.is_at_rest());
        }
    }

    #[test]
    fn every_life_keeps_to_the_flow_and_wakes_when_it_should(lived in lived()) {
        let (mut order, mut last_at) = (None, EVENING);
        for (sequence, (at, event)) in (1..).zip(&lived.life.events) {
            let before = order;
            order = evolve(before.clone(), "order-1", *at, event);
            last_at = *at;
            let status = order.as_ref().map_or(Status::Placed, |order| order.status);
            let told = Told { sequence, at: *at, status, event };
            prop_assert_eq!(judge(before.as_ref(), &told), vec![]);
        }
        prop_assert_eq!(judge_wake(&lived.life.order, last_at, wake_at(&lived.life.order, last_at)), None);
        for Step { command, event, after, .. } in lived.steps {
            if event.is_some() || matches!(command, Command::Wake { .. }) {
                let wake = wake_at(&after, command.now());
                prop_assert_eq!(judge_wake(&after, command.now(), wake), None);
            }
        }
    }

    #[test]
    fn an_order_left_alone_comes_to_rest(lived in lived(), mut now in moment()) {
        let mut order = lived.life.order;
        // Each reminder once, the deadline, and one look more.
        for _ in 0..order.policy.remind_after_ms.len() + 2 {
            let Some(at) = wake_at(&order, now) else { break };
            now = now.max(at);
            let woken = decide(Some(&order), &Command::Wake { now }).expect("waking is not refused");
            for event in woken {
                order = evolve(Some(order), "order-1", now, &event).expect("it evolves");
            }
        }
        prop_assert!(order.status.is_at_rest(), "{} wakes at {:?}", order.status, wake_at(&order, now));
    }
}

/// The moments above mean something: they lie where the order's own do.
#[test]
fn the_moments_are_those_of_the_policy() {
    let order = Life::born("order-1", super::mother::order_placed()).order;
    assert_eq!((order.accept_by, order.complete_by), (ACCEPT_BY, COMPLETE_BY));
    assert_eq!((after(10 * MINUTE), after(120 * MINUTE)), (ACCEPT_BY, COMPLETE_BY));
}
