//! An order as the API shows it: borrowed from the domain's, written straight to the answer.

use crate::app::{Task, TaskState};
use crate::domain::{Item, Order, TaskKind, Timestamp};
use chassis::clock::rfc3339;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView<'a> {
    /// UUIDv7.
    #[schema(example = "0199aa9e-7f5c-7d30-b1f0-6d6fb7e1b8a3")]
    id: &'a str,
    /// Where it stands. More words may come.
    #[schema(value_type = String, example = "confirmed")]
    status: &'static str,
    /// How many events it has.
    pub version: i64,
    /// Where it is cooked.
    restaurant_id: &'a str,
    /// Who ordered: an opaque id.
    customer_id: &'a str,
    /// What was ordered, at the prices of that moment.
    #[schema(value_type = Vec<ItemView>)]
    items: Items<'a>,
    /// Sum of the items, in minor units of `currency`.
    #[schema(example = 2450)]
    total_minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: &'a str,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    placed_at: Moment,
    /// An answer of the restaurant counts before this moment.
    #[schema(value_type = String, format = DateTime)]
    accept_by: Moment,
    /// Completion counts before this moment.
    #[schema(value_type = String, format = DateTime)]
    complete_by: Moment,
    /// When the food is to be ready; absent unless the restaurant has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    ready_by: Option<Moment>,
    /// Ids of the items that the restaurant had run out of when it said no; absent unless it named them.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false)]
    run_out: &'a [String],
    /// The version of the flow that it follows.
    #[schema(example = 1)]
    flow_version: i32,
    /// The version of the policy whose times it lives by.
    #[schema(example = 1)]
    policy_version: u32,
    /// When this answer was made, by the clock that judges the two moments above.
    #[schema(value_type = String, format = DateTime)]
    server_time: Moment,
    /// What is being done about it outside; absent in lists and in answers to decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tasks: Option<Vec<TaskView<'a>>>,
}

/// One line of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
pub struct ItemView<'a> {
    /// From the menu.
    #[schema(example = "margherita")]
    item_id: &'a str,
    /// From the menu, as it was.
    #[schema(example = "Pizza Margherita")]
    name: &'a str,
    /// At least 1.
    quantity: u32,
    /// Price of one, in minor units.
    unit_price_minor: i64,
}

/// A durable call to the outside.
#[derive(Debug, Hash, Serialize, ToSchema)]
#[schema(as = Task)]
pub struct TaskView<'a> {
    /// `notify_restaurant`, `remind_restaurant` or `notify_user`. More words may come.
    #[schema(value_type = String, example = "notify_restaurant")]
    kind: &'static str,
    /// `open`, `done`, `given_up` or `withdrawn`.
    #[schema(value_type = String, example = "open")]
    state: &'static str,
    /// How many attempts were made.
    attempts: u32,
    /// When the next one is due; null unless it is open.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Moment>,
    /// A stable code of why the last attempt failed; null if none did.
    #[schema(required)]
    last_error: Option<&'a str>,
}

impl<'a> OrderView<'a> {
    /// The order itself.
    pub fn new(order: &'a Order, server_time: Timestamp) -> Self {
        Self {
            id: &order.order_id,
            status: order.status.as_str(),
            version: order.version,
            restaurant_id: &order.restaurant_id,
            customer_id: &order.customer_id,
            items: Items(&order.items),
            total_minor: order.total_minor,
            currency: &order.currency,
            placed_at: order.placed_at.into(),
            accept_by: order.accept_by.into(),
            complete_by: order.complete_by.into(),
            ready_by: order.ready_by.map(Moment::from),
            run_out: &order.run_out,
            flow_version: order.flow_version.number(),
            policy_version: order.policy.version,
            server_time: server_time.into(),
            tasks: None,
        }
    }

    /// The order with its tasks.
    pub fn with_tasks(order: &'a Order, tasks: &'a [Task], server_time: Timestamp) -> Self {
        let tasks = Some(tasks.iter().map(TaskView::new).collect());
        Self { tasks, ..Self::new(order, server_time) }
    }

    /// The order at the moment of its placing: the same for ever, so that a repeated request gets
    /// the same answer.
    pub fn as_placed(order: &'a Order) -> Self {
        let announcement = TaskView {
            kind: TaskKind::NotifyRestaurant.as_str(),
            state: TaskState::Open.as_str(),
            attempts: 0,
            next_attempt_at: Some(order.placed_at.into()),
            last_error: None,
        };
        let tasks = match order.announce.is_by_task() {
            true => vec![announcement],
            false => Vec::new(),
        };
        Self { tasks: Some(tasks), ..Self::new(order, order.placed_at) }
    }
}

impl<'a> TaskView<'a> {
    fn new(task: &'a Task) -> Self {
        let open = task.state == TaskState::Open;
        Self {
            kind: task.kind.as_str(),
            state: task.state.as_str(),
            attempts: task.attempts,
            next_attempt_at: open.then(|| task.next_attempt_at.into()),
            last_error: task.last_error.as_deref(),
        }
    }
}

/// The lines of an order, without a list of their own.
#[derive(Debug)]
pub struct Items<'a>(pub &'a [Item]);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|item| ItemView {
            item_id: &item.item_id,
            name: &item.name,
            quantity: item.quantity,
            unit_price_minor: item.unit_price_minor,
        }))
    }
}

/// A moment, shown as RFC 3339.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Moment(Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0.0))
    }
}
