//! Which orders to list, in which order, and where the next page begins.
//!
//! [`OrdersFilter`] is what operators find orders by, one at a time or in bulk. It can be kept and used
//! again later: what it says of time is relative to the moment it is used at.

pub mod late;
mod question;
mod run;
pub mod sql;

pub use question::{Dialect, Part, Question};

use super::Error;
use crate::domain::{FlowVersion, Order, Status, Timestamp};
use serde::{Deserialize, Serialize};

/// Which orders. Everything that is given must hold; the default is every order there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrdersFilter {
    /// Standing in one of these; none given: in any.
    pub status: Vec<Status>,
    /// Cooked there.
    pub restaurant_id: Option<String>,
    /// Ordered by this customer.
    pub customer_id: Option<String>,
    /// Placed then or later.
    pub placed_from: Option<Timestamp>,
    /// Placed before.
    pub placed_before: Option<Timestamp>,
    /// Not at rest, and in their status for at least so many milliseconds.
    pub age_ms: Option<i64>,
    /// Not at rest, and with a deadline that comes within so many milliseconds or has passed.
    pub deadline_within_ms: Option<i64>,
    /// With a task that stands so.
    pub task: Option<TaskCondition>,
    /// With a task that is not done and whose last attempt failed with this code; with `task` too, it is
    /// the same task.
    pub last_error: Option<String>,
    /// Following this flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_version: Option<FlowVersion>,
    /// Not at rest, and longer in their status than 99 of 100 orders that have left it. In a status that
    /// none has left yet, nothing is stuck.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stuck: bool,
}

crate::domain::words! {
    /// How a task stands that an operator looks for.
    TaskCondition {
        /// To be done, whether it was attempted already or not.
        Open = "open",
        /// To be done, and an attempt has failed: it does not wait for an endpoint alone.
        Retrying = "retrying",
        /// Will not be tried again by itself.
        GivenUp = "given_up",
    }
}

crate::domain::words! {
    /// In which order. Orders of the same moment stand in the order of their ids. Those that begin with
    /// a deadline or an age list the orders that are not at rest, and no others.
    OrdersSort {
        /// By placing, the newest first.
        Newest = "-placed",
        /// By placing, the oldest first.
        Oldest = "placed",
        /// By deadline, the nearest first.
        DeadlineNearest = "deadline",
        /// By deadline, the furthest first.
        DeadlineFurthest = "-deadline",
        /// By the time spent in the present status, the longest first.
        AgeLongest = "-age",
        /// By the time spent in the present status, the shortest first.
        AgeShortest = "age",
    }
}

/// A question for one page.
#[derive(Clone, Debug)]
pub struct OrdersQuery {
    /// Which orders.
    pub filter: OrdersFilter,
    /// In which order.
    pub sort: OrdersSort,
    /// Only what stands after this place.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
    /// The moment by which ages and deadlines are judged.
    pub now: Timestamp,
    /// For each status the span that 99 of 100 orders do not exceed in it, in milliseconds: who exceeds
    /// it is stuck. Asked for by [`OrdersFilter::stuck`] alone.
    pub usual_ms: Vec<(Status, i64)>,
}

/// A place in a listing of one sort. Orders that come or go do not move it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What the listing is sorted by, in microseconds.
    pub at: Timestamp,
    /// Of the order that stands there.
    pub order_id: String,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrdersPage {
    /// In the order asked for. May be fewer than asked for, even none, while there are more behind.
    pub orders: Vec<Order>,
    /// Ids of those among them that cannot be understood: they have their places, and are told of in the log.
    pub unreadable: Vec<String>,
    /// The place after which the next page begins; `None`: this is the last.
    pub next: Option<Place>,
}

impl OrdersQuery {
    /// The first page of `filter`, the newest first, as of `now`; what is usual is not known.
    #[must_use]
    pub fn newest(filter: OrdersFilter, limit: usize, now: Timestamp) -> Self {
        let (sort, after, usual_ms) = (OrdersSort::Newest, None, Vec::new());
        Self { filter, sort, after, limit, now, usual_ms }
    }
}

impl OrdersSort {
    /// Whether what is largest comes first.
    #[must_use]
    pub const fn is_descending(self) -> bool {
        matches!(self, Self::Newest | Self::DeadlineFurthest | Self::AgeShortest)
    }
}

/// What one statement has found.
#[derive(Debug, Default)]
pub(in crate::store) struct Looked {
    /// Orders, or why they cannot be understood, and their places, in no order.
    pub rows: Vec<(anyhow::Result<Order>, Place)>,
    /// The place up to which was looked, if that was not the end.
    pub end: Option<Place>,
}

impl Looked {
    /// One more row. An order that cannot be understood has its place all the same, so that it spoils nothing
    /// for the others.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn add(&mut self, order: Result<Order, Error>, place: Place) -> Result<(), Error> {
        let order = match order {
            Ok(order) => Ok(order),
            Err(Error::Corrupt(cause)) => Err(cause),
            Err(error) => return Err(error),
        };
        self.rows.push((order, place));
        Ok(())
    }

    /// Whether there is nothing to gain from looking further.
    pub fn is_enough(&self, limit: usize) -> bool {
        self.rows.len() > limit || self.end.is_none()
    }

    /// A page of them.
    pub fn page(self, query: &OrdersQuery) -> OrdersPage {
        let Self { mut rows, end } = self;
        rows.sort_unstable_by(|(_, a), (_, b)| (a.at, &a.order_id).cmp(&(b.at, &b.order_id)));
        if query.sort.is_descending() {
            rows.reverse();
        }
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let next = rows.last().filter(|_| more).map(|(_, place)| place.clone()).or(end);
        let mut page = OrdersPage { next, ..OrdersPage::default() };
        for (order, place) in rows {
            match order {
                Ok(order) => page.orders.push(order),
                Err(cause) => {
                    let (id, error) = (&place.order_id, format!("{cause:#}"));
                    tracing::error!(order.id = %id, error, "an order cannot be read and is not listed");
                    page.unreadable.push(place.order_id);
                }
            }
        }
        page
    }
}

/// The part of a question that leaves the fewest orders, if few enough.
#[derive(Debug, Default)]
pub(in crate::store) struct Narrowest(Option<(i64, Part)>);

impl Narrowest {
    /// `part` leaves so many.
    pub fn consider(&mut self, part: Part, orders: i64) {
        let is_less = self.0.is_none_or(|(least, _)| orders < least);
        if is_less && usize::try_from(orders).is_ok_and(|orders| orders <= sql::MOST_LOOKED_AT) {
            self.0 = Some((orders, part));
        }
    }

    /// That part.
    pub fn part(&self) -> Option<Part> {
        self.0.map(|(_, part)| part)
    }
}
