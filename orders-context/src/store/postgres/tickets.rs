//! Tickets that were given out.

use super::read::select;
use super::rows::{get, text};
use super::{Postgres, ask};
use crate::domain::Timestamp;
use crate::store::ticket::{Ticket, TicketStore};
use crate::store::{Answer, Error};
use chassis::postgres::Client;
use tokio_postgres::Row;

impl TicketStore for Postgres {
    fn keep_ticket(&self, ticket: Ticket) -> Answer<'_, ()> {
        Box::pin(ask(&self.readers, async move |client| insert(client, &ticket).await))
    }

    fn take_ticket(&self, digest: Vec<u8>) -> Answer<'_, Option<Ticket>> {
        Box::pin(ask(&self.readers, async move |client| delete(client, &digest).await))
    }

    fn forget_tickets(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        Box::pin(ask(&self.loops, async move |client| delete_old(client, before, limit).await))
    }
}

async fn insert(client: &Client, ticket: &Ticket) -> Result<(), Error> {
    let Ticket { digest, restaurant_id, role, subject, good_until, listens_until } = ticket;
    let sql =
        "INSERT INTO feed_tickets (digest, restaurant_id, role, subject, good_until, listens_until)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let (restaurant_id, subject) = (text(restaurant_id), text(subject));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [digest, &restaurant_id, role, &subject, &good_until.0, &listens_until.0];
    select(client, sql, &values).await.map(drop)
}

/// Who comes second finds the row locked, and then gone.
async fn delete(client: &Client, digest: &[u8]) -> Result<Option<Ticket>, Error> {
    let sql = "DELETE FROM feed_tickets WHERE digest = $1
         RETURNING digest, restaurant_id, role, subject, good_until, listens_until";
    let taken = select(client, sql, &[&digest]).await?;
    taken.first().map(ticket).transpose()
}

fn ticket(row: &Row) -> Result<Ticket, Error> {
    Ok(Ticket {
        digest: get(row, 0)?,
        restaurant_id: get(row, 1)?,
        role: get(row, 2)?,
        subject: get(row, 3)?,
        good_until: Timestamp(get(row, 4)?),
        listens_until: Timestamp(get(row, 5)?),
    })
}

async fn delete_old(client: &Client, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let sql = "DELETE FROM feed_tickets WHERE digest IN
             (SELECT digest FROM feed_tickets WHERE good_until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING 1";
    Ok(select(client, sql, &[&before.0, &(limit as i64)]).await?.len())
}
