//! Erasures: rows of their own, and the deletion of what is personal. What is deleted leaves the
//! server's files when it vacuums.

use super::read::select;
use super::rows::{get, text};
use super::tombstones;
use crate::domain::{Order, Timestamp};
use crate::store::erasure::{Looked, Sighted};
use crate::store::{Erased, Erasure, Error, Pass, Person};
use chassis::postgres::Client;
use std::collections::HashMap;
use tokio_postgres::{IsolationLevel, Row, Transaction};

const COLUMNS: &str = "erasure_id, customer_id, email, requested_at, done_at, scanned, unreadable, \
    orders, contacts, keys";

pub async fn insert(client: &Client, erasure: &Erasure) -> Result<(), Error> {
    let (customer_id, email) = match &erasure.person {
        Some(Person::Customer(id)) => (Some(text(id)), None),
        Some(Person::Mail(address)) => (None, Some(text(address))),
        None => (None, None),
    };
    let sql = "INSERT INTO erasures (erasure_id, customer_id, email, requested_at, next_attempt_at)
        VALUES ($1, $2, $3, $4, $4) ON CONFLICT (erasure_id) DO NOTHING";
    let id = text(&erasure.erasure_id);
    select(client, sql, &[&id, &customer_id, &email, &erasure.requested_at.0]).await?;
    Ok(())
}

pub async fn find(client: &Client, erasure_id: &str) -> Result<Option<Erasure>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM erasures WHERE erasure_id = $1");
    let rows = select(client, &sql, &[&text(erasure_id)]).await?;
    rows.first().map(erasure).transpose()
}

pub async fn open(client: &Client, now: Timestamp, limit: usize) -> Result<Vec<Erasure>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM erasures WHERE done_at IS NULL AND next_attempt_at <= $1
         ORDER BY next_attempt_at LIMIT $2"
    );
    let rows = select(client, &sql, &[&now.0, &(limit as i64)]).await?;
    rows.iter().map(erasure).collect()
}

/// Instances of earlier versions leave the customer in the state alone.
const CONTACTS: &str = "SELECT contacts.order_id, email, customer_id,
        CASE WHEN customer_id IS NULL THEN state END
    FROM contacts LEFT JOIN orders USING (order_id)
    WHERE contacts.order_id > $1 ORDER BY contacts.order_id LIMIT $2";

/// Looks at the next contacts, in the order of their ids, and behind the last of them at restaurants,
/// all as of one moment.
pub async fn look(
    client: &mut Client,
    erasure: &Erasure,
    after: &str,
    limit: usize,
) -> Result<Sighted, Error> {
    let mut sighted = Sighted::default();
    let Some(person) = &erasure.person else { return Ok(sighted) };
    let tx = client.build_transaction().read_only(true);
    let tx = tx.isolation_level(IsolationLevel::RepeatableRead).start().await?;
    let mut theirs = Vec::new();
    for row in tx.query(CONTACTS, &[&text(after), &(limit as i64)]).await? {
        let looked = looked(&row)?;
        sighted.looked_at.scanned += 1;
        sighted.looked_at.last = Some(looked.order_id.clone());
        if looked.may_be_of(person) {
            theirs.push(looked);
        }
    }
    let mut archived = archived(&tx, &theirs).await?;
    for looked in theirs {
        let archived = archived.remove(&looked.order_id);
        sighted.judge(looked, archived, person);
    }
    if let (None, Person::Mail(address)) = (&sighted.looked_at.last, person) {
        look_at_restaurants(&tx, address, limit, &mut sighted).await?;
    }
    tx.commit().await?;
    Ok(sighted)
}

fn looked(row: &Row) -> Result<Looked, Error> {
    let customer_id = match (get(row, 2)?, get::<Option<&str>>(row, 3)?) {
        (None, Some(state)) => serde_json::from_str(state)
            .map(|state: Order| Some(state.customer_id))
            .map_err(Error::from),
        (customer_id, _) => Ok(customer_id),
    };
    Ok(Looked { order_id: get(row, 0)?, email: get(row, 1), customer_id })
}

