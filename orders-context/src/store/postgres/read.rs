//! Questions to the database.

use super::archive;
use super::rows::{TASK, get, json, task, text};
use crate::domain::{Order, Receiver, Restaurant, Timestamp};
use crate::store::archive::unpack;
use crate::store::damage::pass_over;
use crate::store::task::TELLS_CUSTOMER;
use crate::store::{Contact, Due, Error, Found, Loaded, Remembered, Task, Wanted};
use chassis::postgres::Client;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

type Value<'a> = &'a (dyn ToSql + Sync);

pub async fn select(client: &Client, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}

async fn select_one(
    client: &Client,
    sql: &str,
    values: &[Value<'_>],
) -> Result<Option<Row>, Error> {
    Ok(select(client, sql, values).await?.pop())
}

pub async fn load(client: &Client, wanted: &Wanted) -> Result<Loaded, Error> {
    let orders = client
        .prepare_cached("SELECT order_id, state FROM orders WHERE order_id = ANY($1::text[])");
    let remembered = client.prepare_cached(
        "SELECT key, request_hash, order_id, at FROM idempotency WHERE key = ANY($1::text[])",
    );
    let (orders, remembered) = (orders.await?, remembered.await?);
    let order_ids: Vec<_> = order_ids_of(wanted).collect();
    let keys: Vec<_> = wanted.idempotency_keys.iter().map(|key| text(key)).collect();
    // Both are sent before either is answered.
    let (order_ids, keys): ([Value<'_>; 1], [Value<'_>; 1]) = ([&order_ids], [&keys]);
    let (orders, remembered) =
        tokio::join!(client.query(&orders, &order_ids), client.query(&remembered, &keys));
    let mut loaded = Loaded::default();
    for row in orders? {
        take_order(&mut loaded, get(&row, 0)?, json(&row, 1))?;
    }
    for row in remembered? {
        let remembered = Remembered {
            key: get(&row, 0)?,
            request_hash: get(&row, 1)?,
            order_id: get(&row, 2)?,
            at: Timestamp(get(&row, 3)?),
        };
        loaded.remembered.insert(remembered.key.clone(), remembered);
    }
    let is_missing = |id: &Cow<'_, str>| {
        !loaded.orders.contains_key(&**id) && !loaded.unreadable.contains_key(&**id)
    };
    let missing = order_ids_of(wanted).filter(is_missing).collect();
    load_archived(client, missing, &mut loaded).await?;
    Ok(loaded)
}

/// Both places as of one moment: an order may be on its way from one to the other.
async fn load_archived(
    client: &Client,
    missing: Vec<Cow<'_, str>>,
    loaded: &mut Loaded,
) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let sql = "SELECT order_id, state, NULL FROM orders WHERE order_id = ANY($1::text[])
         UNION ALL SELECT order_id, NULL, data FROM archive WHERE order_id = ANY($1::text[])";
    for row in select(client, sql, &[&missing]).await? {
        let order = match get(&row, 2)? {
            Some(data) => unpack(data).and_then(|whole| whole.readable_order()),
            None => json(&row, 1),
        };
        take_order(loaded, get(&row, 0)?, order)?;
    }
    Ok(())
}

