//! What happened inside → what is said outside: ids and codes, nothing personal.

use crate::domain::Event as E;
use crate::domain::{self, Deadline, Role, Status, Timestamp};
use crate::store::JournalRow;
use schemas::order_events as out;
use schemas::order_events::OrderFact as F;

/// The integration event of a journal row.
#[must_use]
pub fn to_event(row: JournalRow) -> out::OrderEvent {
    out::OrderEvent {
        event_id: row.event_id,
        order_id: row.order_id,
        sequence: row.sequence,
        occurred_at_us: row.occurred_at.0,
        status: row.status.as_str().to_owned(),
        restaurant_id: row.restaurant_id,
        customer_id: row.customer_id,
        total_minor: row.total_minor,
        currency: row.currency,
        flow_version: row.flow_version.map(domain::FlowVersion::number),
        fact: to_fact(&row.event),
    }
}

fn to_fact(event: &E) -> F {
    match event {
        E::OrderPlaced { items, accept_by, complete_by, .. } => F::OrderPlaced(out::OrderPlaced {
            items: items.iter().map(to_item).collect(),
            accept_by_us: accept_by.0,
            complete_by_us: complete_by.0,
        }),
        E::RestaurantNotified { channel, attempts } => {
            F::RestaurantNotified(out::RestaurantNotified {
                channel: channel.clone(),
                attempts: count(*attempts),
            })
        }
        E::RestaurantReminded { reminder } => {
            F::RestaurantReminded(out::RestaurantReminded { reminder: count(*reminder) })
        }
        E::OrderAccepted { decided_by, ready_by, intervention: _ } => {
            F::OrderAccepted(out::OrderAccepted {
                decided_by: decided_by.to_string(),
                ready_by_us: ready_by.map(|at| at.0),
            })
        }
        E::OrderRejected { decided_by, reason, items, intervention: _ } => {
            F::OrderRejected(out::OrderRejected {
                decided_by: decided_by.to_string(),
                reason: reason.clone(),
                items: (!items.is_empty()).then(|| items.clone()),
            })
        }
        E::OrderExpired { accept_by } => {
            F::OrderExpired(out::OrderExpired { accept_by_us: accept_by.0 })
        }
        E::UserNotified { notification, channel, attempts } => F::UserNotified(out::UserNotified {
            channel: channel.clone(),
            notification: notification.to_string(),
            attempts: count(*attempts),
        }),
        E::OrderCompleted { decided_by, intervention: _ } => {
            F::OrderCompleted(out::OrderCompleted { decided_by: decided_by.to_string() })
        }
        E::OrderCancelled { decided_by, reason, intervention: _ } => {
            F::OrderCancelled(out::OrderCancelled {
                decided_by: decided_by.to_string(),
                reason: reason.clone(),
            })
        }
        E::OrderTimedOut { complete_by } => {
            F::OrderTimedOut(out::OrderTimedOut { complete_by_us: complete_by.0 })
        }
        E::NotificationFailed { task, attempts, cause } => {
            F::NotificationFailed(out::NotificationFailed {
                task: task.as_str().to_owned(),
                attempts: count(*attempts),
                cause_code: cause.clone(),
            })
        }
        E::OrderRedriven { redriven_by, from, accept_by, complete_by, intervention: _ } => {
            order_redriven(*redriven_by, *from, *accept_by, *complete_by)
        }
        E::DeadlineExtended { extended_by, deadline, from, to, intervention: _ } => {
            deadline_extended(*extended_by, *deadline, *from, *to)
        }
        E::TaskRedriven { task, was: _, redriven_by, intervention: _ } => {
            F::TaskRedriven(out::TaskRedriven {
                task: task.as_str().to_owned(),
                redriven_by: redriven_by.to_string(),
            })
        }
        E::FlowMigrated(migrated) => flow_migrated(migrated),
    }
}

fn order_redriven(
    redriven_by: Role,
    from: Status,
    accept_by: Timestamp,
    complete_by: Timestamp,
) -> F {
    F::OrderRedriven(out::OrderRedriven {
        redriven_by: redriven_by.to_string(),
        from_status: from.to_string(),
        accept_by_us: accept_by.0,
        complete_by_us: complete_by.0,
    })
}

fn deadline_extended(by: Role, deadline: Deadline, from: Timestamp, to: Timestamp) -> F {
    F::DeadlineExtended(out::DeadlineExtended {
        extended_by: by.to_string(),
        deadline: deadline.to_string(),
        from_us: from.0,
        to_us: to.0,
    })
}

fn flow_migrated(migrated: &domain::Migrated) -> F {
    F::FlowMigrated(out::FlowMigrated {
        migrated_by: migrated.migrated_by.to_string(),
        from_flow: migrated.from_flow.number(),
        to_flow: migrated.flow_version.number(),
        accept_by_us: migrated.accept_by.0,
        complete_by_us: migrated.complete_by.0,
    })
}

fn to_item(item: &domain::Item) -> out::Item {
    out::Item {
        item_id: item.item_id.clone(),
        quantity: count(item.quantity),
        unit_price_minor: item.unit_price_minor,
    }
}

/// Avro's `int` is signed; our counts never come near its end.
fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