/// What compact history has of those orders of which it has to be asked.
async fn archived(
    tx: &Transaction<'_>,
    contacts: &[Looked],
) -> Result<HashMap<String, Vec<u8>>, Error> {
    let asked = contacts.iter().filter(|looked| looked.is_history());
    let asked: Vec<_> = asked.map(|looked| looked.order_id.as_str()).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = "SELECT order_id, data FROM archive WHERE order_id = ANY($1::text[])";
    let rows = tx.query(sql, &[&asked]).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

async fn look_at_restaurants(
    tx: &Transaction<'_>,
    address: &str,
    limit: usize,
    sighted: &mut Sighted,
) -> Result<(), Error> {
    let sql = "SELECT restaurant_id, data FROM restaurants WHERE restaurant_id > $1
        ORDER BY restaurant_id LIMIT $2";
    let mut after = String::new();
    loop {
        let rows = tx.query(sql, &[&after, &(limit as i64)]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = get(last, 0)?;
        for row in &rows {
            sighted.judge_restaurant(get(row, 0)?, get(row, 1), address);
        }
    }
}

/// What is erased and its count go in one statement, and so in one transaction. A customer's keys stand
/// together; what follows a space is '!'. No plan reads what a restaurant says of itself unless it is theirs:
/// another's may be damaged.
const ERASE: &str = "WITH theirs AS (
        SELECT * FROM unnest($1::text[], $2::text[]) AS theirs (order_id, customer_id)),
    gone AS (DELETE FROM contacts USING theirs
        WHERE contacts.order_id = theirs.order_id RETURNING 1),
    unlocked AS (DELETE FROM idempotency USING theirs
        WHERE key >= 'POST /v1/orders ' || customer_id || ' '
            AND key < 'POST /v1/orders ' || customer_id || '!'
            AND idempotency.order_id = theirs.order_id RETURNING 1),
    at_restaurants AS (
        SELECT * FROM unnest($3::text[], $4::text[]) AS at_restaurants (restaurant_id, mail)),
    of_restaurants AS (UPDATE restaurants SET data = (data::jsonb - 'mail')::text
        FROM at_restaurants WHERE restaurants.restaurant_id = at_restaurants.restaurant_id
            AND CASE WHEN restaurants.restaurant_id = at_restaurants.restaurant_id
                THEN data::jsonb ->> 'mail' = mail END RETURNING 1)
    UPDATE erasures SET orders = orders + (SELECT count(*) FROM gone),
        contacts = contacts + (SELECT count(*) FROM gone) + (SELECT count(*) FROM of_restaurants),
        keys = keys + (SELECT count(*) FROM unlocked)
    WHERE erasure_id = $5";

/// Of orders whose customer cannot be read: keys are not found by order, so this looks at all of them.
const UNLOCK: &str = "WITH unlocked AS (DELETE FROM idempotency WHERE order_id = ANY($1::text[])
        AND key >= 'POST /v1/orders ' AND key < 'POST /v1/orders!' RETURNING 1)
    UPDATE erasures SET keys = keys + (SELECT count(*) FROM unlocked) WHERE erasure_id = $2";

/// Erases what was found. Whose an order is never changes, so what was found is still theirs, or gone.
/// The contacts, by which orders are found, go last: what is done again after a crash finds the rest done.
pub async fn erase(client: &Client, erasure: &Erasure, sighted: &Sighted) -> Result<(), Error> {
    let Sighted { theirs, restaurants, .. } = sighted;
    let order_ids: Vec<_> = theirs.iter().map(|theirs| theirs.order_id.clone()).collect();
    tombstones::bury(client, &order_ids, erasure.requested_at).await?;
    let id = text(&erasure.erasure_id);
    let nameless = theirs.iter().filter(|theirs| theirs.customer_id.is_none());
    let nameless: Vec<_> = nameless.map(|theirs| theirs.order_id.as_str()).collect();
    if !nameless.is_empty() {
        select(client, UNLOCK, &[&nameless, &id]).await?;
    }
    let customer_ids: Vec<_> = theirs.iter().map(|theirs| theirs.customer_id.as_deref()).collect();
    let places: Vec<_> = restaurants.iter().map(|place| place.restaurant_id.as_str()).collect();
    let mails: Vec<_> = restaurants.iter().map(|place| place.mail.as_str()).collect();
    select(client, ERASE, &[&order_ids, &customer_ids, &places, &mails, &id]).await?;
    Ok(())
}

pub async fn end_pass(
    client: &Client,
    erasure_id: &str,
    pass: Pass,
    next_attempt_at: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE erasures SET scanned = $2, unreadable = $3, next_attempt_at = $4
        WHERE erasure_id = $1 AND done_at IS NULL";
    let id = text(erasure_id);
    select(client, sql, &[&id, &pass.scanned, &pass.unreadable, &next_attempt_at.0]).await?;
    Ok(())
}

pub async fn close(client: &Client, erasure_ids: &[String], at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE erasures SET done_at = $2, customer_id = NULL, email = NULL
        WHERE erasure_id = ANY($1::text[]) AND done_at IS NULL";
    select(client, sql, &[&erasure_ids, &at.0]).await?;
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
        pass: Pass { scanned: get(row, 5)?, unreadable: get(row, 6)? },
        erased: Erased { orders: get(row, 7)?, contacts: get(row, 8)?, keys: get(row, 9)? },
    })
}
