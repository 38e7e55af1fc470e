//! What endpoints are told, as it is kept: a row for each endpoint and event, made of the journal with the
//! position up to which it was read. Each change of a row is compared with the round before.

use super::{Answer, Error, JournalRow};
use crate::domain::{Delivery, DeliveryState, Endpoint, Timestamp};

/// How the attempts at an endpoint have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The last one did not fail, or there was none.
    Well,
    /// All have failed for a while.
    Failing,
}

/// A page of the journal as far as endpoints are concerned.
#[derive(Debug)]
pub struct Concerning {
    /// Rows of restaurants that have an endpoint, in the order of the journal.
    pub rows: Vec<JournalRow>,
    /// Where others of them stand that cannot be read, and why not.
    pub unreadable: Vec<(i64, Error)>,
    /// Up to which position these are all. Nothing will be added up to there.
    pub up_to: i64,
    /// Whether there may be more behind it.
    pub is_full: bool,
}

/// Keeps deliveries.
pub trait Deliveries: Send + Sync {
    /// What lies behind the position `after` and concerns endpoints: of the next `limit` rows of the
    /// journal, those of restaurants that have one. Where nobody has, all that was written is passed over:
    /// who makes an endpoint hears of what comes then.
    fn concerning(&self, after: i64, limit: usize) -> Answer<'_, Concerning>;

    /// The endpoints of these restaurants, which are asked for once each. Here and below, what cannot be read is
    /// passed over where loops look for work, and told of in the log.
    fn endpoints_of(&self, restaurant_ids: Vec<String>) -> Answer<'_, Vec<Endpoint>>;

    /// Up to which position of the journal there is a delivery for each endpoint that is to hear.
    fn deliveries_position(&self) -> Answer<'_, i64>;

    /// Keeps new deliveries and goes on to the position `to`, in one transaction, if that of the store is
    /// `from`; whether it was. So each event becomes one delivery, whoever comes twice. Those for an
    /// endpoint that is gone are left out. What has had a round before is replaced as by
    /// [`Deliveries::replace_delivery`]; where one of those has moved on, nothing is kept at all.
    fn add_deliveries(&self, from: i64, to: i64, new: Vec<Delivery>) -> Answer<'_, bool>;

    /// Deliveries that are due at `now` to endpoints of that `health` that are not paused, with these: of each
    /// endpoint the `each` most overdue.
    fn due_deliveries(
        &self,
        now: Timestamp,
        health: Health,
        each: usize,
        limit: usize,
    ) -> Answer<'_, Vec<(Endpoint, Delivery)>>;

    /// Deliveries that are pending and pointless at `now`, to endpoints that are paused, at most `limit`.
    fn stale_deliveries(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Delivery>>;

    /// Endpoints that are paused for failing, of which it was not noted that their owner was told, at
    /// most `limit`.
    fn untold_pauses(&self, limit: usize) -> Answer<'_, Vec<Endpoint>>;

    /// Replaces a delivery by its next round; whether the round before was the one kept.
    fn replace_delivery(&self, next: Delivery) -> Answer<'_, bool>;

    /// Deliveries to an endpoint, the newest event first, those before `before`, at most `limit`; in any
    /// state or in one.
    fn deliveries(
        &self,
        endpoint_id: String,
        state: Option<DeliveryState>,
        before: Option<String>,
        limit: usize,
    ) -> Answer<'_, Vec<Delivery>>;

    /// The delivery of an event to an endpoint.
    fn delivery(&self, endpoint_id: String, event_id: String) -> Answer<'_, Option<Delivery>>;

    /// Makes everything that is pending for an endpoint due at once; how much.
    fn hurry_deliveries(&self, endpoint_id: String, now: Timestamp) -> Answer<'_, usize>;

    /// Forgets deliveries of events before `before` that are not pending, at most `limit`; how many.
    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answer<'_, usize>;
}
