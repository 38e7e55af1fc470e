//! What operators do beside the flow: for whom, when, and to what.

use super::{Breach, BreachKind, Told, forbidden, who};
use crate::domain::{Deadline, Event, Migrated, Order, Receiver, Role};

/// What is wrong with what an operator did beside the flow.
pub(super) fn beside(order: &Order, told: &Told<'_>) -> Vec<Breach> {
    let (event, name) = (told.event, told.event.event_type());
    let mut breaches = Vec::new();
    if let Some(by) = who(event).filter(|by| *by != Role::Operator) {
        breaches.push(Breach::new(BreachKind::Role, format!("{name} by {by}")));
    }
    match event {
        Event::DeadlineExtended { deadline, from, to, .. } => {
            let (is_due, stands_at) = match deadline {
                Deadline::AcceptBy => (order.status.awaits_answer(), order.accept_by),
                Deadline::CompleteBy => (!order.status.is_at_rest(), order.complete_by),
            };
            if !is_due {
                breaches.push(forbidden(order, event));
            }
            if *from != stands_at || to <= from || is_too_late(order, told) {
                let (from, to, at) = (from.0, to.0, told.at.0);
                let what = format!("{name} at {at}: {deadline} from {from} to {to}");
                breaches.push(Breach::new(BreachKind::Deadline, what));
            }
        }
        Event::TaskRedriven { task, .. } if task.receiver() == Receiver::Restaurant => {
            if !order.status.awaits_answer() {
                breaches.push(forbidden(order, event));
            }
            if is_too_late(order, told) {
                let what = format!("{name} at {}, when the deadline had passed", told.at.0);
                breaches.push(Breach::new(BreachKind::Deadline, what));
            }
        }
        Event::FlowMigrated(to) => breaches.extend(migrated(order, told, to)),
        _ => {}
    }
    breaches
}

/// Only an order under way, into a flow that has its status, and no promise to a moment that has
/// passed already. How far a promise moves is the rule of the program that moved it.
fn migrated(order: &Order, told: &Told<'_>, to: &Migrated) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let Migrated { from_flow, from_policy, .. } = to;
    if order.status.is_at_rest() || !to.flow_version.knows(order.status) {
        breaches.push(forbidden(order, told.event));
    }
    if (*from_flow, *from_policy) != (order.flow_version, order.policy.version) {
        let what = format!("flow_migrated from flow {from_flow} and policy {from_policy}");
        breaches.push(Breach::new(BreachKind::Columns, what));
    }
    let is_broken = |from, to| to != from && to <= told.at;
    if is_too_late(order, told)
        || is_broken(order.accept_by, to.accept_by)
        || is_broken(order.complete_by, to.complete_by)
    {
        let what = format!("flow_migrated at {}, when a deadline had passed", told.at.0);
        breaches.push(Breach::new(BreachKind::Deadline, what));
    }
    breaches
}

fn is_too_late(order: &Order, told: &Told<'_>) -> bool {
    order.deadline().is_some_and(|deadline| told.at >= deadline)
}