/// One that cannot be understood is told of, and spoils nothing for the others.
fn take_order(
    loaded: &mut Loaded,
    order_id: String,
    order: Result<Order, Error>,
) -> Result<(), Error> {
    match order {
        Ok(order) => drop(loaded.orders.insert(order_id, Arc::new(order))),
        Err(Error::Corrupt(cause)) => drop(loaded.unreadable.insert(order_id, cause.to_string())),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn order_ids_of(wanted: &Wanted) -> impl Iterator<Item = Cow<'_, str>> {
    wanted.order_ids.iter().map(|id| text(id))
}

pub async fn restaurant(client: &Client, id: &str) -> Result<Option<Restaurant>, Error> {
    let sql = "SELECT data FROM restaurants WHERE restaurant_id = $1";
    let row = select_one(client, sql, &[&text(id)]).await?;
    row.map(|row| json(&row, 0)).transpose()
}

/// An order may be on its way to compact history or back while it is asked for: then it is met in
/// the other place, at the latest when both are asked again.
pub async fn order(client: &Client, order_id: &str) -> Result<Option<Found>, Error> {
    for _ in 0..2 {
        if let Some(found) = living_order(client, order_id).await? {
            return Ok(Some(found));
        }
        if let Some(whole) = archive::find(client, order_id).await? {
            return Ok(Some(Found { order: whole.order()?, tasks: whole.tasks()? }));
        }
    }
    Ok(None)
}

/// In one statement, so that order and tasks are of the same moment.
async fn living_order(client: &Client, order_id: &str) -> Result<Option<Found>, Error> {
    let sql = format!(
        "SELECT {TASK}, state_of_order FROM
             (SELECT order_id, state AS state_of_order FROM orders WHERE order_id = $1) AS orders
             LEFT JOIN tasks USING (order_id)
         ORDER BY sequence"
    );
    let rows = select(client, &sql, &[&text(order_id)]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let order = json(first, 10)?;
    let has_tasks = get::<Option<i64>>(first, 1)?.is_some();
    let tasks = rows.iter().filter(|_| has_tasks).map(task).collect::<Result<_, _>>()?;
    Ok(Some(Found { order, tasks }))
}

pub async fn contact(client: &Client, order_id: &str) -> Result<Option<Contact>, Error> {
    let sql = "SELECT name, email, note, remark FROM contacts WHERE order_id = $1";
    let row = select_one(client, sql, &[&text(order_id)]).await?;
    let contact = |row: &Row| {
        Ok(Contact {
            name: get(row, 0)?,
            email: get(row, 1)?,
            note: get(row, 2)?,
            remark: get(row, 3)?,
        })
    };
    row.as_ref().map(contact).transpose()
}

pub async fn due_orders(
    client: &Client,
    now: Timestamp,
    after: Option<&Due>,
    limit: usize,
) -> Result<Vec<Due>, Error> {
    let sql = "SELECT wake_at, order_id, state FROM orders
         WHERE wake_at IS NOT NULL AND wake_at <= $1 AND (wake_at, order_id) > ($2, $3)
         ORDER BY wake_at, order_id LIMIT $4";
    let (since, order_id) =
        after.map_or((i64::MIN, ""), |due| (due.wake_at.0, due.order_id.as_str()));
    let rows = select(client, sql, &[&now.0, &since, &order_id, &(limit as i64)]).await?;
    let due = |row| {
        let order = json(row, 2).ok().map(Arc::new);
        Ok(Due { wake_at: Timestamp(get(row, 0)?), order_id: get(row, 1)?, order })
    };
    rows.iter().map(due).collect()
}

pub async fn next_wake_at(client: &Client) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT min(wake_at) FROM orders WHERE wake_at IS NOT NULL";
    let row = select_one(client, sql, &[]).await?;
    let at: Option<i64> = row.map(|row| get(&row, 0)).transpose()?.flatten();
    Ok(at.map(Timestamp))
}

pub async fn open_tasks(
    client: &Client,
    to: Receiver,
    due: RangeInclusive<Timestamp>,
    limit: usize,
) -> Result<Vec<(String, Task)>, Error> {
    let sql = format!(
        "SELECT {TASK},
            coalesce((SELECT restaurant_id FROM orders WHERE orders.order_id = tasks.order_id), '')
         FROM tasks
         WHERE state = 'open' AND {TELLS_CUSTOMER} = $1 AND next_attempt_at BETWEEN $2 AND $3
         ORDER BY next_attempt_at LIMIT $4 OFFSET $5"
    );
    let tells_customer = to == Receiver::Customer;
    let (from, by, most, mut behind) = (due.start().0, due.end().0, limit as i64, 0);
    let mut found = Vec::new();
    // Read on until there are enough: those that are passed over take nobody's place.
    loop {
        let page: [Value<'_>; 5] = [&tells_customer, &from, &by, &most, &behind];
        let rows = select(client, &sql, &page).await?;
        for row in &rows {
            let read = get(row, row.len() - 1).and_then(|of| Ok((of, task(row)?)));
            found.extend(pass_over("tasks", get(row, 0)?, read)?);
        }
        behind += rows.len() as i64;
        if rows.len() < limit || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}
