//! What an endpoint is sent of an event: the envelope of Standard Webhooks, with ids, codes, dishes and
//! moments, and nothing of a person.

use crate::domain::{Deadline, Event, Item};
use crate::store::JournalRow;
use crate::tasks::envelope::enveloped;
use chassis::clock::rfc3339;
use serde::Serialize;

#[derive(Serialize)]
struct Data<'a> {
    event_id: &'a str,
    order_id: &'a str,
    restaurant_id: &'a str,
    sequence: i64,
    status: &'static str,
    total_minor: i64,
    currency: &'a str,
    #[serde(flatten)]
    of_event: OfEvent<'a>,
}

/// What only some events have.
#[derive(Default, Serialize)]
struct OfEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<&'a [Item]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_out: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accept_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_by: Option<String>,
}

/// The body for the event of this row, with these dishes where the event has none itself.
pub fn body(row: &JournalRow, items: Option<&[Item]>) -> String {
    let of_event = of_event(&row.event);
    let data = Data {
        event_id: &row.event_id,
        order_id: &row.order_id,
        restaurant_id: &row.restaurant_id,
        sequence: row.sequence,
        status: row.status.as_str(),
        total_minor: row.total_minor,
        currency: &row.currency,
        of_event: OfEvent { items: of_event.items.or(items), ..of_event },
    };
    // JSON is always UTF-8.
    String::from_utf8(enveloped(row.event.event_type(), row.occurred_at, data)).unwrap_or_default()
}

fn of_event(event: &Event) -> OfEvent<'_> {
    let none = OfEvent::default();
    match event {
        Event::OrderPlaced { items, accept_by, complete_by, .. } => OfEvent {
            items: Some(items),
            accept_by: Some(rfc3339(accept_by.0)),
            complete_by: Some(rfc3339(complete_by.0)),
            ..none
        },
        Event::RestaurantNotified { channel, .. } => OfEvent { channel: Some(channel), ..none },
        Event::RestaurantReminded { reminder } => OfEvent { reminder: Some(*reminder), ..none },
        Event::OrderAccepted { decided_by, ready_by, intervention: _ } => OfEvent {
            decided_by: Some(decided_by.as_str()),
            ready_by: ready_by.map(|at| rfc3339(at.0)),
            ..none
        },
        Event::OrderRejected { decided_by, reason, items, intervention: _ } => OfEvent {
            decided_by: Some(decided_by.as_str()),
            reason: Some(reason),
            run_out: (!items.is_empty()).then_some(items),
            ..none
        },
        Event::OrderCancelled { decided_by, reason, .. } => {
            OfEvent { decided_by: Some(decided_by.as_str()), reason: Some(reason), ..none }
        }
        Event::OrderCompleted { decided_by, intervention: _ } => {
            OfEvent { decided_by: Some(decided_by.as_str()), ..none }
        }
        Event::OrderExpired { accept_by } => {
            OfEvent { accept_by: Some(rfc3339(accept_by.0)), ..none }
        }
        Event::OrderTimedOut { complete_by } => {
            OfEvent { complete_by: Some(rfc3339(complete_by.0)), ..none }
        }
        Event::OrderRedriven { accept_by, complete_by, .. } => OfEvent {
            accept_by: Some(rfc3339(accept_by.0)),
            complete_by: Some(rfc3339(complete_by.0)),
            ..none
        },
        Event::DeadlineExtended { deadline: Deadline::AcceptBy, to, .. } => {
            OfEvent { accept_by: Some(rfc3339(to.0)), ..none }
        }
        Event::DeadlineExtended { deadline: Deadline::CompleteBy, to, .. } => {
            OfEvent { complete_by: Some(rfc3339(to.0)), ..none }
        }
        Event::UserNotified { .. }
        | Event::NotificationFailed { .. }
        | Event::TaskRedriven { .. }
        | Event::FlowMigrated(_) => none,
    }
}
