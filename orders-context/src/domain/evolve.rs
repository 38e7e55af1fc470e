//! Events → state. Total: whatever the journal holds can be folded, and replay equals live.

use super::{
    Deadline, Decided, Event, Fixed, FlowVersion, Migrated, Notification, Order, Policy, Role,
    Status, TaskKind, TaskWas, Timestamp, Trigger,
};

/// The order after one more event. `None` comes back only when the first event is not
/// `order_placed`, which the journal never holds.
#[must_use]
pub fn evolve(order: Option<Order>, order_id: &str, at: Timestamp, event: &Event) -> Option<Order> {
    let Some(mut order) = order else { return born(order_id, at, event) };
    order.version += 1;
    let before = order.status;
    match event {
        Event::OrderPlaced { .. } => {}
        Event::RestaurantNotified { .. } => {
            order.restaurant_told = true;
            order.follow(Trigger::RestaurantNotified);
        }
        Event::RestaurantReminded { reminder } => order.reminders = *reminder,
        Event::OrderAccepted { decided_by, ready_by, .. } => {
            order.ready_by = *ready_by;
            order.decide(Trigger::Accept, *decided_by, at);
        }
        Event::OrderRejected { decided_by, items, .. } => {
            order.run_out.clone_from(items);
            order.decide(Trigger::Reject, *decided_by, at);
        }
        Event::OrderCompleted { decided_by, .. } => {
            order.decide(Trigger::Complete, *decided_by, at)
        }
        Event::OrderCancelled { decided_by, .. } => order.decide(Trigger::Cancel, *decided_by, at),
        Event::OrderExpired { .. } => order.follow(Trigger::AcceptDeadline),
        Event::OrderTimedOut { .. } => order.follow(Trigger::CompleteDeadline),
        Event::UserNotified { notification, .. } => {
            order.user_told.push(*notification);
            if *notification == Notification::Accepted {
                order.follow(Trigger::UserNotified);
            }
        }
        Event::NotificationFailed { task, .. } => {
            order.redriven.retain(|redriven| redriven != task);
            order.given_up.push(*task);
        }
        Event::OrderRedriven { redriven_by, accept_by, complete_by, .. } => {
            order.start_again(at, *accept_by, *complete_by);
            order.decide(Trigger::Redrive, *redriven_by, at);
        }
        Event::DeadlineExtended { deadline, to, .. } => match deadline {
            Deadline::AcceptBy => order.accept_by = *to,
            Deadline::CompleteBy => order.complete_by = *to,
        },
        Event::TaskRedriven { task, was: TaskWas::GivenUp, .. } => {
            order.given_up.retain(|given_up| given_up != task);
            order.redriven.push(*task);
        }
        Event::TaskRedriven { was: TaskWas::Waiting { due_at }, .. } => {
            order.hurried = Some(*due_at);
        }
        Event::FlowMigrated(Migrated { flow_version, policy, accept_by, complete_by, .. }) => {
            order.accept_by = *accept_by;
            order.complete_by = *complete_by;
            order.live_by(*flow_version, policy.clone(), at);
        }
    }
    if order.status != before {
        order.since = at;
    }
    Some(order)
}

fn born(order_id: &str, at: Timestamp, event: &Event) -> Option<Order> {
    let Event::OrderPlaced {
        restaurant_id,
        customer_id,
        items,
        total_minor,
        currency,
        announce,
        flow_version,
        policy,
        accept_by,
        complete_by,
    } = event
    else {
        return None;
    };
    Some(Order {
        order_id: order_id.to_owned(),
        version: 1,
        status: Status::Placed,
        since: at,
        restaurant_id: restaurant_id.clone(),
        customer_id: customer_id.clone(),
        items: items.clone(),
        total_minor: *total_minor,
        currency: currency.clone(),
        announce: *announce,
        flow_version: *flow_version,
        policy: policy.clone(),
        placed_at: at,
        window_opened_at: at,
        window_opened_by: 1,
        accept_by: *accept_by,
        complete_by: *complete_by,
        reminders: 0,
        restaurant_told: false,
        user_told: Vec::new(),
        given_up: Vec::new(),
        redriven: Vec::new(),
        hurried: None,
        decided: None,
        ready_by: None,
        run_out: Vec::new(),
    })
}

impl Order {
    /// Takes the arrow if the flow has it; a late fact finds none and moves nothing.
    fn follow(&mut self, trigger: Trigger) {
        if let Some(arrow) = self.arrow(trigger) {
            self.status = arrow.to;
        }
    }

    fn decide(&mut self, what: Trigger, by: Role, at: Timestamp) {
        self.follow(what);
        self.decided = Some(Decided { what, by, at });
    }

    /// Reminders whose moment has passed under the new policy are over; the others come.
    fn live_by(&mut self, flow_version: FlowVersion, policy: Fixed<Policy>, at: Timestamp) {
        self.flow_version = flow_version;
        self.policy = policy;
        if !self.status.awaits_answer() {
            return;
        }
        self.reminders = self.reminders_due(at);
        let reminders = self.reminders;
        let is_to_come =
            |task: &TaskKind| matches!(task, TaskKind::RemindRestaurant(n) if *n > reminders);
        self.given_up.retain(|task| !is_to_come(task));
        self.redriven.retain(|task| !is_to_come(task));
    }

    fn start_again(&mut self, at: Timestamp, accept_by: Timestamp, complete_by: Timestamp) {
        self.window_opened_at = at;
        self.window_opened_by = self.version;
        self.accept_by = accept_by;
        self.complete_by = complete_by;
        self.reminders = 0;
        self.restaurant_told = false;
        self.user_told.clear();
        self.given_up.clear();
        self.redriven.clear();
        self.hurried = None;
        self.ready_by = None;
    }
}
