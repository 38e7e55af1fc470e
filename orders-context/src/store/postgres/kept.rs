//! Everything that is kept of an order, for checks.

use super::read::select;
use super::rows::{JOURNAL, TASK, get, journal_row, json, task, text, word};
use crate::domain::{Status, Timestamp};
use crate::store::archive::unpack;
use crate::store::{Error, Kept, KeptRow};
use chassis::postgres::Client;
use tokio_postgres::Row;

/// Each part has the limit, so that no index is read further.
pub async fn known_ids(client: &Client, after: &str, limit: usize) -> Result<Vec<String>, Error> {
    let sql = "SELECT order_id FROM (
             (SELECT order_id FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2)
             UNION
             (SELECT DISTINCT order_id FROM journal WHERE order_id > $1 ORDER BY order_id LIMIT $2)
             UNION
             (SELECT order_id FROM archive WHERE order_id > $1 ORDER BY order_id LIMIT $2)
         ) AS known ORDER BY order_id LIMIT $2";
    let rows = select(client, sql, &[&text(after), &(limit as i64)]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Rows and journals in one statement, so that they are of the same moment.
pub async fn kept(client: &Client, order_ids: &[String]) -> Result<Vec<Kept>, Error> {
    let sql = format!(
        "SELECT events.*, place, version, orders.status, orders.restaurant_id, orders.customer_id,
             placed_at, since, deadline, wake_at, state,
             archive.data, orders.flow_version
         FROM unnest($1::text[]) WITH ORDINALITY AS asked (asked_id, place)
             LEFT JOIN orders ON orders.order_id = asked_id
             LEFT JOIN archive ON archive.order_id = asked_id
             LEFT JOIN (SELECT {JOURNAL} FROM journal) AS events ON events.order_id = asked_id
         ORDER BY place, sequence"
    );
    let asked: Vec<_> = order_ids.iter().map(|id| text(id)).collect();
    let rows = select(client, &sql, &[&asked]).await?;
    let of_one = rows.chunk_by(|one, other| place(one).ok() == place(other).ok());
    let each = order_ids.iter().zip(of_one);
    let mut kept: Vec<Kept> =
        each.map(|(order_id, rows)| kept_of(order_id, rows)).collect::<Result<_, _>>()?;
    let sql = format!("SELECT {TASK} FROM tasks WHERE order_id = ANY($1::text[])");
    for row in &select(client, &sql, &[&asked]).await? {
        let order_id: &str = get(row, 0)?;
        let of_order = kept.iter_mut().find(|kept| kept.order_id == order_id);
        if let (Some(kept), Err(Error::Corrupt(cause))) = (of_order, task(row)) {
            kept.unreadable.push(format!("a task: {cause}"));
        }
    }
    Ok(kept)
}

fn place(row: &Row) -> Result<i64, Error> {
    get(row, 15)
}

fn kept_of(order_id: &str, rows: &[Row]) -> Result<Kept, Error> {
    let mut kept = Kept { order_id: order_id.to_owned(), ..Kept::default() };
    for (number, row) in rows.iter().enumerate() {
        if number == 0 && get::<Option<i64>>(row, 16)?.is_some() {
            kept.row = readable(kept_row(row), "the row", &mut kept.unreadable)?;
        }
        if get::<Option<i64>>(row, 0)?.is_some() {
            kept.journal.extend(readable(journal_row(row), "an event", &mut kept.unreadable)?);
        }
    }
    if kept.row.is_none() && kept.journal.is_empty() && kept.unreadable.is_empty() {
        return kept_in_archive(kept, rows.first());
    }
    Ok(kept)
}

fn kept_in_archive(mut kept: Kept, row: Option<&Row>) -> Result<Kept, Error> {
    let Some(data) = row.map(|row| get(row, 25)).transpose()?.flatten() else { return Ok(kept) };
    match unpack(data) {
        Ok(whole) => Ok(whole.kept()),
        Err(Error::Corrupt(cause)) => {
            kept.unreadable.push(format!("its archive: {cause}"));
            Ok(kept)
        }
        Err(error) => Err(error),
    }
}

fn readable<T>(
    read: Result<T, Error>,
    name: &str,
    unreadable: &mut Vec<String>,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Corrupt(cause)) => {
            unreadable.push(format!("{name}: {cause}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn kept_row(row: &Row) -> Result<KeptRow, Error> {
    let moment = |at| Ok::<_, Error>(get::<Option<i64>>(row, at)?.map(Timestamp));
    Ok(KeptRow {
        version: get(row, 16)?,
        status: word(row, 17, Status::from_word)?,
        restaurant_id: get(row, 18)?,
        customer_id: get(row, 19)?,
        placed_at: Timestamp(get(row, 20)?),
        since: moment(21)?,
        deadline: moment(22)?,
        wake_at: moment(23)?,
        order: json(row, 24)?,
        flow_version: get(row, 26)?,
    })
}
