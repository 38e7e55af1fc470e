//! Everything in the file, for another database; or everything of another, in a new file.
//!
//! While this goes on nobody else can open the file, and it does not begin while somebody has it open.

use super::feed::note_archived;
use super::{existing, late, migrated, schema};
use crate::store::copy::{
    COPIED, Count, In, JOURNAL, Out, PAGE, Page, Part, Value, compare, same_columns,
};
use anyhow::{bail, ensure};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;

/// Reads all of it. Blocks.
///
/// # Errors
/// There is no such file, its tables are not those of this version, somebody uses it, it cannot be read,
/// or nobody takes what is read.
pub fn read(path: &Path, out: &Out) -> anyhow::Result<()> {
    alone(existing(path)?, |tx| {
        let mut counts = Vec::new();
        for &table in COPIED {
            let columns = columns(tx, table)?;
            let rows = read_table(tx, table, &columns, out)?;
            counts.push(Count { table, rows });
        }
        ensure!(counts == count(tx)?, "the file changed while it was read");
        let positions = positions(tx)?;
        out.put_blocking(Part::End { positions, settled: positions, counts })
    })
}

/// Writes all that comes, which is durable once this returns. Blocks.
///
/// # Errors
/// The file has orders already or is another program's, and is as it was before; or somebody uses it, or
/// something went wrong on either side: there is nothing in it then.
pub fn write(path: &Path, mut parts: In) -> anyhow::Result<Vec<Count>> {
    if path.exists() {
        let conn = chassis::sqlite::open_reader(path)?;
        schema::TABLES.require_own(&conn)?;
        require_empty(&conn)?;
    }
    alone(migrated(path)?, |tx| {
        require_empty(tx)?;
        while let Some(part) = parts.blocking_recv() {
            match part {
                Part::Page(page) => write_page(tx, &page)?,
                Part::End { positions, settled, counts } => {
                    go_on_behind(tx, settled)?;
                    note_archived(tx, positions)?;
                    late::index(tx, 0)?;
                    let here = count(tx)?;
                    compare(&counts, &here)?;
                    return Ok(here);
                }
            }
        }
        bail!("not everything came: nothing was copied")
    })
}

/// Nothing is in the tables that there are, whichever version they have.
fn require_empty(conn: &Connection) -> anyhow::Result<()> {
    for table in COPIED {
        if !columns(conn, table)?.is_empty() {
            let Count { rows, .. } = count_one(conn, table)?;
            ensure!(rows == 0, "it is not empty ({rows} rows in {table}): name a new file");
        }
    }
    Ok(())
}

/// Whether nobody else has the file open. Blocks.
///
/// # Errors
/// Somebody has, there is no such file, or its tables are not those of this version.
pub fn require_left(path: &Path) -> anyhow::Result<()> {
    wait_until_left(&existing(path)?)
}

/// Does `work` in one transaction, with nobody else there.
fn alone<T>(
    mut conn: Connection,
    work: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    wait_until_left(&conn)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let done = work(&tx)?;
    tx.commit()?;
    Ok(done)
}

/// One that was stopped a moment ago may still have it.
fn wait_until_left(conn: &Connection) -> anyhow::Result<()> {
    let is_left = chassis::sqlite::wait_until_left(conn)?;
    ensure!(is_left, "somebody uses the file: stop `orders serve` first");
    Ok(())
}

fn read_table(
    tx: &Transaction<'_>,
    table: &'static str,
    columns: &Arc<[String]>,
    out: &Out,
) -> anyhow::Result<i64> {
    let mut statement = tx.prepare(&select(table, columns))?;
    let mut found = statement.query([])?;
    let mut number = 0;
    loop {
        let mut rows = Vec::with_capacity(PAGE);
        while rows.len() < PAGE
            && let Some(row) = found.next()?
        {
            let values = (0..columns.len()).map(|at| value(table, row.get_ref(at)?));
            rows.push(values.collect::<Result<Vec<_>, _>>()?);
        }
        let read = rows.len();
        number += read as i64;
        out.put_blocking(Part::Page(Page { table, columns: Arc::clone(columns), rows }))?;
        if read < PAGE {
            return Ok(number);
        }
    }
}

/// All rows as they lie in the file: any other order would be sorted, in memory, whatever their number.
pub(super) fn select(table: &str, columns: &[String]) -> String {
    format!("SELECT {} FROM {table}", columns.join(", "))
}

fn value(table: &str, value: ValueRef<'_>) -> anyhow::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Whole(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text)?.to_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => bail!("there is a broken number in {table}"),
    })
}

fn write_page(tx: &Transaction<'_>, page: &Page) -> anyhow::Result<()> {
    let Page { table, columns: names, rows } = page;
    same_columns(table, names, &columns(tx, table)?)?;
    let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
    let mut statement = tx.prepare_cached(&sql)?;
    for row in rows {
        statement.execute(rusqlite::params_from_iter(row))?;
    }
    Ok(())
}

pub(super) fn columns(tx: &Connection, table: &str) -> rusqlite::Result<Arc<[String]>> {
    let mut statement = tx.prepare_cached("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect::<Result<Vec<_>, _>>().map(Into::into)
}

fn count(tx: &Connection) -> rusqlite::Result<Vec<Count>> {
    COPIED.iter().map(|table| count_one(tx, table)).collect()
}

fn count_one(tx: &Connection, table: &'static str) -> rusqlite::Result<Count> {
    let sql = format!("SELECT count(*) FROM {table}");
    Ok(Count { table, rows: tx.query_row(&sql, [], |row| row.get(0))? })
}

/// The highest position that was ever given.
pub(super) fn positions(tx: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1";
    tx.query_row(sql, [JOURNAL], |row| row.get(0))
}

/// Rows of the journal to come have higher positions.
pub(super) fn go_on_behind(tx: &Connection, position: i64) -> rusqlite::Result<()> {
    let highest = position.max(positions(tx)?);
    tx.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [JOURNAL])?;
    let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
    tx.execute(sql, rusqlite::params![JOURNAL, highest]).map(drop)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Whole(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
