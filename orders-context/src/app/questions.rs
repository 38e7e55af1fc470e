//! Questions: they change nothing and never wait for a commit.

use super::{App, Failure};
use crate::domain::{Order, Rejection};
use crate::store::{Found, JournalRow, OrdersQuery};

/// A page of a listing.
#[derive(Debug)]
pub struct OrderPage {
    /// The newest first.
    pub orders: Vec<Order>,
    /// Whether there are more behind the last.
    pub has_more: bool,
}

impl App {
    /// One order with its tasks.
    ///
    /// # Errors
    /// [`Rejection::UnknownOrder`], [`Failure::Unavailable`].
    pub async fn order(&self, order_id: &str) -> Result<Found, Failure> {
        let found = self.store.order(order_id.to_owned()).await?;
        found.ok_or_else(|| Rejection::UnknownOrder.into())
    }

    /// A page of orders, the newest first, at most `query.limit`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn orders(&self, query: OrdersQuery) -> Result<OrderPage, Failure> {
        let limit = query.limit;
        let one_more = OrdersQuery { limit: limit + 1, ..query };
        let mut orders = self.store.orders(one_more).await?;
        let has_more = orders.len() > limit;
        orders.truncate(limit);
        Ok(OrderPage { orders, has_more })
    }

    /// What happened to an order after `after`, ascending, at most `limit`.
    ///
    /// # Errors
    /// [`Rejection::UnknownOrder`], [`Failure::Unavailable`].
    pub async fn history(
        &self,
        order_id: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Failure> {
        let rows = self.store.history(order_id.to_owned(), after, limit).await?;
        if rows.is_empty() {
            self.order(order_id).await?;
        }
        Ok(rows)
    }
}
