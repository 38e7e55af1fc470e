//! Tickets that let somebody follow a restaurant once, as a store keeps them: what they hash to, never
//! what they say.

use super::Answer;
use crate::domain::Timestamp;

/// A ticket that was given out and not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// SHA-256 of what it says.
    pub digest: Vec<u8>,
    /// Whose orders may be followed.
    pub restaurant_id: String,
    /// In what capacity its holder asked for it.
    pub role: String,
    /// Who that is: an opaque id.
    pub subject: String,
    /// It is good before this moment.
    pub good_until: Timestamp,
    /// Until when its holder may follow.
    pub listens_until: Timestamp,
}

/// Keeps tickets.
pub trait TicketStore {
    /// Keeps a ticket; any instance may take it once this returns.
    fn keep_ticket(&self, ticket: Ticket) -> Answer<'_, ()>;

    /// Takes the ticket with this digest: of all who ever ask for it, one gets it.
    fn take_ticket(&self, digest: Vec<u8>) -> Answer<'_, Option<Ticket>>;

    /// Forgets tickets that were good until `before`, or not so long, at most `limit`; how many.
    fn forget_tickets(&self, before: Timestamp, limit: usize) -> Answer<'_, usize>;
}
