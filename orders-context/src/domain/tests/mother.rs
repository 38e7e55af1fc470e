//! Orders to test with: a Margherita and two tiramisù at Bella Napoli, in every status. Each is folded
//! from real events, by the path that its status is most often reached by or that has most to say.

use crate::domain::{
    Announce, Command, Deadline, Decision, Event, FlowVersion, ITEM_UNAVAILABLE, Intervention,
    Item, Migrated, Notification, Operation, Order, Placement, Policy, Receiver, Role, Status,
    TaskKind, TaskWas, Terms, Timestamp, Until, evolve, wake_at,
};

/// 21 September 2026, in the evening: when every order here is placed.
pub const EVENING: Timestamp = Timestamp(1_790_013_600_000_000);

/// A second of an order's life.
pub const SECOND: i64 = 1_000_000;

/// A minute of an order's life.
pub const MINUTE: i64 = 60 * SECOND;

/// When the restaurant's answer is due: ten minutes after placing.
pub const ACCEPT_BY: Timestamp = after(10 * MINUTE);

/// When the food is due: two hours after placing.
pub const COMPLETE_BY: Timestamp = after(120 * MINUTE);

/// When an accepted order of these is accepted.
pub const ACCEPTED_AT: Timestamp = after(MINUTE);

/// The moment so many microseconds after placing.
pub const fn after(us: i64) -> Timestamp {
    Timestamp(EVENING.0 + us)
}

/// What happened to one order, and what it has become by that.
#[derive(Clone, Debug)]
pub struct Life {
    /// In order, with their moments.
    pub events: Vec<(Timestamp, Event)>,
    /// Their fold.
    pub order: Order,
}

impl Life {
    /// Born of `event`, which places it.
    pub fn born(order_id: &str, event: Event) -> Self {
        let order = evolve(None, order_id, EVENING, &event).expect("an order is placed first");
        Self { events: vec![(EVENING, event)], order }
    }

    /// One event later.
    pub fn then(mut self, at: Timestamp, event: Event) -> Self {
        self.order = evolve(Some(self.order.clone()), &self.order.order_id, at, &event)
            .expect("an order that exists evolves");
        self.events.push((at, event));
        self
    }
}

/// What Rosa asks for.
pub fn placement(order_id: &str) -> Placement {
    let dish = |item_id: &str, name: &str, quantity, unit_price_minor| Item {
        item_id: item_id.to_owned(),
        name: name.to_owned(),
        quantity,
        unit_price_minor,
    };
    Placement {
        order_id: order_id.to_owned(),
        restaurant_id: "bella-napoli".to_owned(),
        customer_id: "customer-rosa".to_owned(),
        items: vec![
            dish("margherita", "Pizza Margherita", 1, 950),
            dish("tiramisu", "Tiramisù", 2, 550),
        ]
        .into(),
        currency: "EUR".to_owned(),
        announce: Announce::ByWebhook,
        terms: Terms::standard(),
        now: EVENING,
    }
}

/// An order in `status`.
pub fn order(status: Status) -> Order {
    life(status).order
}

/// How an order got into `status`: at some the webhook was quicker than the people, at some not.
pub fn life(status: Status) -> Life {
    let placed = || Life::born("order-1", order_placed());
    let notified = || placed().then(after(2 * SECOND), restaurant_notified());
    let confirmed = || {
        let accepted = notified().then(ACCEPTED_AT, order_accepted());
        accepted.then(after(MINUTE + SECOND), user_notified(Notification::Accepted))
    };
    match status {
        Status::Placed => placed(),
        Status::Notified => notified(),
        Status::Accepted => placed().then(ACCEPTED_AT, order_accepted()),
        Status::Confirmed => confirmed(),
        Status::Completed => confirmed().then(after(30 * MINUTE), order_completed()),
        Status::Rejected => notified().then(after(MINUTE), order_rejected()),
        Status::Expired => placed().then(ACCEPT_BY, order_expired()),
        Status::Cancelled => placed().then(after(MINUTE), order_cancelled()),
        Status::TimedOut => confirmed().then(COMPLETE_BY, order_timed_out()),
    }
}

/// One of every event, as the orders here have them.
pub fn every_event() -> Vec<Event> {
    vec![
        order_placed(),
        restaurant_notified(),
        Event::RestaurantReminded { reminder: 2 },
        order_accepted(),
        order_rejected(),
        order_expired(),
        user_notified(Notification::Accepted),
        order_completed(),
        order_cancelled(),
        order_timed_out(),
        Event::NotificationFailed {
            task: TaskKind::NotifyUser(Notification::Accepted),
            attempts: 9,
            cause: "smtp_connect".to_owned(),
        },
        order_redriven(),
        deadline_extended(),
        task_redriven(),
        flow_migrated(),
    ]
}

