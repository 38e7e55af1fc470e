//! Everything in the database, for another; or everything of another, in this one.
//!
//! While this goes on nobody else can write, and it does not begin while an instance is connected.

use super::journal::NEWEST;
use super::rows::{clean_json, get, text};
use super::{Postgres, schema};
use crate::store::Error;
use crate::store::copy::{COPIED, Count, In, Out, PAGE, Page, Part, Value, compare, same_columns};
use anyhow::{Context, bail, ensure};
use chassis::postgres::{Address, Client, Pool};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What a table's column can be, here and elsewhere.
const TYPES: &[&str] = &["bigint", "integer", "boolean", "text", "bytea"];

/// How often it is looked whether every instance has gone.
const LOOKS: u32 = 15;

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Reads all of it.
///
/// # Errors
/// Its tables are not those of this version, an instance uses it, it cannot be read, or nobody takes
/// what is read.
pub async fn read(address: &Address, out: &Out) -> anyhow::Result<()> {
    let client = alone(address, "SHARE").await?;
    chassis::postgres::require_version(&client, schema::MIGRATIONS).await?;
    let many = "SELECT 1 FROM relay_generations WHERE NOT open OR (shards > 1
         AND generation = (SELECT max(generation) FROM relay_generations))";
    ensure!(
        client.query_opt(many, &[]).await?.is_none(),
        "its journal is divided among relays, and a copy has one: run `orders reshard 1` before"
    );
    let mut counts = Vec::new();
    for &table in COPIED {
        let rows = read_table(&client, table, out).await?;
        counts.push(Count { table, rows });
    }
    ensure!(counts == count(&client).await?, "the database changed while it was read");
    let positions = client.query_one(&format!("SELECT {NEWEST}"), &[]).await?.try_get(0)?;
    out.put(Part::End { positions, counts }).await?;
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Writes all that comes, which is durable once this returns.
///
/// # Errors
/// The database has orders already, an instance uses it, or something went wrong on either side: there
/// is nothing in it then.
pub async fn write(address: &Address, mut parts: In) -> anyhow::Result<Vec<Count>> {
    Postgres::migrate(address).await?;
    let client = alone(address, "EXCLUSIVE").await?;
    for Count { table, rows } in count(&client).await? {
        ensure!(rows == 0, "it is not empty ({rows} rows in {table}): name a new database");
    }
    while let Some(part) = parts.recv().await {
        match part {
            Part::Page(page) => write_page(&client, &page).await?,
            Part::End { positions, counts } => {
                go_on_behind(&client, positions).await?;
                let here = count(&client).await?;
                compare(&counts, &here)?;
                client.batch_execute("COMMIT").await?;
                client.batch_execute(&format!("ANALYZE {}", COPIED.join(", "))).await?;
                return Ok(here);
            }
        }
    }
    // The connection ends with its transaction.
    bail!("not everything came: nothing was copied")
}

/// Whether no instance is connected.
///
/// # Errors
/// One is, or the database does not answer.
pub async fn require_left(address: &Address) -> anyhow::Result<()> {
    wait_until_left(&Pool::new(address, "orders-copy", 1)?.get().await?).await
}

/// A connection in a transaction that keeps every table as it is for others. It belongs to no pool that
/// lives on: whoever drops it drops the transaction.
async fn alone(address: &Address, mode: &str) -> anyhow::Result<Client> {
    let client = Pool::new(address, "orders-copy", 1)?.get().await?;
    wait_until_left(&client).await?;
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;
         SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
         SET LOCAL lock_timeout = '10s'; LOCK TABLE {} IN {mode} MODE",
        COPIED.join(", ")
    );
    client.batch_execute(&begin).await.context("somebody writes to it: stop every instance")?;
    Ok(client)
}

