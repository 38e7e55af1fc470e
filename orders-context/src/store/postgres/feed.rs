//! What the feeds of restaurants ask.

use super::read::select;
use super::rows::{JOURNAL, get, journal_row, text};
use super::{Postgres, ask, journal};
use crate::store::feed::{FeedStore, MOST_ORDERS, Stretch};
use crate::store::{Answer, Error, JournalRow};
use chassis::postgres::Client;

impl FeedStore for Postgres {
    fn settled_end(&self) -> Answer<'_, i64> {
        Box::pin(ask(&self.readers, settled_end))
    }

    fn stretch(&self, stretch: Stretch) -> Answer<'_, Option<Vec<JournalRow>>> {
        Box::pin(ask(&self.readers, async move |client| read_stretch(client, &stretch).await))
    }
}

/// Below the horizon, whether a row is there or not.
async fn settled_end(client: &Client) -> Result<i64, Error> {
    let rows = select(client, &format!("SELECT {} - 1", journal::HORIZON), &[]).await?;
    rows.first().map_or(Ok(0), |row| get(row, 0))
}

/// What went to compact history is asked last: what it says then was true of the rows before.
async fn read_stretch(
    client: &Client,
    stretch: &Stretch,
) -> Result<Option<Vec<JournalRow>>, Error> {
    let Stretch { restaurant_id, after, up_to, most } = stretch;
    if has_too_many_orders(client, restaurant_id).await? {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {JOURNAL} FROM journal WHERE position > $2 AND position <= $3 AND order_id =
             ANY(ARRAY(SELECT order_id FROM orders WHERE restaurant_id = $1))
         ORDER BY position LIMIT $4"
    );
    let one_more = *most as i64 + 1;
    let rows = select(client, &sql, &[&text(restaurant_id), after, up_to, &one_more]).await?;
    let rows = rows.iter().map(journal_row).collect::<Result<Vec<_>, _>>()?;
    let is_whole = rows.len() <= *most && archived(client).await? <= *after;
    Ok(is_whole.then_some(rows))
}

async fn has_too_many_orders(client: &Client, restaurant_id: &str) -> Result<bool, Error> {
    let sql =
        "SELECT count(*) FROM (SELECT FROM orders WHERE restaurant_id = $1 LIMIT $2) AS theirs";
    let one_more = MOST_ORDERS as i64 + 1;
    let rows = select(client, sql, &[&text(restaurant_id), &one_more]).await?;
    let orders: i64 = rows.first().map_or(Ok(0), |row| get(row, 0))?;
    Ok(orders == one_more)
}

/// The last position that went to compact history.
async fn archived(client: &Client) -> Result<i64, Error> {
    let rows = select(client, "SELECT archived FROM journal_base", &[]).await?;
    rows.first().map_or(Ok(0), |row| get(row, 0))
}
