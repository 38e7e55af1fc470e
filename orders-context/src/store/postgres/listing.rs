//! Pages of orders.

use super::read::select;
use super::rows::{get, json, text};
use crate::domain::Timestamp;
use crate::store::listing::sql::{self, Value};
use crate::store::{Error, OrdersFilter, OrdersPage, OrdersQuery, Place};
use chassis::postgres::Client;
use std::borrow::Cow;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub async fn orders(client: &Client, query: &OrdersQuery) -> Result<OrdersPage, Error> {
    let mut found = Vec::new();
    for row in run(client, &sql::page(query)).await? {
        let place = Place { at: Timestamp(get(&row, 1)?), order_id: get(&row, 2)? };
        found.push((json(&row, 0)?, place));
    }
    Ok(OrdersPage::cut(found, query.limit))
}

pub async fn count(client: &Client, filter: OrdersFilter, now: Timestamp) -> Result<u64, Error> {
    let rows = run(client, &sql::count(filter, now)).await?;
    let count: i64 = rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or(0);
    Ok(count.unsigned_abs())
}

async fn run(client: &Client, statement: &sql::Statement) -> Result<Vec<Row>, Error> {
    let values: Vec<Sent<'_>> = statement.values.iter().map(Sent::from).collect();
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(Sent::as_sql).collect();
    select(client, &statement.sql, &values).await
}

/// A value as PostgreSQL can hold it.
enum Sent<'a> {
    Number(i64),
    Text(Cow<'a, str>),
}

impl<'a> From<&'a Value> for Sent<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(*number),
            Value::Text(plain) => Self::Text(text(plain)),
        }
    }
}

impl Sent<'_> {
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Number(number) => number,
            Self::Text(text) => text,
        }
    }
}
