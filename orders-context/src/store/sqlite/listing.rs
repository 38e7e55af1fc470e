//! Pages of orders.

use super::rows::json;
use crate::domain::Timestamp;
use crate::store::listing::sql::{self, Value};
use crate::store::{Error, OrdersFilter, OrdersPage, OrdersQuery, Place};
use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, ToSql};

pub fn count(conn: &mut Connection, filter: OrdersFilter, now: Timestamp) -> Result<u64, Error> {
    let mut statement = prepared(conn, sql::count(filter, now))?;
    let mut rows = statement.raw_query();
    let count: i64 = rows.next()?.map(|row| row.get(0)).transpose()?.unwrap_or(0);
    Ok(count.unsigned_abs())
}

fn prepared(
    conn: &mut Connection,
    sql::Statement { sql, values }: sql::Statement,
) -> Result<CachedStatement<'_>, Error> {
    let mut statement = conn.prepare_cached(&sql)?;
    for (at, value) in values.iter().enumerate() {
        if let Some(index) = statement.parameter_index(&format!("${}", at + 1))? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(statement)
}

pub fn orders(conn: &mut Connection, query: &OrdersQuery) -> Result<OrdersPage, Error> {
    let mut statement = prepared(conn, sql::page(query))?;
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let place = Place { at: Timestamp(row.get(1)?), order_id: row.get(2)? };
        found.push((json(row, 0)?, place));
    }
    Ok(OrdersPage::cut(found, query.limit))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}
