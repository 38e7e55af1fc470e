//! Orders, found by what operators, restaurants and customers look for, page by page.

use super::{App, Failure, cursor};
use crate::domain::{Order, Status, Timestamp};
use crate::store::{self, OrdersFilter, OrdersPage, OrdersQuery, OrdersSort, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long orders are counted at most, the wait for one's turn included.
const COUNT_WITHIN: Duration = Duration::from_secs(3);

/// A question for one page.
#[derive(Clone, Debug)]
pub struct ListOrders {
    /// Which orders.
    pub filter: OrdersFilter,
    /// In which order.
    pub sort: OrdersSort,
    /// [`OrderPage::next_cursor`] of the page before.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A page of a listing.
#[derive(Debug)]
pub struct OrderPage {
    /// In the order asked for. May be fewer than asked for, even none, while there is a next page.
    pub orders: Vec<Order>,
    /// Leads to the next page of the same filter and sort; `None` on the last one.
    pub next_cursor: Option<String>,
}

impl App {
    /// A page of orders, in its turn among other listings.
    ///
    /// # Errors
    /// [`Failure::InvalidCursor`], [`Failure::Overloaded`], [`Failure::Unavailable`].
    pub async fn orders(&self, question: ListOrders) -> Result<OrderPage, Failure> {
        let (store, now) = (Arc::clone(&self.store), self.now());
        self.listing.ask(async move { list(&*store, now, question).await }).await
    }

    /// How many orders there are of the query's filter, in its turn; `None`: to say so would take too long.
    pub(super) async fn count(&self, query: OrdersQuery) -> Result<Option<u64>, Failure> {
        let store = Arc::clone(&self.store);
        let counting = self.listing.ask(async move {
            match store.count_orders(query, COUNT_WITHIN).await {
                Err(store::Error::TooLong) => Ok(None),
                counted => Ok(Some(counted?)),
            }
        });
        timeout(COUNT_WITHIN, counting).await.unwrap_or(Ok(None))
    }

    /// The page that `query` asks for, in its turn.
    pub(super) async fn page(&self, query: OrdersQuery) -> Result<OrdersPage, Failure> {
        let store = Arc::clone(&self.store);
        self.listing.ask(async move { Ok(store.orders(query).await?) }).await
    }
}

/// The same without an application: for the command line.
///
/// # Errors
/// [`Failure::InvalidCursor`], [`Failure::Unavailable`].
pub async fn list(
    store: &dyn Store,
    now: Timestamp,
    question: ListOrders,
) -> Result<OrderPage, Failure> {
    let ListOrders { filter, sort, cursor, limit } = question;
    let after = match cursor {
        Some(text) => Some(cursor::read(&filter, sort, &text).ok_or(Failure::InvalidCursor)?),
        None => None,
    };
    let usual_ms = usual_ms(store, &filter).await?;
    let query = OrdersQuery { filter: filter.clone(), sort, after, limit, now, usual_ms };
    let OrdersPage { orders, next, .. } = store.orders(query).await?;
    let next_cursor = next.map(|place| cursor::write(&filter, sort, &place));
    Ok(OrderPage { orders, next_cursor })
}

/// What is usual in each status at present, for a filter that asks for it: the span that 99 of 100
/// orders that have left it did not exceed.
///
/// # Errors
/// [`Failure::Unavailable`].
pub async fn usual_ms(
    store: &dyn Store,
    filter: &OrdersFilter,
) -> Result<Vec<(Status, i64)>, Failure> {
    if !filter.stuck {
        return Ok(Vec::new());
    }
    let counters = store.counters().await?;
    let awake = Status::ALL.iter().filter(|status| !status.is_at_rest());
    let usual = awake.filter_map(|of| Some((*of, counters.spent(*of).percentile_ms(99)?)));
    Ok(usual.collect())
}
