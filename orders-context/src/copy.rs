//! `orders copy`: moves everything into another database, SQLite to PostgreSQL or back. It comes over as
//! a whole or not at all; the source stays as it is.

use crate::config::Database;
use crate::store::copy::{Count, Gone, way};
use crate::store::{postgres, sqlite};
use anyhow::{Context, ensure};
use serde::Serialize;

/// What was copied.
#[derive(Debug, Serialize)]
pub struct Copied {
    /// Rows of each table, the same on both sides.
    pub tables: Vec<Count>,
}

/// Copies all that `from` holds into `to`, which has to be empty and is brought to this version first.
/// Once this returns, it is durable there. After a failure or a crash nothing is there, and it may be
/// tried again.
///
/// # Errors
/// One of them is in use, cannot be read or written, or `to` has orders already.
pub async fn copy(from: &Database, to: &Database) -> anyhow::Result<Copied> {
    ensure!(from != to, "both are the same database");
    let (out, into) = way();
    let reading = match from.clone() {
        Database::Sqlite(path) => {
            tokio::task::spawn_blocking(move || sqlite::copy::read(&path, &out))
        }
        Database::Postgres(address) => {
            tokio::spawn(async move { postgres::copy::read(&address, &out).await })
        }
    };
    let writing = match to.clone() {
        Database::Sqlite(path) => {
            tokio::task::spawn_blocking(move || sqlite::copy::write(&path, into))
        }
        Database::Postgres(address) => {
            tokio::spawn(async move { postgres::copy::write(&address, into).await })
        }
    };
    let (read, written) = (reading.await?, writing.await?);
    match (read, written) {
        (_, Ok(tables)) => Ok(Copied { tables }),
        (Err(cause), Err(_)) if !cause.is::<Gone>() => {
            Err(cause).with_context(|| format!("cannot copy from {from}"))
        }
        (_, Err(cause)) => Err(cause).with_context(|| format!("cannot copy to {to}")),
    }
}

impl std::fmt::Display for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, Count { table, rows }) in self.tables.iter().enumerate() {
            let before = if number == 0 { "copied: " } else { ", " };
            write!(f, "{before}{table} {rows}")?;
        }
        Ok(())
    }
}