/// What an operator answers for, of those events that others may cause too or that say more then.
/// What restaurants say with more words.
pub fn every_answer_with_words() -> Vec<Event> {
    vec![
        Event::OrderAccepted {
            decided_by: Role::Restaurant,
            ready_by: Some(after(35 * MINUTE)),
            intervention: None,
        },
        Event::OrderRejected {
            decided_by: Role::Restaurant,
            reason: ITEM_UNAVAILABLE.to_owned(),
            items: vec!["tiramisu".to_owned()],
            intervention: None,
        },
    ]
}

/// The same events, when an operator made them true.
pub fn every_event_by_an_operator() -> Vec<Event> {
    let intervention = || Some(intervention());
    vec![
        Event::OrderAccepted {
            decided_by: Role::Operator,
            ready_by: None,
            intervention: intervention(),
        },
        Event::OrderRejected {
            decided_by: Role::Operator,
            reason: "closed".to_owned(),
            items: Vec::new(),
            intervention: intervention(),
        },
        Event::OrderCompleted { decided_by: Role::Operator, intervention: intervention() },
        Event::OrderCancelled {
            decided_by: Role::Operator,
            reason: "restaurant_closed".to_owned(),
            intervention: intervention(),
        },
        Event::OrderRedriven {
            redriven_by: Role::Operator,
            from: Status::TimedOut,
            accept_by: after(140 * MINUTE),
            complete_by: after(250 * MINUTE),
            intervention: intervention(),
        },
        Event::TaskRedriven {
            task: TaskKind::NotifyUser(Notification::Accepted),
            was: TaskWas::GivenUp,
            redriven_by: Role::Operator,
            intervention: intervention(),
        },
    ]
}

/// Orders whose restaurant had more to say than yes or no.
pub fn answered_with_words() -> Vec<Order> {
    let answered = |event| Life::born("order-1", order_placed()).then(ACCEPTED_AT, event).order;
    every_answer_with_words().into_iter().map(answered).collect()
}

/// An order whose announcement was given up and redriven, and then hurried.
pub fn tried_again() -> Order {
    let task = TaskKind::NotifyRestaurant;
    let given_up = Event::NotificationFailed { task, attempts: 9, cause: "connect".to_owned() };
    let redriven = Event::TaskRedriven {
        task,
        was: TaskWas::GivenUp,
        redriven_by: Role::Operator,
        intervention: Some(intervention()),
    };
    let life = Life::born("order-1", order_placed()).then(after(5 * MINUTE), given_up);
    life.then(after(5 * MINUTE + SECOND), redriven)
        .then(after(5 * MINUTE + 2 * SECOND), task_redriven())
        .order
}

/// An order that expired and was redriven.
pub fn waiting_again() -> Order {
    life(Status::Expired).then(after(15 * MINUTE), order_redriven()).order
}

/// Rosa ordered.
pub fn order_placed() -> Event {
    order_placed_under(FlowVersion::LATEST)
}

/// Rosa ordered when that flow was the newest.
pub fn order_placed_under(flow_version: FlowVersion) -> Event {
    let Placement { restaurant_id, customer_id, items, currency, announce, terms, .. } =
        placement("order-1");
    Event::OrderPlaced {
        restaurant_id,
        customer_id,
        items,
        total_minor: 2_050,
        currency,
        announce,
        flow_version,
        policy: terms.policy,
        accept_by: ACCEPT_BY,
        complete_by: COMPLETE_BY,
    }
}

/// The kitchen's printer has it.
pub fn restaurant_notified() -> Event {
    Event::RestaurantNotified { channel: "webhook".to_owned(), attempts: 1 }
}

/// Bella Napoli said yes.
pub fn order_accepted() -> Event {
    Event::OrderAccepted { decided_by: Role::Restaurant, ready_by: None, intervention: None }
}

/// Bella Napoli said no.
pub fn order_rejected() -> Event {
    Event::OrderRejected {
        decided_by: Role::Restaurant,
        reason: "too_busy".to_owned(),
        items: Vec::new(),
        intervention: None,
    }
}

/// Bella Napoli said nothing.
pub fn order_expired() -> Event {
    Event::OrderExpired { accept_by: ACCEPT_BY }
}

/// Rosa had a letter.
pub fn user_notified(notification: Notification) -> Event {
    Event::UserNotified { notification, channel: "mail".to_owned(), attempts: 1 }
}

/// Rosa ate.
pub fn order_completed() -> Event {
    Event::OrderCompleted { decided_by: Role::Restaurant, intervention: None }
}

