//! What is asked of the outside by each event, and by when it has become pointless.

use super::mother::{self, ACCEPT_BY, EVENING, Life, MINUTE, after, life};
use crate::domain::{
    Announce, Effect, Event, Notification, Order, Status, TaskKind, Timestamp, evolve, react,
};

const DAY: i64 = 24 * 60 * MINUTE;

/// What `event` asks for when it happens to `life` at `at`.
fn asks(life: Life, at: Timestamp, event: Event) -> Vec<Effect> {
    let order = evolve(Some(life.order), "order-1", at, &event).expect("it evolves");
    react(&order, at, &event)
}

fn start(task: TaskKind, give_up_at: Timestamp) -> Effect {
    Effect::Start { task, give_up_at }
}

/// The letter that takes the place of all that was not yet said.
fn letter(notification: Notification, at: Timestamp) -> Vec<Effect> {
    let give_up_at = Timestamp(at.0 + DAY);
    vec![Effect::WithdrawOpenTasks, start(TaskKind::NotifyUser(notification), give_up_at)]
}

#[test]
fn a_new_order_is_announced_to_a_restaurant_that_has_a_channel() {
    let order = mother::order(Status::Placed);
    for announce in [Announce::ByWebhook, Announce::ByMailOrEndpoint] {
        let announced = Order { announce, ..order.clone() };
        let effects = react(&announced, EVENING, &mother::order_placed());
        assert_eq!(effects, [start(TaskKind::NotifyRestaurant, ACCEPT_BY)]);
    }
    let without = Order { announce: Announce::NotAtAll, ..order };
    assert_eq!(react(&without, EVENING, &mother::order_placed()), []);
}

#[test]
fn the_customer_is_told_how_it_went_and_of_nothing_else() {
    let at = after(5 * MINUTE);
    let cases = [
        (Status::Notified, mother::order_accepted(), Notification::Accepted),
        (Status::Notified, mother::order_rejected(), Notification::Rejected),
        (Status::Notified, mother::order_expired(), Notification::Expired),
        (Status::Notified, mother::order_cancelled(), Notification::Cancelled),
        (Status::Confirmed, mother::order_timed_out(), Notification::TimedOut),
    ];
    for (status, event, notification) in cases {
        assert_eq!(asks(life(status), at, event), letter(notification, at), "{notification}");
    }
    let silent = [
        (Status::Placed, mother::restaurant_notified()),
        (Status::Accepted, mother::user_notified(Notification::Accepted)),
        (Status::Confirmed, mother::order_completed()),
        (
            Status::Notified,
            Event::NotificationFailed {
                task: TaskKind::NotifyRestaurant,
                attempts: 9,
                cause: "timeout".to_owned(),
            },
        ),
    ];
    for (status, event) in silent {
        assert_eq!(asks(life(status), at, event), [], "{status}");
    }
}

#[test]
fn a_reminder_is_pointless_once_the_window_has_closed() {
    let reminded = Event::RestaurantReminded { reminder: 1 };
    let asked = asks(life(Status::Notified), after(2 * MINUTE), reminded);
    assert_eq!(asked, [start(TaskKind::RemindRestaurant(1), ACCEPT_BY)]);
}

#[test]
fn a_redriven_order_is_announced_or_confirmed_again() {
    let at = after(15 * MINUTE);
    let announced = asks(life(Status::Expired), at, mother::order_redriven());
    let until = after(25 * MINUTE);
    let anew = Effect::WithdrawGivenUpTasks { task: None };
    let announcement = start(TaskKind::NotifyRestaurant, until);
    assert_eq!(announced, [Effect::WithdrawOpenTasks, anew.clone(), announcement]);
    let confirmed = asks(life(Status::TimedOut), at, mother::order_redriven());
    assert_eq!(confirmed, [vec![anew], letter(Notification::Accepted, at)].concat());
}
