//! Pages of orders.

use super::rows::json;
use crate::domain::Timestamp;
use crate::store::listing::sql::{self, Value};
use crate::store::{Error, OrdersPage, OrdersQuery, Place};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ToSql};

pub fn orders(conn: &mut Connection, query: &OrdersQuery) -> Result<OrdersPage, Error> {
    let sql::Statement { sql, values } = sql::page(query);
    let mut statement = conn.prepare_cached(&sql)?;
    for (at, value) in values.iter().enumerate() {
        if let Some(index) = statement.parameter_index(&format!("${}", at + 1))? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
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
