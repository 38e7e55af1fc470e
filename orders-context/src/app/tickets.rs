//! Tickets for those who cannot show a token where they listen, such as a browser's `EventSource`: good
//! for one stream, and for half a minute.

use super::{App, Failure};
use crate::domain::Timestamp;
use crate::store::ticket::Ticket;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How many tickets are looked for at once.
pub(super) const AT_ONCE: usize = 2;

/// How long a ticket is good, in milliseconds.
const GOOD_FOR_MS: i64 = 30_000;

/// Whom a ticket stands for, and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketHolder {
    /// Whose orders they may follow.
    pub restaurant_id: String,
    /// In what capacity.
    pub role: String,
    /// Who they are among those.
    pub subject: String,
    /// Until when.
    pub until: Timestamp,
}

impl App {
    /// A ticket that stands for `holder` once, before the moment beside it. What it says is kept nowhere.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn issue_ticket(&self, holder: TicketHolder) -> Result<(String, Timestamp), Failure> {
        let text = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let TicketHolder { restaurant_id, role, subject, until: listens_until } = holder;
        let (digest, good_until) = (digest(&text), self.now().plus_ms(GOOD_FOR_MS));
        let ticket = Ticket { digest, restaurant_id, role, subject, good_until, listens_until };
        self.store.keep_ticket(ticket).await?;
        Ok((text, good_until))
    }

    /// Whom a ticket stands for, if it is good; from now on it is no more.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn take_ticket(&self, text: &str) -> Result<Option<TicketHolder>, Failure> {
        // Strangers may ask: they wait for each other, and not orders for them.
        let _room = self.taking_tickets.acquire().await.map_err(|_| Failure::stopping())?;
        let ticket = self.store.take_ticket(digest(text)).await?;
        let good = ticket.filter(|ticket| self.now() < ticket.good_until);
        Ok(good.map(|ticket| TicketHolder {
            restaurant_id: ticket.restaurant_id,
            role: ticket.role,
            subject: ticket.subject,
            until: ticket.listens_until,
        }))
    }

    /// Forgets tickets that nobody has taken in time, at most `limit`; how many.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn forget_tickets(&self, limit: usize) -> Result<usize, Failure> {
        Ok(self.store.forget_tickets(self.now(), limit).await?)
    }
}

fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}
