//! What restaurants are told: the body of their webhook.

use super::envelope::enveloped;
use crate::app::Task;
use crate::domain::{Fixed, Item, Order, TaskKind, Timestamp};
use serde::Serialize;

#[derive(Serialize)]
struct Data<'a> {
    order_id: &'a str,
    restaurant_id: &'a str,
    items: &'a Fixed<Vec<Item>>,
    total_minor: i64,
    currency: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder: Option<u32>,
    accept_by: String,
}

/// What a restaurant is sent.
pub fn body(task: &Task, order: &Order, note: Option<&str>, now: Timestamp) -> Vec<u8> {
    let (r#type, reminder) = match task.kind {
        TaskKind::RemindRestaurant(reminder) => ("order.reminder", Some(reminder)),
        _ => ("order.placed", None),
    };
    let data = Data {
        order_id: &order.order_id,
        restaurant_id: &order.restaurant_id,
        items: &order.items,
        total_minor: order.total_minor,
        currency: &order.currency,
        note,
        reminder,
        accept_by: chassis::clock::rfc3339(order.accept_by.0),
    };
    enveloped(r#type, now, data)
}
