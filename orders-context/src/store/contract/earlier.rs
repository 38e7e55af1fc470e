//! Orders as the first version of the tables held them, for tests of the migrations since.

use crate::domain::tests::mother::{MINUTE, after, life, order_redriven};
use crate::domain::{
    Event, Notification, Order, Role, Status, TaskKind, TaskWas, Timestamp, evolve, wake_at,
};
use crate::store::{Counter, Store, TaskCondition};

/// One order as rows.
pub struct Written {
    /// As it is read today.
    pub order: Order,
    /// The column of this name.
    pub wake_at: Option<i64>,
    /// The column of this name.
    pub state: String,
    /// Sequence, moment, status afterwards and data of each event.
    pub journal: Vec<(i64, Timestamp, Status, String)>,
}

impl Written {
    /// One in each status, which is its id too, and one that was redriven.
    pub fn all() -> Vec<Self> {
        let redriven = life(Status::Expired).then(after(15 * MINUTE), order_redriven());
        let mut all: Vec<_> = Status::ALL.iter().map(|status| Self::order(*status)).collect();
        all.push(Self::of("redriven", redriven.events));
        all
    }

    /// One that stands in `status`, which is its id too.
    pub fn order(status: Status) -> Self {
        Self::of(status.as_str(), life(status).events)
    }

    fn of(order_id: &str, events: Vec<(Timestamp, Event)>) -> Self {
        let mut order: Option<Order> = None;
        let (mut journal, mut last_at) = (Vec::new(), Timestamp::beginning());
        for (at, event) in events {
            order = evolve(order, order_id, at, &event);
            let after = order.as_ref().expect("it is placed first");
            let data = serde_json::to_string(&event).expect("an event has a stored form");
            journal.push((after.version, at, after.status, data));
            last_at = at;
        }
        let order = order.expect("it has events");
        let mut state = serde_json::to_value(&order).expect("an order has a stored form");
        let members = state.as_object_mut().expect("it has members");
        let known_since = members.remove("since");
        assert!(known_since.is_some(), "the first version did not know it");
        members.remove("window_opened_by");
        let wake_at = wake_at(&order, last_at).map(|at| at.0);
        Self { order, wake_at, state: state.to_string(), journal }
    }
}

/// Tasks as the version held them before what is redriven was withdrawn, in SQL of both databases: all of
/// one order were given up and the order redriven; of another one was redriven, and given up again; one
/// waits for an endpoint, and one failed.
pub fn tasks_in_trouble() -> String {
    let notify = TaskKind::NotifyRestaurant;
    let redriven = Event::TaskRedriven {
        task: notify,
        was: TaskWas::GivenUp,
        redriven_by: Role::Operator,
        intervention: None,
    };
    let event = |position: u8, order_id: &str, sequence: u8, event: &Event| {
        let data = serde_json::to_string(event).expect("an event has a stored form");
        format!(
            "INSERT INTO journal (position, event_id, order_id, sequence, occurred_at, status, actor,
                data, restaurant_id, customer_id, total_minor, currency) VALUES
             ({position}, 'e', '{order_id}', {sequence}, 0, 'placed', 'operator', '{data}', 'r', 'c',
                1, 'EUR');"
        )
    };
    let task = |order_id: &str, sequence: u8, kind: TaskKind, state: &str, error: &str| {
        let kind = serde_json::to_string(&kind).expect("a kind has a stored form");
        format!(
            "INSERT INTO tasks (order_id, sequence, kind, state, attempts, next_attempt_at,
                give_up_at, last_error, event_id) VALUES
             ('{order_id}', {sequence}, '{kind}', '{state}', 1, 0, 0, '{error}', 'e');"
        )
    };
    [
        event(1, "redriven", 3, &order_redriven()),
        task("redriven", 1, notify, "given_up", "http_503"),
        task("redriven", 2, Notification::Expired.task(), "given_up", "smtp_later"),
        event(2, "again", 2, &redriven),
        task("again", 1, notify, "given_up", "http_503"),
        task("again", 2, notify, "given_up", "http_503"),
        task("waits", 1, notify, "open", "endpoint_not_yet"),
        task("failed", 1, notify, "open", "http_503"),
    ]
    .concat()
}

/// What there is of them now.
pub async fn one_of_each_is_in_trouble(store: &dyn Store) {
    let counted = store.counted(None).await.expect("the store answers");
    for counters in [counted.kept, counted.found] {
        let tasks = |condition| counters.get(Counter::Tasks(condition));
        assert_eq!((tasks(TaskCondition::Retrying), tasks(TaskCondition::GivenUp)), (1, 1));
    }
}
