//! Open orders with something of everything that operators look for, common and rare.

use orders_context::domain::{
    Announce, Event, FlowVersion, Item, Order, Policy, Status, TaskKind, Timestamp,
};
use orders_context::store::{Commit, Entry, Store, Task, TaskChange, TaskState, Wake};
use std::sync::Arc;

/// When the last of them was placed.
pub const EVENING: Timestamp = Timestamp(1_790_013_600_000_000);

/// Between one placing and the next.
pub const EVERY_US: i64 = 7_000;

/// How many are written at a time.
const GROUP: usize = 2_000;

/// How many of them have a history, so that it is known how long orders stand in a status.
const WITH_HISTORY: usize = 2_000;

/// Writes them.
pub async fn fill(store: &dyn Store, orders: usize) -> anyhow::Result<()> {
    let (mut group, mut history) = (Vec::with_capacity(GROUP), Vec::new());
    for number in 0..orders {
        let order = Arc::new(order(number, orders));
        if number < WITH_HISTORY {
            history.push(told(&order));
        }
        group.push(placed(number, order));
        if group.len() == GROUP || number + 1 == orders {
            store.commit(std::mem::take(&mut group)).await?;
        }
    }
    store.commit(history).await?;
    println!("{orders} orders are open");
    Ok(())
}

/// A number that looks like none of its neighbours.
fn scattered(number: usize) -> i64 {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(32) as i64 & 0xffff_ffff
}

fn order(number: usize, of: usize) -> Order {
    let placed_at = Timestamp(EVENING.0 - (of - number) as i64 * EVERY_US);
    let status = match number % 100 {
        _ if number < WITH_HISTORY => Status::Placed,
        _ if number % 20_000 == 19_999 => Status::Expired,
        _ if number % 10_000 == 4_999 => Status::Confirmed,
        0..45 => Status::Placed,
        45..75 => Status::Notified,
        _ => Status::Accepted,
    };
    let restaurant = match number {
        _ if number % 40_000 == 7 => "rare".to_owned(),
        _ if number % 20 == 1 => "large".to_owned(),
        _ => format!("restaurant-{}", number % 2_003),
    };
    let item = Item {
        item_id: "margherita".to_owned(),
        name: "Pizza Margherita".to_owned(),
        quantity: 2,
        unit_price_minor: 950,
    };
    Order {
        order_id: format!("0199aa9e-{:04x}-7000-8000-{:012x}", number >> 16, number),
        version: 1,
        status,
        since: Timestamp(placed_at.0 + scattered(number) % 60_000_000),
        restaurant_id: restaurant,
        customer_id: format!("customer-{}", number % 200_003),
        items: vec![item].into(),
        total_minor: 1_900,
        currency: "EUR".to_owned(),
        announce: Announce::ByWebhook,
        flow_version: FlowVersion::LATEST,
        policy: Policy::standard().into(),
        placed_at,
        window_opened_at: placed_at,
        window_opened_by: 1,
        accept_by: Timestamp(EVENING.0 + scattered(number) % 600_000_000),
        complete_by: Timestamp(EVENING.0 + 600_000_000 + scattered(number) % 6_600_000_000),
        reminders: 0,
        restaurant_told: status != Status::Placed,
        user_told: Vec::new(),
        given_up: Vec::new(),
        redriven: Vec::new(),
        hurried: None,
        decided: None,
        ready_by: None,
        run_out: Vec::new(),
    }
}

fn placed(number: usize, order: Arc<Order>) -> Commit {
    let trouble = match number {
        _ if number % 5_000 == 11 => Some((TaskState::GivenUp, "http_410")),
        _ if number % 100_000 == 13 => Some((TaskState::Open, "smtp_550")),
        _ if number % 50 == 2 => Some((TaskState::Open, "timeout")),
        _ => None,
    };
    let task = Task {
        order_id: order.order_id.clone(),
        sequence: 1,
        kind: TaskKind::NotifyRestaurant,
        state: trouble.map_or(TaskState::Open, |(state, _)| state),
        attempts: u32::from(trouble.is_some()) * 3,
        next_attempt_at: order.accept_by,
        give_up_at: order.accept_by,
        last_error: trouble.map(|(_, code)| code.to_owned()),
        event_id: order.order_id.clone(),
        traceparent: None,
    };
    Commit {
        expected_version: 0,
        before: None,
        wake: order.deadline().into(),
        entries: Vec::new(),
        tasks: vec![TaskChange::Open(task)],
        contact: None,
        remark: None,
        bearing: None,
        most_open: None,
        remember: None,
        fence: None,
        order,
    }
}

/// The restaurant has heard of it.
fn told(order: &Arc<Order>) -> Commit {
    let spent_us = scattered(order.placed_at.0 as usize) % 1_500_000;
    let at = Timestamp(order.since.0 + spent_us);
    let after = Order { version: 2, status: Status::Notified, since: at, ..(**order).clone() };
    let entry = Entry {
        event_id: format!("{}-2", order.order_id),
        sequence: 2,
        occurred_at: at,
        event: Event::RestaurantNotified { channel: "webhook".to_owned(), attempts: 1 },
        status: Status::Notified,
        actor: "system".to_owned(),
        traceparent: None,
        causation_id: None,
    };
    Commit {
        expected_version: 1,
        before: Some(Arc::clone(order)),
        wake: Wake::At(after.accept_by),
        order: Arc::new(after),
        entries: vec![entry],
        tasks: Vec::new(),
        contact: None,
        remark: None,
        bearing: None,
        most_open: None,
        remember: None,
        fence: None,
    }
}
