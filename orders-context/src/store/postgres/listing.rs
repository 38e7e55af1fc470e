//! Pages of orders.

use super::limit;
use super::rows::{get, json, text};
use crate::domain::Timestamp;
use crate::store::limit::Until;
use crate::store::listing::sql::{self, Value};
use crate::store::listing::{Dialect, Looked, Narrowest, Part, Question};
use crate::store::{Error, OrdersPage, OrdersQuery, Place};
use chassis::postgres::Client;

use std::borrow::Cow;
use std::collections::HashMap;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Row, Transaction};

/// Each page goes along an index or is one of few orders, and says so; but the planner judges by averages, and
/// for a large restaurant it would rather sort all its orders, or read whole tables. Here it may not.
pub const ALONG_INDEXES: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";

pub async fn count(client: &mut Client, query: &OrdersQuery, until: Until) -> Result<u64, Error> {
    let tx = client.build_transaction().read_only(true).start().await?;
    let counted = limit::told(count_until(&tx, query, until).await, until)?;
    tx.commit().await?;
    Ok(counted)
}

async fn count_until(
    tx: &Transaction<'_>,
    query: &OrdersQuery,
    until: Until,
) -> Result<u64, Error> {
    let question = Question(query, Dialect::Postgres);
    limit::set(tx, until).await?;
    let narrow = narrowest(tx, question).await?;
    limit::set(tx, until).await?;
    Ok(number(tx, &sql::count(question, narrow)).await?.unsigned_abs())
}

pub async fn matching(
    client: &Client,
    query: &OrdersQuery,
    order_ids: &[String],
) -> Result<HashMap<String, i64>, Error> {
    let client: &tokio_postgres::Client = client;
    let question = Question(query, Dialect::Postgres);
    let rows = run(client, &sql::matching(question, order_ids)).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

pub async fn orders(client: &mut Client, query: &OrdersQuery) -> Result<OrdersPage, Error> {
    let tx = client.build_transaction().read_only(true).start().await?;
    tx.batch_execute(ALONG_INDEXES).await?;
    let page = page(&tx, query).await?;
    tx.commit().await?;
    Ok(page)
}

async fn page(tx: &Transaction<'_>, query: &OrdersQuery) -> Result<OrdersPage, Error> {
    let question = Question(query, Dialect::Postgres);
    let looked = look(tx, &sql::page(question, None, sql::FIRST_LOOKED_AT)).await?;
    if looked.is_enough(query.limit) {
        return Ok(looked.page(query));
    }
    let narrow = narrowest(tx, question).await?;
    let looked = look(tx, &sql::page(question, narrow, sql::MOST_LOOKED_AT)).await?;
    Ok(looked.page(query))
}

async fn narrowest(
    client: &impl GenericClient,
    question: Question<'_>,
) -> Result<Option<Part>, Error> {
    let mut narrowest = Narrowest::default();
    for part in sql::may_be_narrow(question) {
        narrowest.consider(part, number(client, &sql::count_of(question, part)).await?);
    }
    Ok(narrowest.part())
}

async fn number(client: &impl GenericClient, statement: &sql::Statement) -> Result<i64, Error> {
    let rows = run(client, statement).await?;
    rows.first().map_or(Ok(0), |row| get(row, 0))
}

async fn look(tx: &Transaction<'_>, statement: &sql::Statement) -> Result<Looked, Error> {
    let mut looked = Looked::default();
    for row in run(tx, statement).await? {
        let place = Place { at: Timestamp(get(&row, 1)?), order_id: get(&row, 2)? };
        match get::<Option<&str>>(&row, 0)? {
            None => looked.end = Some(place),
            Some(_) => looked.add(json(&row, 0), place)?,
        }
    }
    Ok(looked)
}

/// Compiled each time: what is asked for seldom costs nothing afterwards.
async fn run(client: &impl GenericClient, statement: &sql::Statement) -> Result<Vec<Row>, Error> {
    let values: Vec<Sent<'_>> = statement.values.iter().map(Sent::from).collect();
    let values: Vec<_> = values.iter().map(Sent::typed).collect();
    Ok(client.query_typed(&statement.sql, &values).await?)
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
    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Number(number) => (number, Type::INT8),
            Self::Text(text) => (text, Type::TEXT),
        }
    }
}
