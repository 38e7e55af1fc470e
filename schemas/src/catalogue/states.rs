//! The page of the states of orders.

use super::Page;

pub(super) const PAGES: &[Page] = &[Page {
    event_type: "order_state",
    title: "where an order stands",
    when: "With the events of an order, in their transaction: after the last event of that order in it.",
    why: "Whoever joins late reads this topic to its end and knows every order, without reading every event \
          there ever was; from then on the events say the rest.",
    who: "The orders context, whoever moved the order.",
    follows: "The next state, after the next event. A record without a value says that a person was erased: \
              forget the order. No state of it comes after that, though events may.",
}];
