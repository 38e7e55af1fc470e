//! Tickets that were given out.

use super::Sqlite;
use crate::domain::Timestamp;
use crate::store::ticket::{Ticket, TicketStore};
use crate::store::{Answer, Error};
use rusqlite::{Connection, OptionalExtension, params};

impl TicketStore for Sqlite {
    fn keep_ticket(&self, ticket: Ticket) -> Answer<'_, ()> {
        self.write(move |conn| insert(conn, &ticket))
    }

    fn take_ticket(&self, digest: Vec<u8>) -> Answer<'_, Option<Ticket>> {
        // The writer is for orders: who shows none that there is does not come to it.
        let known = digest.clone();
        let looked_for = self.read(move |conn| is_there(conn, &known));
        Box::pin(async move {
            match looked_for.await? {
                true => self.write(move |conn| delete(conn, &digest)).await,
                false => Ok(None),
            }
        })
    }

    fn forget_tickets(&self, before: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.write(move |conn| delete_old(conn, before, limit))
    }
}

fn insert(conn: &mut Connection, ticket: &Ticket) -> Result<(), Error> {
    let Ticket { digest, restaurant_id, role, subject, good_until, listens_until } = ticket;
    conn.prepare_cached(
        "INSERT INTO feed_tickets (digest, restaurant_id, role, subject, good_until, listens_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![digest, restaurant_id, role, subject, good_until.0, listens_until.0])?;
    Ok(())
}

fn is_there(conn: &mut Connection, digest: &[u8]) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM feed_tickets WHERE digest = ?1")?;
    Ok(statement.exists([digest])?)
}

fn delete(conn: &mut Connection, digest: &[u8]) -> Result<Option<Ticket>, Error> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM feed_tickets WHERE digest = ?1
         RETURNING digest, restaurant_id, role, subject, good_until, listens_until",
    )?;
    let ticket = statement.query_row([digest], |row| {
        Ok(Ticket {
            digest: row.get(0)?,
            restaurant_id: row.get(1)?,
            role: row.get(2)?,
            subject: row.get(3)?,
            good_until: Timestamp(row.get(4)?),
            listens_until: Timestamp(row.get(5)?),
        })
    });
    Ok(ticket.optional()?)
}

fn delete_old(conn: &mut Connection, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM feed_tickets WHERE digest IN
             (SELECT digest FROM feed_tickets WHERE good_until <= ?1 LIMIT ?2)",
    )?;
    Ok(statement.execute(params![before.0, limit as i64])?)
}
