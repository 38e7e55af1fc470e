//! What never fails: endpoints, feeds, presences and tickets are passed on as they are asked for.

use super::Faulty;
use orders_context::domain::{Endpoint, Timestamp};
use orders_context::store::feed::{FeedStore, Stretch};
use orders_context::store::presence::{Attendance, Connected, PresenceStore};
use orders_context::store::ticket::{Ticket, TicketStore};
use orders_context::store::{Added, Answer, Endpoints, JournalRow, NewEndpoint};

impl Endpoints for Faulty {
    fn add_endpoint(&self, new: NewEndpoint, most: usize) -> Answer<'_, Added> {
        self.inner.add_endpoint(new, most)
    }

    fn endpoints(&self, restaurant_id: String) -> Answer<'_, Vec<Endpoint>> {
        self.inner.endpoints(restaurant_id)
    }

    fn replace_endpoint(&self, next: Endpoint) -> Answer<'_, bool> {
        self.inner.replace_endpoint(next)
    }

    fn remove_endpoint(&self, restaurant_id: String, endpoint_id: String) -> Answer<'_, bool> {
        self.inner.remove_endpoint(restaurant_id, endpoint_id)
    }
}

impl FeedStore for Faulty {
    fn settled_end(&self) -> Answer<'_, i64> {
        self.inner.settled_end()
    }

    fn stretch(&self, stretch: Stretch) -> Answer<'_, Option<Vec<JournalRow>>> {
        self.inner.stretch(stretch)
    }
}

impl PresenceStore for Faulty {
    fn note_attendance(&self, attendance: Attendance) -> Answer<'_, ()> {
        self.inner.note_attendance(attendance)
    }

    fn connections(&self, restaurant_id: String) -> Answer<'_, Vec<Connected>> {
        self.inner.connections(restaurant_id)
    }

    fn forget_connections(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.inner.forget_connections(before, limit)
    }
}

impl TicketStore for Faulty {
    fn keep_ticket(&self, ticket: Ticket) -> Answer<'_, ()> {
        self.inner.keep_ticket(ticket)
    }

    fn take_ticket(&self, digest: Vec<u8>) -> Answer<'_, Option<Ticket>> {
        self.inner.take_ticket(digest)
    }

    fn forget_tickets(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.inner.forget_tickets(before, limit)
    }
}
