//! Erasures: rows of their own, and the deletion of what is personal. What is deleted leaves the
//! server's files when it vacuums.

use super::read::select;
use super::rows::{get, text};
use super::tombstones;
use crate::domain::Timestamp;
use crate::store::erasure::Looked;
use crate::store::{Erased, Erasure, Error, Person};
use chassis::postgres::Client;
use tokio_postgres::Row;

const COLUMNS: &str = "erasure_id, customer_id, email, requested_at, done_at, scanned, orders, \
    contacts, keys";

pub async fn insert(client: &Client, erasure: &Erasure) -> Result<(), Error> {
    let (customer_id, email) = match &erasure.person {
        Some(Person::Customer(id)) => (Some(text(id)), None),
        Some(Person::Mail(address)) => (None, Some(text(address))),
        None => (None, None),
    };
    let sql = "INSERT INTO erasures (erasure_id, customer_id, email, requested_at)
        VALUES ($1, $2, $3, $4) ON CONFLICT (erasure_id) DO NOTHING";
    let id = text(&erasure.erasure_id);
    select(client, sql, &[&id, &customer_id, &email, &erasure.requested_at.0]).await?;
    Ok(())
}

pub async fn find(client: &Client, erasure_id: &str) -> Result<Option<Erasure>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE erasure_id = $1");
    let rows = select(client, &sql, &[&text(erasure_id)]).await?;
    rows.first().map(erasure).transpose()
}

pub async fn open(client: &Client, limit: usize) -> Result<Vec<Erasure>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM erasures WHERE done_at IS NULL ORDER BY requested_at LIMIT $1"
    );
    let rows = select(client, &sql, &[&(limit as i64)]).await?;
    rows.iter().map(erasure).collect()
}

/// What is erased and its count go in one statement, and so in one transaction. Instances of earlier
/// versions leave the customer in the state alone. A customer's keys stand together; what follows a
/// space is '!'.
const ERASE: &str = "WITH theirs AS (
        SELECT * FROM unnest($1::text[], $2::text[]) AS theirs (order_id, customer_id)),
    gone AS (DELETE FROM contacts USING theirs
        WHERE contacts.order_id = theirs.order_id RETURNING 1),
    unlocked AS (DELETE FROM idempotency USING theirs
        WHERE key >= 'POST /v1/orders ' || customer_id || ' '
            AND key < 'POST /v1/orders ' || customer_id || '!'
            AND idempotency.order_id = theirs.order_id RETURNING 1)
    UPDATE erasures SET scanned = scanned + $3, orders = orders + (SELECT count(*) FROM theirs),
        contacts = contacts + (SELECT count(*) FROM gone),
        keys = keys + (SELECT count(*) FROM unlocked)
    WHERE erasure_id = $4";

pub async fn erase_portion(
    client: &Client,
    erasure: &Erasure,
    after: &str,
    limit: usize,
) -> Result<Option<String>, Error> {
    let Some(person) = &erasure.person else { return Ok(None) };
    let looked = portion(client, after, limit).await?;
    let (scanned, last) = (looked.len() as i64, looked.last().map(|last| last.order_id.clone()));
    let theirs = looked.into_iter().map(|looked| looked.theirs(person));
    let theirs: Vec<_> = theirs.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let order_ids: Vec<_> = theirs.iter().map(|order| order.order_id.clone()).collect();
    // First: what of this is done again after a crash finds them buried.
    tombstones::bury(client, &order_ids, erasure.requested_at).await?;
    let customer_ids: Vec<_> = theirs.iter().map(|order| order.customer_id.as_str()).collect();
    let id = text(&erasure.erasure_id);
    select(client, ERASE, &[&order_ids, &customer_ids, &scanned, &id]).await?;
    Ok(last)
}

/// The next contacts, in the order of their ids.
async fn portion(client: &Client, after: &str, limit: usize) -> Result<Vec<Looked>, Error> {
    let sql = "SELECT contacts.order_id, email,
             coalesce(customer_id, state::jsonb ->> 'customer_id'), data
         FROM contacts LEFT JOIN orders USING (order_id) LEFT JOIN archive USING (order_id)
         WHERE contacts.order_id > $1 ORDER BY contacts.order_id LIMIT $2";
    let rows = select(client, sql, &[&text(after), &(limit as i64)]).await?;
    let looked = rows.iter().map(|row| {
        Ok(Looked {
            order_id: get(row, 0)?,
            email: get(row, 1)?,
            customer_id: get(row, 2)?,
            archived: get(row, 3)?,
        })
    });
    looked.collect()
}

pub async fn close(client: &Client, erasure_id: &str, at: Timestamp) -> Result<(), Error> {
    let sql = "WITH of_restaurants AS (
            UPDATE restaurants SET data = (data::jsonb - 'mail')::text
            WHERE lower(data::jsonb ->> 'mail') =
                (SELECT lower(email) FROM erasures WHERE erasure_id = $1) RETURNING 1)
        UPDATE erasures SET done_at = $2, customer_id = NULL, email = NULL,
            contacts = contacts + (SELECT count(*) FROM of_restaurants)
        WHERE erasure_id = $1";
    select(client, sql, &[&text(erasure_id), &at.0]).await?;
    Ok(())
}

fn erasure(row: &Row) -> Result<Erasure, Error> {
    let (customer_id, email): (Option<String>, Option<String>) = (get(row, 1)?, get(row, 2)?);
    let done_at: Option<i64> = get(row, 4)?;
    Ok(Erasure {
        erasure_id: get(row, 0)?,
        person: customer_id.map(Person::Customer).or(email.map(Person::Mail)),
        requested_at: Timestamp(get(row, 3)?),
        done_at: done_at.map(Timestamp),
        erased: Erased {
            scanned: get(row, 5)?,
            orders: get(row, 6)?,
            contacts: get(row, 7)?,
            keys: get(row, 8)?,
        },
    })
}
