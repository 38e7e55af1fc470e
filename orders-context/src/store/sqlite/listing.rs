//! Pages of orders.

use super::rows::json;
use crate::domain::Timestamp;
use crate::store::listing::sql::{self, Value};
use crate::store::listing::{Dialect, Looked, Narrowest, Part, Question};
use crate::store::{Error, OrdersPage, OrdersQuery, Place};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};
use std::collections::HashMap;

pub fn count(conn: &mut Connection, query: &OrdersQuery) -> Result<u64, Error> {
    let question = Question(query, Dialect::Sqlite);
    let narrow = narrowest(conn, question)?;
    Ok(number(conn, sql::count(question, narrow))?.unsigned_abs())
}

pub fn matching(
    conn: &mut Connection,
    query: &OrdersQuery,
    order_ids: &[String],
) -> Result<HashMap<String, i64>, Error> {
    let question = Question(query, Dialect::Sqlite);
    let mut statement = prepared(conn, sql::matching(question, order_ids))?;
    let (mut rows, mut matching) = (statement.raw_query(), HashMap::new());
    while let Some(row) = rows.next()? {
        matching.insert(row.get(0)?, row.get(1)?);
    }
    Ok(matching)
}

pub fn orders(conn: &mut Connection, query: &OrdersQuery) -> Result<OrdersPage, Error> {
    let question = Question(query, Dialect::Sqlite);
    let looked = look(conn, sql::page(question, None, sql::FIRST_LOOKED_AT))?;
    if looked.is_enough(query.limit) {
        return Ok(looked.page(query));
    }
    let narrow = narrowest(conn, question)?;
    Ok(look(conn, sql::page(question, narrow, sql::MOST_LOOKED_AT))?.page(query))
}

fn narrowest(conn: &mut Connection, question: Question<'_>) -> Result<Option<Part>, Error> {
    let mut narrowest = Narrowest::default();
    for part in sql::may_be_narrow(question) {
        narrowest.consider(part, number(conn, sql::count_of(question, part))?);
    }
    Ok(narrowest.part())
}

fn number(conn: &mut Connection, statement: sql::Statement) -> Result<i64, Error> {
    let mut statement = prepared(conn, statement)?;
    let mut rows = statement.raw_query();
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.unwrap_or(0))
}

fn look(conn: &mut Connection, statement: sql::Statement) -> Result<Looked, Error> {
    let mut statement = prepared(conn, statement)?;
    let mut looked = Looked::default();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let place = Place { at: Timestamp(row.get(1)?), order_id: row.get(2)? };
        match row.get_ref(0)? {
            ValueRef::Null => looked.end = Some(place),
            _ => looked.add(json(row, 0).map_err(Error::from), place)?,
        }
    }
    Ok(looked)
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

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}
