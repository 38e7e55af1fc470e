//! Everything in the database, for another; or everything of another, in this one.
//!
//! While this goes on nobody else can write, and it does not begin while an instance is connected.

use super::in_use::{has_table, wait_until_left};
use super::journal::{HORIZON, NEWEST};
use super::rows::{clean_json, get, text};
use super::{Postgres, advised, schema};
use crate::store::Error;
use crate::store::copy::{COPIED, Count, In, Out, PAGE, Page, Part, Value, compare, same_columns};
use anyhow::{Context, bail, ensure};
use chassis::postgres::{Address, Client, Pool, require_version};
use serde::de::IgnoredAny;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What a table's column can be, here and elsewhere.
const TYPES: &[&str] = &["bigint", "integer", "boolean", "text", "bytea"];

/// Reads all of it.
///
/// # Errors
/// Its tables are not those of this version, an instance uses it, it cannot be read, or nobody takes
/// what is read.
pub async fn read(address: &Address, out: &Out) -> anyhow::Result<()> {
    let client = alone(address, "SHARE").await?;
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
    // Readers may have been told already that nothing comes up to the horizon.
    let ends = format!("SELECT {NEWEST}, greatest({NEWEST}, {HORIZON} - 1)");
    let ends = client.query_one(&ends, &[]).await?;
    let (positions, settled) = (ends.try_get(0)?, ends.try_get(1)?);
    out.put(Part::End { positions, settled, counts }).await?;
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Writes all that comes, which is durable once this returns.
///
/// # Errors
/// The database has orders already, its journal is divided, an instance uses it, or something went
/// wrong on either side: there is nothing in it then.
pub async fn write(address: &Address, mut parts: In) -> anyhow::Result<Vec<Count>> {
    let client = connect(address).await?;
    wait_until_left(&client).await?;
    require_new(&client).await?;
    drop(client);
    Postgres::migrate(address).await?;
    let client = alone(address, "EXCLUSIVE").await?;
    require_new(&client).await?;
    while let Some(part) = parts.recv().await {
        match part {
            Part::Page(page) => write_page(&client, &page).await?,
            Part::End { positions, settled, counts } => {
                go_on_behind(&client, positions, settled).await?;
                let here = count(&client).await?;
                compare(&counts, &here)?;
                client.batch_execute("COMMIT").await?;
                if let Err(error) = analyze(&client).await {
                    tracing::warn!(%error, "the server knows nothing of what was copied until it looks itself");
                }
                return Ok(here);
            }
        }
    }
    // The connection ends with its transaction.
    bail!("not everything came: nothing was copied")
}

/// Whether no instance uses it.
///
/// # Errors
/// One does, or the database does not answer.
pub async fn require_left(address: &Address) -> anyhow::Result<()> {
    wait_until_left(&connect(address).await?).await
}

/// A connection that belongs to no pool that lives on: whoever drops it drops its transaction.
async fn connect(address: &Address) -> anyhow::Result<Client> {
    Pool::new(address, "orders-copy", 1)?.get().await
}

/// A connection in a transaction that keeps every table as it is for others.
async fn alone(address: &Address, mode: &str) -> anyhow::Result<Client> {
    let client = connect(address).await?;
    wait_until_left(&client).await?;
    advised(require_version(&client, schema::MIGRATIONS).await)?;
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;
         SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
         SET LOCAL lock_timeout = '10s'; LOCK TABLE relay_generations, {} IN {mode} MODE",
        COPIED.join(", ")
    );
    client.batch_execute(&begin).await.context("somebody writes to it: stop every instance")?;
    Ok(client)
}

/// Nothing was ever written to it, whichever version its tables have. What is copied lies before a later
/// beginning of a generation, where no relay reads; and a copy has one relay.
async fn require_new(client: &Client) -> anyhow::Result<()> {
    for table in COPIED {
        if has_table(client, table).await? {
            let sql = format!("SELECT count(*) FROM {table}");
            let rows: i64 = client.query_one(&sql, &[]).await?.try_get(0)?;
            ensure!(rows == 0, "it is not empty ({rows} rows in {table}): name a new database");
        }
    }
    if has_table(client, "relay_generations").await? {
        let divided = "SELECT 1 FROM relay_generations WHERE generation > 1 OR shards > 1";
        ensure!(
            client.query_opt(divided, &[]).await?.is_none(),
            "its journal was divided among relays: name a new database"
        );
    }
    Ok(())
}

/// So that questions are planned for what there is. Waits for nobody: the server does it by itself too.
async fn analyze(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("SET statement_timeout = 0").await?;
    client.batch_execute(&format!("ANALYZE (SKIP_LOCKED) {}", COPIED.join(", "))).await
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
            Value::Text(chars) if chars.contains("\\u0000") && is_json(chars) => {
                Some(clean_json(chars))
            }
            Value::Text(chars) => Some(text(chars).into_owned()),
            _ => None,
        })?),
    })
}

fn is_json(chars: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(chars).is_ok()
}

async fn count(client: &Client) -> anyhow::Result<Vec<Count>> {
    let mut counts = Vec::new();
    for &table in COPIED {
        let row = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?;
        counts.push(Count { table, rows: row.try_get(0)? });
    }
    Ok(counts)
}

/// Transactions to come write behind `settled`; up to `positions` it counts as written here.
async fn go_on_behind(client: &Client, positions: i64, settled: i64) -> anyhow::Result<()> {
    let sql = "UPDATE journal_base SET archived = greatest(archived, $1),
               base = greatest(base, ($2::bigint >> 16) + 1 - pg_current_xact_id()::text::bigint)";
    client.execute(sql, &[&positions, &settled]).await?;
    Ok(())
}