/// Connections of an instance that was stopped a moment ago may still be there.
async fn wait_until_left(client: &Client) -> anyhow::Result<()> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND application_name IN ('orders', 'orders-journal')";
    for _ in 0..LOOKS {
        let connected: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
        if connected == 0 {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    bail!("instances are connected to it: stop every `orders serve` first")
}

/// A column and its type.
struct Column {
    name: String,
    of: &'static str,
}

async fn columns(client: &Client, table: &str) -> anyhow::Result<Vec<Column>> {
    let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns
               WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
    let column = |row: &Row| {
        let (name, of): (String, &str) = (get(row, 0)?, get(row, 1)?);
        let of = TYPES.iter().find(|known| **known == of);
        let of = of.with_context(|| format!("{table}.{name} is of a type that is not copied"))?;
        Ok(Column { name, of })
    };
    client.query(sql, &[&table]).await?.iter().map(column).collect()
}

async fn read_table(client: &Client, table: &'static str, out: &Out) -> anyhow::Result<i64> {
    let described = columns(client, table).await?;
    let names: Arc<[String]> = described.iter().map(|column| column.name.clone()).collect();
    client
        .batch_execute(&format!(
            "DECLARE part NO SCROLL CURSOR FOR SELECT {} FROM {table} ORDER BY 1",
            names.join(", ")
        ))
        .await?;
    let mut number = 0;
    loop {
        let found = client.query(&format!("FETCH {PAGE} FROM part"), &[]).await?;
        let values = |row: &Row| {
            let of_one = |(at, column): (usize, &Column)| value(row, at, column.of);
            described.iter().enumerate().map(of_one).collect()
        };
        let rows = found.iter().map(values).collect::<Result<_, Error>>()?;
        number += found.len() as i64;
        out.put(Part::Page(Page { table, columns: Arc::clone(&names), rows })).await?;
        if found.len() < PAGE {
            client.batch_execute("CLOSE part").await?;
            return Ok(number);
        }
    }
}

fn value(row: &Row, at: usize, of: &str) -> Result<Value, Error> {
    let value = match of {
        "bigint" => get::<Option<i64>>(row, at)?.map(Value::Whole),
        "integer" => get::<Option<i32>>(row, at)?.map(|number| Value::Whole(number.into())),
        "boolean" => get::<Option<bool>>(row, at)?.map(|holds| Value::Whole(holds.into())),
        "bytea" => get::<Option<Vec<u8>>>(row, at)?.map(Value::Bytes),
        _ => get::<Option<String>>(row, at)?.map(Value::Text),
    };
    Ok(value.unwrap_or(Value::Null))
}

/// One statement: each column an array.
async fn write_page(client: &Client, page: &Page) -> anyhow::Result<()> {
    let Page { table, columns: names, rows } = page;
    let described = columns(client, table).await?;
    let known: Vec<String> = described.iter().map(|column| column.name.clone()).collect();
    same_columns(table, names, &known)?;
    let (mut arrays, mut types) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        let of =
            described.iter().find(|column| column.name == *name).map_or("", |column| column.of);
        arrays.push(array(of, rows.iter().map(|row| &row[at])).context(name.clone())?);
        types.push(format!("${}::{of}[]", at + 1));
    }
    let names = names.join(", ");
    let sql = format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({})", types.join(", "));
    let values: Vec<&(dyn ToSql + Sync)> =
        arrays.iter().map(|array| &**array as &(dyn ToSql + Sync)).collect();
    client.execute(&client.prepare_cached(&sql).await?, &values).await?;
    Ok(())
}

type Array = Box<dyn ToSql + Sync + Send>;

fn array<'a>(of: &str, values: impl Iterator<Item = &'a Value>) -> anyhow::Result<Array> {
    fn all<'a, T>(
        values: impl Iterator<Item = &'a Value>,
        one: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<Vec<Option<T>>> {
        let value = |value: &Value| match value {
            Value::Null => Ok(None),
            other => one(other).map(Some).context("a value is not of the column's type"),
        };
        values.map(value).collect()
    }
    let whole = |value: &Value| match value {
        Value::Whole(number) => Some(*number),
        _ => None,
    };
    Ok(match of {
        "bigint" => Box::new(all(values, whole)?),
        "integer" => Box::new(all(values, |value| i32::try_from(whole(value)?).ok())?),
        "boolean" => Box::new(all(values, |value| whole(value).map(|number| number != 0))?),
        "bytea" => Box::new(all(values, |value| match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        })?),
        _ => Box::new(all(values, |value| match value {
            // JSON of another store may have the null character as an escape.
            Value::Text(chars) if chars.starts_with(['{', '[']) => Some(clean_json(chars)),
            Value::Text(chars) => Some(text(chars).into_owned()),
            _ => None,
        })?),
    })
}

async fn count(client: &Client) -> anyhow::Result<Vec<Count>> {
    let mut counts = Vec::new();
    for &table in COPIED {
        let row = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?;
        counts.push(Count { table, rows: row.try_get(0)? });
    }
    Ok(counts)
}

/// Transactions to come write behind `position`, and it counts as written here.
async fn go_on_behind(client: &Client, position: i64) -> anyhow::Result<()> {
    let sql = "UPDATE journal_base SET archived = greatest(archived, $1),
               base = greatest(base, ($1::bigint >> 16) + 1 - pg_current_xact_id()::text::bigint)";
    client.execute(sql, &[&position]).await?;
    Ok(())
}
