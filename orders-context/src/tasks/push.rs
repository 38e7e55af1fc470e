//! What customers are told over a push gateway, which knows their devices: ids and a code, nothing
//! personal. The gateway turns an opaque customer id into a person; this context need not.

use super::envelope::enveloped;
use crate::domain::{Notification, Order, Timestamp};
use serde::Serialize;

#[derive(Serialize)]
struct Data<'a> {
    customer_id: &'a str,
    order_id: &'a str,
    notification: Notification,
}

/// What the gateway is sent.
pub fn body(order: &Order, notification: Notification, now: Timestamp) -> Vec<u8> {
    let Order { customer_id, order_id, .. } = order;
    let data = Data { customer_id, order_id, notification };
    enveloped("customer.notification", now, data)
}