/// Rosa changed her mind.
pub fn order_cancelled() -> Event {
    Event::OrderCancelled {
        decided_by: Role::Customer,
        reason: "changed_mind".to_owned(),
        intervention: None,
    }
}

/// Rosa is still hungry.
pub fn order_timed_out() -> Event {
    Event::OrderTimedOut { complete_by: COMPLETE_BY }
}

/// An operator tried again after it had expired.
pub fn order_redriven() -> Event {
    Event::OrderRedriven {
        redriven_by: Role::Operator,
        from: Status::Expired,
        accept_by: after(25 * MINUTE),
        complete_by: after(135 * MINUTE),
        intervention: None,
    }
}

/// An operator gave Bella Napoli a quarter of an hour more.
pub fn deadline_extended() -> Event {
    Event::DeadlineExtended {
        extended_by: Role::Operator,
        deadline: Deadline::AcceptBy,
        from: ACCEPT_BY,
        to: after(25 * MINUTE),
        intervention: Some(intervention()),
    }
}

/// An operator did not wait for the next attempt to announce the order.
pub fn task_redriven() -> Event {
    Event::TaskRedriven {
        task: TaskKind::NotifyRestaurant,
        was: TaskWas::Waiting { due_at: after(6 * MINUTE) },
        redriven_by: Role::Operator,
        intervention: Some(intervention()),
    }
}

/// Rules for evenings: a quarter of an hour to answer, one reminder.
pub fn evening() -> Terms {
    let policy = Policy {
        version: 2,
        accept_within_ms: 15 * 60_000,
        remind_after_ms: vec![240_000],
        ..Policy::standard()
    };
    policy.into()
}

/// An operator moved it to the rules of the evening before it was answered.
pub fn flow_migrated() -> Event {
    let Terms { flow, policy } = evening();
    Event::FlowMigrated(Migrated {
        migrated_by: Role::Operator,
        from_flow: FlowVersion::LATEST,
        from_policy: 1,
        flow_version: flow,
        policy,
        accept_by: after(15 * MINUTE),
        complete_by: COMPLETE_BY,
        intervention: Some(intervention()),
    })
}

/// Operator 7 has a reason.
pub fn intervention() -> Intervention {
    Intervention {
        actor: "operator-7".to_owned(),
        reason: "The printer of the kitchen was out of paper".to_owned(),
    }
}

/// Somebody decides.
pub fn decides(by: Role, decision: Decision, now: Timestamp) -> Command {
    Command::Decide { decision, by, intervention: None, now }
}

/// Operator 7 does something beside the flow.
pub fn operates(operation: Operation, now: Timestamp) -> Command {
    Command::Operate { operation, by: Role::Operator, intervention: Some(intervention()), now }
}

/// More time, up to `to`.
pub fn extend(deadline: Deadline, to: Timestamp) -> Operation {
    Operation::Extend { deadline, until: Until::Moment(to) }
}

/// The restaurant's no.
pub fn reject() -> Decision {
    Decision::Reject { reason: "too_busy".to_owned() }
}

/// The restaurant's no to what has run out.
pub fn run_out() -> Decision {
    Decision::RejectItems { items: vec!["tiramisu".to_owned()] }
}

/// Anyone's change of mind.
pub fn cancel() -> Decision {
    Decision::Cancel { reason: "changed_mind".to_owned() }
}

/// A task reached its receiver at the first attempt, the newest of its kind.
pub fn delivered(task: TaskKind, now: Timestamp) -> Command {
    asked_and_delivered(task, i64::MAX, now)
}

/// The same of one that this event has asked for.
pub fn asked_and_delivered(task: TaskKind, asked_by: i64, now: Timestamp) -> Command {
    let channel = if task.receiver() == Receiver::Restaurant { "webhook" } else { "mail" };
    Command::TaskDelivered { task, asked_by, channel: channel.to_owned(), attempts: 1, now }
}

/// A task was given up after nine attempts, the newest of its kind.
pub fn gave_up(task: TaskKind, now: Timestamp) -> Command {
    asked_and_gave_up(task, i64::MAX, now)
}

/// The same of one that this event has asked for.
pub fn asked_and_gave_up(task: TaskKind, asked_by: i64, now: Timestamp) -> Command {
    Command::TaskGaveUp { task, asked_by, attempts: 9, cause: "connect".to_owned(), now }
}

#[test]
fn every_order_stands_where_it_says() {
    for &status in Status::ALL {
        let order = order(status);
        assert_eq!(order.status, status);
        assert_eq!(order.total_minor, 2_050);
        assert_eq!(wake_at(&order, EVENING).is_none(), status.is_at_rest(), "{status}");
    }
}
