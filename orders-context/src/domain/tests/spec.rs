//! What comes of every command in every status. [`table`] states it cell by cell; a cell that is
//! missing, stated twice or untrue fails.

mod table;

use super::mother::{
    ACCEPT_BY, COMPLETE_BY, MINUTE, SECOND, after, cancel, decides, delivered, evening, extend,
    gave_up, operates, order, placement, reject,
};
use crate::domain::flow::FLOW;
use crate::domain::{
    Command, Deadline, Decision, Event, FlowVersion, Item, Notification, Operation, Order,
    Placement, Rejection, Role, Status, TaskKind, Timestamp, Trigger, decide, evolve,
};
use std::collections::HashSet;
use table::SPEC;

/// What happens to an order. "In time" is two minutes after placing; "late" the moment at which the
/// status' deadline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum When {
    /// The same order is placed again.
    Place,
    /// The restaurant says yes in time.
    Accept,
    /// And late.
    AcceptLate,
    /// The restaurant says no in time.
    Reject,
    /// And late.
    RejectLate,
    /// The restaurant has delivered in time.
    Complete,
    /// And late.
    CompleteLate,
    /// The customer calls it off in time.
    CustomerCancels,
    /// The restaurant calls it off in time.
    KitchenCancels,
    /// And late.
    KitchenCancelsLate,
    /// An operator tries again.
    Redrive,
    /// An operator gives the restaurant more time to answer, in time.
    ExtendAnswer,
    /// And late.
    ExtendAnswerLate,
    /// An operator gives the whole order more time, in time.
    ExtendWhole,
    /// And late.
    ExtendWholeLate,
    /// An operator has a task tried again, and none was given up.
    RedriveTask,
    /// An operator has an open letter tried at once.
    RetryLetter,
    /// An operator moves it to other terms, in time.
    Migrate,
    /// And late.
    MigrateLate,
    /// It is looked at just before the first reminder.
    WakeEarly,
    /// It is looked at when the first reminder is due.
    WakeAtReminder,
    /// It is looked at a microsecond before its deadline.
    WakeBeforeDeadline,
    /// It is looked at when its deadline comes.
    WakeAtDeadline,
    /// It is looked at long after.
    WakeAfterDeadline,
    /// The announcement reached the restaurant.
    RestaurantTold,
    /// A reminder reached the restaurant.
    ReminderDelivered,
    /// The letter about the acceptance reached the customer.
    CustomerTold,
    /// The letter about a cancellation reached the customer.
    CustomerToldOfEnd,
    /// The announcement was given up.
    RestaurantGivenUp,
    /// The letter about the acceptance was given up.
    CustomerGivenUp,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// This event, and the order stands there.
    Moves(&'static str, Status),
    /// This event, and the order stands where it stood.
    Records(&'static str),
    /// Nothing new, and it is no refusal.
    Stands,
    /// A rejection with this code.
    Refused(&'static str),
}

#[test]
fn every_status_says_what_comes_of_every_command() {
    let missing_or_double: Vec<String> = every_cell()
        .filter_map(|(given, when)| match stated(given, when).len() {
            1 => None,
            times => Some(format!("{given} × {when:?}: stated {times} times")),
        })
        .collect();
    assert!(
        missing_or_double.is_empty(),
        "state each cell once in domain/tests/spec/table.rs:\n{}",
        missing_or_double.join("\n")
    );
}

#[test]
fn every_command_does_what_its_cell_says() {
    let untrue: Vec<String> = every_cell()
        .filter_map(|(given, when)| {
            let happens = happens(&order(given), &when.command(given));
            let stated = stated(given, when);
            (stated != [happens])
                .then(|| format!("{given} × {when:?}: {happens:?}, not {stated:?}"))
        })
        .collect();
    assert!(untrue.is_empty(), "{}", untrue.join("\n"));
}

/// Every arrow of the flow is met by a cell, and no cell takes an arrow the flow lacks.
#[test]
fn the_cells_are_the_arrows_of_the_flow() {
    let arrow_of = |(given, when): (Status, When)| match stated(given, when)[..] {
        [Then::Moves(_, to)] => Some((given, when.trigger(given)?, to)),
        [Then::Records("restaurant_reminded")] => Some((given, Trigger::ReminderDue, given)),
        _ => None,
    };
    let of_cells: HashSet<_> = every_cell().filter_map(arrow_of).collect();
    let of_flow: HashSet<_> = FLOW.iter().map(|arrow| (arrow.from, arrow.on, arrow.to)).collect();
    assert_eq!(of_cells, of_flow);
    assert_eq!(FLOW.len(), of_flow.len(), "no arrow is written twice");
    for (from, on) in of_flow.iter().map(|(from, on, _)| (*from, *on)) {
        let arrows = FLOW.iter().filter(|arrow| (arrow.from, arrow.on) == (from, on));
        assert_eq!(arrows.count(), 1, "{from} leaves by {on} to one status only");
        assert!(FlowVersion::LATEST.transition(from, on).is_some());
    }
}

#[test]
fn nothing_can_be_done_to_an_order_that_was_never_placed() {
    for when in every_when() {
        let command = when.command(Status::Placed);
        let outcome = decide(None, &command);
        match command {
            Command::Place(_) => {
                assert!(matches!(outcome.as_deref(), Ok([Event::OrderPlaced { .. }])))
            }
            _ => assert_eq!(outcome, Err(Rejection::UnknownOrder), "{when:?}"),
        }
    }
}

#[test]
fn an_order_needs_items_and_a_total_that_can_be_counted() {
    let with = |change: fn(&mut Vec<Item>)| {
        let placement = placement("order-1");
        let mut items = (*placement.items).clone();
        change(&mut items);
        decide(None, &Command::Place(Box::new(Placement { items: items.into(), ..placement })))
    };
    assert_eq!(with(Vec::clear), Err(Rejection::NoItems));
    assert_eq!(with(|items| items[0].unit_price_minor = i64::MAX), Err(Rejection::TotalTooLarge));
    assert_eq!(with(|items| items[1].unit_price_minor = i64::MAX), Err(Rejection::TotalTooLarge));
    assert!(with(|items| items[0].unit_price_minor = i64::MAX - 1_100).is_ok(), "just fits");
}

/// What any status has a cell for, every status must have one for.
fn every_when() -> HashSet<When> {
    SPEC.iter().flat_map(|(_, cells)| cells.iter().map(|(when, _)| *when)).collect()
}

fn every_cell() -> impl Iterator<Item = (Status, When)> {
    let whens = every_when();
    Status::ALL
        .iter()
        .flat_map(move |&given| whens.clone().into_iter().map(move |when| (given, when)))
}

fn stated(given: Status, when: When) -> Vec<Then> {
    let of_status =
        SPEC.iter().filter(|(status, _)| *status == given).flat_map(|(_, cells)| *cells);
    of_status.filter(|(each, _)| *each == when).map(|(_, then)| *then).collect()
}

fn happens(order: &Order, command: &Command) -> Then {
    match decide(Some(order), command).as_deref() {
        Err(rejection) => Then::Refused(rejection.code()),
        Ok([]) => Then::Stands,
        Ok([event]) => {
            let moved = evolve(Some(order.clone()), &order.order_id, command.now(), event)
                .expect("an order that exists evolves");
            assert_eq!(moved.version, order.version + 1);
            match moved.status == order.status {
                true => Then::Records(event.event_type()),
                false => Then::Moves(event.event_type(), moved.status),
            }
        }
        Ok(several) => panic!("one command is one event, not {several:?}"),
    }
}

impl When {
    fn command(self, given: Status) -> Command {
        let in_time = after(2 * MINUTE);
        let late = deadline_of(given);
        let kitchen = |decision, now| decides(Role::Restaurant, decision, now);
        let wake = |now| Command::Wake { now };
        let letter = |notification: Notification| notification.task();
        match self {
            Self::Place => Command::Place(Box::new(placement("order-1"))),
            Self::Accept => kitchen(Decision::Accept, in_time),
            Self::AcceptLate => kitchen(Decision::Accept, late),
            Self::Reject => kitchen(reject(), in_time),
            Self::RejectLate => kitchen(reject(), late),
            Self::Complete => kitchen(Decision::Complete, in_time),
            Self::CompleteLate => kitchen(Decision::Complete, late),
            Self::CustomerCancels => decides(Role::Customer, cancel(), in_time),
            Self::KitchenCancels => kitchen(cancel(), in_time),
            Self::KitchenCancelsLate => kitchen(cancel(), late),
            Self::Redrive => decides(Role::Operator, Decision::Redrive, late),
            Self::ExtendAnswer => operates(extend(Deadline::AcceptBy, after(25 * MINUTE)), in_time),
            Self::ExtendAnswerLate => {
                operates(extend(Deadline::AcceptBy, after(25 * MINUTE)), late)
            }
            Self::ExtendWhole => {
                operates(extend(Deadline::CompleteBy, after(180 * MINUTE)), in_time)
            }
            Self::ExtendWholeLate => {
                operates(extend(Deadline::CompleteBy, after(180 * MINUTE)), late)
            }
            Self::RedriveTask => operates(Operation::RedriveTask, in_time),
            Self::RetryLetter => {
                let task = letter(Notification::Cancelled);
                operates(Operation::RetryNow { task, due_at: after(30 * MINUTE) }, in_time)
            }
            Self::Migrate => operates(Operation::Migrate { to: evening() }, in_time),
            Self::MigrateLate => operates(Operation::Migrate { to: evening() }, late),
            Self::WakeEarly => wake(after(90 * SECOND - 1)),
            Self::WakeAtReminder => wake(after(90 * SECOND)),
            Self::WakeBeforeDeadline => wake(Timestamp(late.0 - 1)),
            Self::WakeAtDeadline => wake(late),
            Self::WakeAfterDeadline => wake(Timestamp(late.0 + 600 * MINUTE)),
            Self::RestaurantTold => delivered(TaskKind::NotifyRestaurant, in_time),
            Self::ReminderDelivered => delivered(TaskKind::RemindRestaurant(1), in_time),
            Self::CustomerTold => delivered(letter(Notification::Accepted), in_time),
            Self::CustomerToldOfEnd => delivered(letter(Notification::Cancelled), in_time),
            Self::RestaurantGivenUp => gave_up(TaskKind::NotifyRestaurant, in_time),
            Self::CustomerGivenUp => gave_up(letter(Notification::Accepted), in_time),
        }
    }

    /// What it is in the flow's table.
    fn trigger(self, given: Status) -> Option<Trigger> {
        match self.command(given) {
            Command::Decide { decision, .. } => Some(decision.trigger()),
            Command::Wake { .. } if given.awaits_answer() => Some(Trigger::AcceptDeadline),
            Command::Wake { .. } => Some(Trigger::CompleteDeadline),
            Command::TaskDelivered { task: TaskKind::NotifyRestaurant, .. } => {
                Some(Trigger::RestaurantNotified)
            }
            Command::TaskDelivered { .. } => Some(Trigger::UserNotified),
            Command::Place(_) | Command::Operate { .. } | Command::TaskGaveUp { .. } => None,
        }
    }
}

fn deadline_of(given: Status) -> Timestamp {
    if given.awaits_answer() { ACCEPT_BY } else { COMPLETE_BY }
}
