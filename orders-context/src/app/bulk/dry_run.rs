//! What would come of a bulk action: counted and decided, and nothing done.

use super::progress::{Outcome, UNREADABLE};
use super::{BulkWanted, before};
use crate::app::list_orders::usual_ms;
use crate::app::{App, Failure};
use crate::domain::{Order, decide};
use crate::store::bulk::Tally;
use crate::store::{OrdersQuery, OrdersSort};

/// How many orders are looked at.
const SAMPLE: usize = 200;

/// What would come of a bulk action at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DryRun {
    /// How many orders match, exactly; `None`: counting them took too long.
    pub matched: Option<u64>,
    /// How many of them were looked at: the oldest.
    pub sampled: u64,
    /// What would become of those.
    pub tally: Tally,
}

impl App {
    /// How many orders a bulk action would be about, and what would become of a sample of them.
    ///
    /// # Errors
    /// [`Failure::Overloaded`], [`Failure::Unavailable`].
    pub async fn try_bulk(&self, wanted: BulkWanted) -> Result<DryRun, Failure> {
        let now = self.now();
        let usual_ms = usual_ms(&*self.store, &wanted.filter).await?;
        let (filter, sort) = (before(wanted.filter.clone(), now), OrdersSort::Oldest);
        let mut query = OrdersQuery { filter, sort, after: None, limit: SAMPLE, now, usual_ms };
        let matched = self.count(query.clone()).await?;
        let mut dry = DryRun { matched, ..DryRun::default() };
        loop {
            query.limit = SAMPLE - usize::try_from(dry.sampled).unwrap_or(SAMPLE);
            let page = self.page(query.clone()).await?;
            for order in page.orders {
                let outcome = self.try_action(&order, &wanted).await?;
                dry.sampled += 1;
                dry.tally.count(order.order_id, outcome);
            }
            for order_id in page.unreadable {
                dry.sampled += 1;
                dry.tally.count(order_id, Outcome::Refused(UNREADABLE));
            }
            match page.next {
                Some(next) if dry.sampled < SAMPLE as u64 => query.after = Some(next),
                _ => return Ok(dry),
            }
        }
    }

    async fn try_action(&self, order: &Order, wanted: &BulkWanted) -> Result<Outcome, Failure> {
        let command = self.command_of(&order.order_id, &wanted.action, &wanted.intervention).await;
        let command = match command {
            Ok(command) => command,
            Err(Failure::Rejected(rejection)) => return Ok(Outcome::Refused(rejection.code())),
            Err(Failure::Unreadable(_)) => return Ok(Outcome::Refused(UNREADABLE)),
            Err(failure) => return Err(failure),
        };
        Ok(match decide(Some(order), &command) {
            Ok(events) if events.is_empty() => Outcome::Unchanged,
            Ok(_) => Outcome::Acted,
            Err(rejection) => Outcome::Refused(rejection.code()),
        })
    }
}
