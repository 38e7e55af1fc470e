//! Questions: they change nothing and never wait for a commit.

use super::{App, Failure};
use crate::domain::Rejection;
use crate::store::{FlowFigures, Found, JournalRow};

impl App {
    /// One order with its tasks.
    ///
    /// # Errors
    /// [`Rejection::UnknownOrder`], [`Failure::Unavailable`].
    pub async fn order(&self, order_id: &str) -> Result<Found, Failure> {
        let found = self.store.order(order_id.to_owned()).await?;
        found.ok_or_else(|| Rejection::UnknownOrder.into())
    }

    /// What the picture of the flow shows at present.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn flow(&self) -> Result<FlowFigures, Failure> {
        Ok(self.store.flow(self.now()).await?)
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
