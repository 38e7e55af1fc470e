//! The pages of the states of orders.

use super::{Page, Tombstone};
use crate::golden::KeyAndHeaders;
use crate::order_state::{ORDER_FORGOTTEN, OrderForgotten};

pub(super) const PAGES: &[Page] = &[Page {
    event_type: "order_state",
    title: "where an order stands",
    when: "With the events of an order, in their transaction: after the last event of that order in it.",
    why: "Whoever joins late reads this topic to its end and knows every order, without reading every event \
          there ever was; from then on the events say the rest.",
    who: "The orders context, whoever moved the order.",
    follows: "The next state, after the next event; or `order_forgotten`, after which there is none.",
}];

pub(super) const TOMBSTONE: Tombstone = Tombstone {
    page: Page {
        event_type: ORDER_FORGOTTEN,
        title: "an order is to be forgotten",
        when: "When a person is erased, for each of their orders.",
        why: "Whoever keeps anything of the order deletes it. Compaction takes its states from the topic, and in \
              time this record too.",
        who: "The orders context, which was asked for the erasure.",
        follows: "No state of the order, though events of it may: they carry opaque ids only.",
    },
    example,
};

fn example() -> KeyAndHeaders {
    let order_id = "0199c0de-0001-7000-8000-000000000001";
    let forgotten = OrderForgotten::new(order_id, 1_795_545_000_123_456);
    (order_id.to_owned(), forgotten.envelope().headers())
}
