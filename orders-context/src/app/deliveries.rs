//! What endpoints were told: looked at, told again, and forgotten in the course of time.

use super::{App, EndpointRefusal, Failure};
use crate::domain::{Delivery, DeliveryState};

/// How long a delivery is kept, in milliseconds from its event: a week.
pub const KEPT_FOR_MS: i64 = 7 * 24 * 3_600_000;

/// Which deliveries to show.
#[derive(Clone, Debug, Default)]
pub struct ListDeliveries {
    /// In this state; in any if there is none.
    pub state: Option<DeliveryState>,
    /// Of events before this one.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl App {
    /// Deliveries to an endpoint, the newest event first.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; there is no such endpoint.
    pub async fn deliveries(
        &self,
        of: &str,
        endpoint_id: &str,
        wanted: ListDeliveries,
    ) -> Result<Vec<Delivery>, EndpointRefusal> {
        let endpoint_id = self.endpoint(of, endpoint_id).await?.endpoint_id;
        let ListDeliveries { state, before, limit } = wanted;
        Ok(self.store.deliveries(endpoint_id, state, before, limit).await?)
    }

    /// Has an event delivered once more, durably: at once, however its delivery stands, and under the
    /// `webhook-id` that it had.
    ///
    /// # Errors
    /// [`EndpointRefusal`]; there is no such endpoint or delivery.
    pub async fn replay_delivery(
        &self,
        of: &str,
        endpoint_id: &str,
        event_id: &str,
    ) -> Result<Delivery, EndpointRefusal> {
        let endpoint = self.endpoint(of, endpoint_id).await?;
        for _ in 0..super::endpoints::ATTEMPTS {
            let found = self.store.delivery(endpoint.endpoint_id.clone(), event_id.to_owned());
            let before = found.await?.ok_or(EndpointRefusal::UnknownDelivery)?;
            let now = self.now();
            let next = before.replayed(now, endpoint.worth_trying_until(now));
            if self.store.replace_delivery(next.clone()).await? {
                return Ok(next);
            }
        }
        Err(Failure::Contended.into())
    }

    /// Forgets deliveries that are older than a week and not tried any more, at most `limit`; how many.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_deliveries(&self, limit: usize) -> Result<usize, Failure> {
        Ok(self.store.forget_deliveries(self.now().plus_ms(-KEPT_FOR_MS), limit).await?)
    }
}
