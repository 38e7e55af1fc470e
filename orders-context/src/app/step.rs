//! One command → one commit. Pure but for the ids it draws.

use crate::app::Change;
use crate::domain::{
    Bearing, Command, Order, Pauses, Rejection, Role, decide, evolve, react, wake_at,
};
use crate::store::{Commit, Entry, Task, TaskChange, Wake};
use chassis::ids::Ids;
use std::sync::Arc;

/// What a change makes of an order: `None` when that is how it stands already.
pub fn step(
    order: Option<&Arc<Order>>,
    change: &Change,
    ids: &dyn Ids,
    pauses: &Pauses,
    most_open: Option<u32>,
) -> Result<Option<Commit>, Rejection> {
    if let (Some(actor), Some(order)) = (&change.asked_by, order)
        && !actor.knows(order)
    {
        return Err(Rejection::UnknownOrder);
    }
    if let (Some(order), Some((beyond, instead))) = (order, &change.if_prolonged)
        && order.status.awaits_answer()
        && order.accept_by > *beyond
    {
        return Ok(Some(unmoved(order, Some(instead.clone()), change)));
    }
    let task = change.task.clone();
    let Some(command) = &change.command else {
        let order = order.ok_or(Rejection::UnknownOrder)?;
        return Ok(Some(unmoved(order, task, change)));
    };
    let events = decide(order.map(|order| &**order), command)?;
    let now = command.now();
    if events.is_empty() {
        let order = order.ok_or(Rejection::UnknownOrder)?;
        return Ok(match command {
            Command::Wake { .. } => {
                Some(Commit { wake: wake_at(order, now).into(), ..unmoved(order, task, change) })
            }
            _ => task.map(|task| unmoved(order, Some(task), change)),
        });
    }
    let version = order.map_or(0, |order| order.version);
    if change.only_at.is_some_and(|only_at| only_at != version) {
        return Err(Rejection::Changed);
    }
    let mut entries = Vec::with_capacity(events.len());
    let mut tasks: Vec<TaskChange> = task.into_iter().collect();
    let mut bearing = None;
    let mut folded = order.map(|order| (**order).clone());
    for event in events {
        folded = evolve(folded, &change.order_id, now, &event);
        let Some(order) = &folded else { return Err(Rejection::UnknownOrder) };
        let effects = react(order, now, &event);
        bearing = Bearing::of(&event, now, pauses).or(bearing);
        let entry = Entry {
            event_id: ids.next().to_string(),
            sequence: order.version,
            occurred_at: now,
            event,
            status: order.status,
            actor: actor(command.by()),
            traceparent: change.cause.traceparent.clone(),
            causation_id: change.cause.causation_id.clone(),
        };
        let started = effects.iter().map(|e| Task::from_effect(&order.order_id, &entry, e));
        tasks.extend(started);
        entries.push(entry);
    }
    let folded = Arc::new(folded.ok_or(Rejection::UnknownOrder)?);
    Ok(Some(Commit {
        expected_version: version,
        before: order.cloned(),
        wake: wake_at(&folded, now).into(),
        order: folded,
        entries,
        tasks,
        contact: change.contact.clone(),
        remark: change.remark.clone(),
        bearing,
        most_open: most_open.filter(|_| version == 0),
        remember: change.remember.clone(),
        fence: change.fence.clone(),
    }))
}

/// A commit that leaves the order where it is.
fn unmoved(order: &Arc<Order>, task: Option<TaskChange>, change: &Change) -> Commit {
    Commit {
        expected_version: order.version,
        before: Some(Arc::clone(order)),
        order: Arc::clone(order),
        entries: Vec::new(),
        tasks: task.into_iter().collect(),
        wake: Wake::Unchanged,
        contact: None,
        remark: None,
        bearing: None,
        most_open: None,
        remember: None,
        fence: change.fence.clone(),
    }
}

fn actor(role: Role) -> String {
    role.as_str().to_owned()
}
