//! What is done about the orders of a portion: judged again, acted on, and counted once each.

use super::progress::{NO_LONGER_MATCHES, Outcome, UNREADABLE};
use crate::app::{Acted, App, Cause, Change, Failure};
use crate::domain::Rejection;
use crate::store::bulk::Bulk;
use crate::store::{Lease, Remembered, Wanted};
use std::collections::HashMap;
use tokio::task::JoinSet;

impl App {
    /// Acts on each order of the portion that matches as it stands now, unless it moves before it is decided
    /// about, or another has taken `lease`; of those that could not be decided about nothing is said.
    pub(super) async fn act_on_portion(
        &self,
        bulk: &Bulk,
        lease: &Lease,
    ) -> Result<HashMap<String, Outcome>, Failure> {
        let order_ids = &bulk.portion.order_ids;
        let query = bulk.query(None, order_ids.len());
        // A portion may be left for as long as somebody pauses.
        let matching = self.store.matching(query, order_ids.clone()).await?;
        let mut outcomes = HashMap::with_capacity(order_ids.len());
        let mut acting = JoinSet::new();
        for order_id in order_ids.iter().cloned() {
            let Some(version) = matching.get(&order_id) else {
                outcomes.insert(order_id, Outcome::Refused(NO_LONGER_MATCHES));
                continue;
            };
            let (app, action, intervention) =
                (self.clone(), bulk.action.clone(), bulk.intervention.clone());
            let change = self.change_of(bulk, &order_id, *version, lease);
            acting.spawn(async move {
                let acted = app.act_by(&order_id, &action, &intervention, change).await;
                (order_id, acted)
            });
        }
        while let Some(ended) = acting.join_next().await {
            let (order_id, acted) =
                ended.map_err(|panicked| Failure::Unavailable(panicked.into()))?;
            let outcome = outcome(&order_id, acted);
            outcomes.extend(outcome.map(|outcome| (order_id, outcome)));
        }
        Ok(outcomes)
    }

    /// What the change to an order brings with it, but for the order and the command.
    fn change_of(&self, bulk: &Bulk, order_id: &str, version: i64, lease: &Lease) -> Change {
        let remember = Remembered {
            key: bulk.key(order_id),
            request_hash: Vec::new(),
            order_id: order_id.to_owned(),
            at: self.now(),
        };
        Change {
            only_at: Some(version),
            cause: Cause { traceparent: None, causation_id: Some(bulk.bulk_id.clone()) },
            remember: Some(remember),
            fence: Some(lease.clone()),
            ..Change::default()
        }
    }

    /// Whose key is there was acted on, now or in an attempt before.
    pub(super) async fn with_those_remembered(
        &self,
        bulk: &Bulk,
        mut outcomes: HashMap<String, Outcome>,
    ) -> Result<HashMap<String, Outcome>, Failure> {
        let keys = outcomes.keys().map(|order_id| bulk.key(order_id)).collect();
        let wanted = Wanted { idempotency_keys: keys, ..Wanted::default() };
        for (_, remembered) in self.store.load(wanted).await?.remembered {
            outcomes.insert(remembered.order_id, Outcome::Acted);
        }
        Ok(outcomes)
    }
}

/// What became of an order; `None`: the next attempt will tell.
fn outcome(order_id: &str, acted: Result<Acted, Failure>) -> Option<Outcome> {
    match acted {
        Ok(Acted::Before) => Some(Outcome::Acted),
        Ok(Acted::Stands(_)) => Some(Outcome::Unchanged),
        // It has moved since it was judged.
        Err(Failure::Rejected(Rejection::Changed)) => None,
        Err(Failure::Rejected(rejection)) => Some(Outcome::Refused(rejection.code())),
        Err(Failure::Unreadable(cause)) => {
            let error = format!("{cause:#}");
            tracing::error!(order.id = %order_id, error, "an order cannot be read: nothing was done");
            Some(Outcome::Refused(UNREADABLE))
        }
        // Of these it is not known, or nothing was done.
        Err(failure) => {
            tracing::warn!(order.id = %order_id, error = %failure, "an order waits");
            None
        }
    }
}
