//! Orders as the first version of the tables held them, for tests of the migrations since.

use crate::domain::tests::mother::life;
use crate::domain::{Order, Status, Timestamp, evolve, wake_at};

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
    /// One that stands in `status`, which is its id too.
    pub fn order(status: Status) -> Self {
        let mut order: Option<Order> = None;
        let (mut journal, mut last_at) = (Vec::new(), Timestamp::beginning());
        for (at, event) in life(status).events {
            order = evolve(order, status.as_str(), at, &event);
            let after = order.as_ref().expect("it is placed first");
            let data = serde_json::to_string(&event).expect("an event has a stored form");
            journal.push((after.version, at, after.status, data));
            last_at = at;
        }
        let order = order.expect("it has events");
        let mut state = serde_json::to_value(&order).expect("an order has a stored form");
        let known_since = state.as_object_mut().and_then(|state| state.remove("since"));
        assert!(known_since.is_some(), "the first version did not know it");
        let wake_at = wake_at(&order, last_at).map(|at| at.0);
        Self { order, wake_at, state: state.to_string(), journal }
    }
}
