//! A story as orders lives it: each thing that happens is a command, at a moment at which it can happen.

use anyhow::{Context, Result};
use orders_context::domain::{
    Announce, Command, Decision, Event, Item, Notification, Order, Placement, Role, Status,
    TaskKind, Terms, Timestamp, Trigger, decide, evolve,
};

/// 21 September 2026, in the evening.
const EVENING: Timestamp = Timestamp(1_790_013_600_000_000);

/// Between two things that happen at no moment of their own.
const STEP_MS: i64 = 1_000;

/// Whether it can come to that: who still waits for an answer when the whole time of an order is over has
/// expired long before.
pub fn can_happen(status: Status, on: Trigger) -> bool {
    !(status.awaits_answer() && on == Trigger::CompleteDeadline)
}

/// Where an order stands after that story.
pub fn ours(story: &[Trigger]) -> Result<Status> {
    let mut now = EVENING;
    let mut order = step(None, &Command::Place(Box::new(placement())))?;
    for &happens in story {
        let command = command(&order, happens, now.plus_ms(STEP_MS));
        now = command.now();
        order = step(Some(order), &command)?;
    }
    Ok(order.status)
}

/// A command that is refused makes nothing true.
fn step(order: Option<Order>, command: &Command) -> Result<Order> {
    let events = decide(order.as_ref(), command).unwrap_or_default();
    let fold = |order: Option<Order>, event: &Event| evolve(order, "order-1", command.now(), event);
    events.iter().fold(order, fold).context("an order begins with its placing")
}

fn command(order: &Order, happens: Trigger, now: Timestamp) -> Command {
    let told = |task, channel: &str| Command::TaskDelivered {
        task,
        asked_by: order.version,
        channel: channel.to_owned(),
        attempts: 1,
        now,
    };
    // Operators may do whatever anybody may.
    let by = Role::Operator;
    let decided = |decision| Command::Decide { decision, by, intervention: None, now };
    let wake_at = |at: Timestamp| Command::Wake { now: at.max(now) };
    match happens {
        Trigger::RestaurantNotified => told(TaskKind::NotifyRestaurant, "webhook"),
        Trigger::UserNotified => told(TaskKind::NotifyUser(Notification::Accepted), "mail"),
        Trigger::ReminderDue => {
            let next = order.policy.next_reminder(order.window_opened_at, now);
            wake_at(next.unwrap_or(now))
        }
        Trigger::AcceptDeadline => wake_at(order.accept_by),
        Trigger::CompleteDeadline => wake_at(order.complete_by),
        Trigger::Accept => decided(Decision::Accept),
        Trigger::Reject => decided(Decision::Reject { reason: "too_busy".to_owned() }),
        Trigger::Complete => decided(Decision::Complete),
        Trigger::Cancel => decided(Decision::Cancel { reason: "changed_my_mind".to_owned() }),
        Trigger::Redrive => decided(Decision::Redrive),
    }
}

fn placement() -> Placement {
    let pizza = Item {
        item_id: "margherita".to_owned(),
        name: "Pizza Margherita".to_owned(),
        quantity: 2,
        unit_price_minor: 950,
    };
    Placement {
        order_id: "order-1".to_owned(),
        restaurant_id: "bella-napoli".to_owned(),
        customer_id: "customer-rosa".to_owned(),
        items: vec![pizza].into(),
        currency: "EUR".to_owned(),
        announce: Announce::ByWebhook,
        terms: Terms::standard(),
        now: EVENING,
    }
}
