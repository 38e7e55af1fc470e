//! Who stands in which lane. What waits for one way to the outside takes no place of another: a mail server that
//! is slow keeps no restaurant from hearing by its webhook, and customers keep no restaurant from hearing at all.

use super::attempt::Known;
use super::lane::{Entry, Lane};
use super::restaurant;
use crate::app::{ENDPOINT_NOT_YET, Task};
use crate::domain::Receiver;
use tokio::time::Instant;

/// The way that a task takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a restaurant: its webhook is called, or looked whether an endpoint has heard.
    Restaurants,
    /// To a restaurant by nothing but a letter.
    Letters,
    /// To a customer.
    Customers,
}

impl Way {
    /// All that lead there.
    pub const fn all_to(receiver: Receiver) -> &'static [Self] {
        match receiver {
            Receiver::Restaurant => &[Self::Restaurants, Self::Letters],
            Receiver::Customer => &[Self::Customers],
        }
    }

    /// That of this task, for a restaurant which `has_mail_alone` or more.
    pub fn of(task: &Task, has_mail_alone: bool) -> Self {
        match task.kind.receiver() {
            Receiver::Customer => Self::Customers,
            Receiver::Restaurant if has_mail_alone || restaurant::is_letter(task) => Self::Letters,
            Receiver::Restaurant => Self::Restaurants,
        }
    }
}

/// A lane for each way.
#[derive(Default)]
pub struct Lanes {
    restaurants: Lane<(Task, Known)>,
    letters: Lane<(Task, Known)>,
    customers: Lane<(Task, Known)>,
}

impl Lanes {
    /// That of this way.
    pub fn of(&mut self, way: Way) -> &mut Lane<(Task, Known)> {
        match way {
            Way::Restaurants => &mut self.restaurants,
            Way::Letters => &mut self.letters,
            Way::Customers => &mut self.customers,
        }
    }

    /// Lets the task, which is about an order of this restaurant, wait in the lane of this way, unless it is known
    /// there or on another to the same receiver: what is known of a restaurant changes while a task is under way.
    pub fn enter(
        &mut self,
        way: Way,
        restaurant_id: String,
        task: Task,
        known: Known,
        now: Instant,
    ) {
        let key = (task.order_id.clone(), task.sequence);
        let receiver = match way {
            Way::Restaurants | Way::Letters => restaurant_id,
            Way::Customers => task.order_id.clone(),
        };
        let to = task.kind.receiver();
        if Way::all_to(to).iter().any(|other| *other != way && self.of(*other).knows(&key)) {
            return;
        }
        let has_failed = has_failed(&task);
        self.of(way).enter(Entry { key, receiver, has_failed, what: (task, known) }, now);
    }
}

/// Whether an attempt has failed before: to look whether an endpoint has heard is none.
fn has_failed(task: &Task) -> bool {
    task.attempts > 0 && task.last_error.as_deref() != Some(ENDPOINT_NOT_YET)
}

#[cfg(test)]
mod tests {
    use super::super::AT_ONCE;
    use super::*;
    use crate::app::TaskState;
    use crate::domain::tests::mother::{ACCEPT_BY, EVENING};
    use crate::domain::{Notification, TaskKind};
    use std::time::Duration;

    fn task(number: usize, kind: TaskKind, last_error: Option<&str>) -> Task {
        Task {
            order_id: format!("order-{number}"),
            sequence: 1,
            kind,
            state: TaskState::Open,
            attempts: u32::from(last_error.is_some()),
            next_attempt_at: EVENING,
            give_up_at: ACCEPT_BY,
            last_error: last_error.map(str::to_owned),
            event_id: format!("event-{number}"),
            traceparent: None,
        }
    }

    #[test]
    fn letters_to_restaurants_go_a_way_of_their_own() {
        let announce = TaskKind::NotifyRestaurant;
        let accepted = Notification::Accepted.task();
        for (kind, last_error, has_mail_alone, way) in [
            (announce, None, false, Way::Restaurants),
            (announce, None, true, Way::Letters),
            (announce, Some("mail:smtp_later"), false, Way::Letters),
            (announce, Some("smtp_busy"), false, Way::Letters),
            (announce, Some("webhook:http_503"), false, Way::Restaurants),
            (announce, Some("http_503"), false, Way::Restaurants),
            (announce, Some(ENDPOINT_NOT_YET), false, Way::Restaurants),
            (TaskKind::RemindRestaurant(1), Some("smtp_later"), false, Way::Letters),
            (accepted, Some("smtp_later"), false, Way::Customers),
            (accepted, None, true, Way::Customers),
        ] {
            let task = task(1, kind, last_error);
            assert_eq!(Way::of(&task, has_mail_alone), way, "{kind:?} {last_error:?}");
            assert!(Way::all_to(kind.receiver()).contains(&way), "{kind:?} {last_error:?}");
        }
    }

    #[test]
    fn to_look_at_an_endpoint_in_vain_is_no_failure() {
        for (last_error, failed) in
            [(None, false), (Some(ENDPOINT_NOT_YET), false), (Some("http_503"), true)]
        {
            let task = task(1, TaskKind::NotifyRestaurant, last_error);
            assert_eq!(has_failed(&task), failed, "{last_error:?}");
        }
    }

    /// As when a restaurant becomes known, or its webhook is taken away, in the middle of an attempt.
    #[test]
    fn a_task_that_is_under_way_does_not_begin_on_another_way() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        let enter = |lanes: &mut Lanes, way| {
            let task = task(1, TaskKind::NotifyRestaurant, None);
            lanes.enter(way, "bella-napoli".to_owned(), task, Known::default(), now);
            lanes.of(way).next(now).map(|(key, _)| key)
        };
        let key = enter(&mut lanes, Way::Restaurants).unwrap();
        assert_eq!(enter(&mut lanes, Way::Letters), None);
        lanes.of(Way::Restaurants).leave(&key);
        assert_eq!(enter(&mut lanes, Way::Letters), Some(key));
        assert_eq!(enter(&mut lanes, Way::Restaurants), None);
    }

    /// As many as may hang do, and more wait, of orders that are new and of those that failed before.
    #[test]
    fn letters_that_hang_take_no_place_of_webhooks() {
        let (mut lanes, mut now) = (Lanes::default(), Instant::now());
        let announce = |number, last_error| task(number, TaskKind::NotifyRestaurant, last_error);
        let enter = |lanes: &mut Lanes, task: Task, has_mail_alone, now| {
            let way = Way::of(&task, has_mail_alone);
            lanes.enter(way, format!("house-{}", task.order_id), task, Known::default(), now);
        };
        for wave in 0..5 {
            for number in wave * AT_ONCE..(wave + 1) * AT_ONCE {
                enter(&mut lanes, announce(2 * number, None), true, now);
                enter(&mut lanes, announce(2 * number + 1, Some("mail:smtp_later")), false, now);
            }
            while lanes.of(Way::Letters).next(now).is_some() {}
            now += Duration::from_secs(6);
            lanes.of(Way::Letters).see_who_hangs(now);
        }
        assert!(!lanes.of(Way::Letters).has_room());
        enter(&mut lanes, announce(9_000, None), false, now);
        enter(&mut lanes, announce(9_001, Some("http_503")), false, now);
        let begun = std::iter::from_fn(|| lanes.of(Way::Restaurants).next(now));
        let begun: Vec<_> = begun.map(|((order_id, _), _)| order_id).collect();
        assert_eq!(begun, ["order-9000", "order-9001"]);
    }
}
