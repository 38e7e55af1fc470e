//! Brings a database to the present version of its tables.

use rusqlite::{Connection, TransactionBehavior};

/// Runs the migrations that the database does not have yet, each in a transaction of its own
/// together with the version it leads to (`PRAGMA user_version`, counted from 1).
///
/// Once this returns, all migrations are there. Processes that start at the same time may all
/// call it: each migration runs once. A migration that shipped is never edited; add another.
///
/// # Errors
/// The database is newer than `migrations`, or one of them failed and left no trace.
pub fn migrate(conn: &mut Connection, migrations: &[&str]) -> Result<(), MigrateError> {
    let known = migrations.len();
    loop {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&tx)?;
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        if done > known {
            return Err(MigrateError::Newer { found, known });
        }
        let Some(migration) = migrations.get(done) else {
            return Ok(());
        };
        let version = found + 1;
        tx.execute_batch(migration).map_err(|cause| MigrateError::Failed { version, cause })?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
        tracing::info!(version, "migrated the database");
    }
}

/// Checks that the database has exactly the version that `migrations` lead to.
pub(super) fn require_version(conn: &Connection, migrations: &[&str]) -> Result<(), MigrateError> {
    let (found, known) = (version(conn)?, migrations.len());
    match usize::try_from(found).unwrap_or(usize::MAX) {
        done if done < known => Err(MigrateError::Older { found, known }),
        done if done > known => Err(MigrateError::Newer { found, known }),
        _ => Ok(()),
    }
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Why a database is not, or could not be brought to, the present version. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Migrations are missing, and were not asked for.
    #[error("the database has version {found} of its tables, this program needs {known}")]
    Older {
        /// What the database says.
        found: i64,
        /// How many migrations this program has.
        known: usize,
    },
    /// A later version of this program has written it.
    #[error(
        "the database has version {found}, but this program knows only {known}: \
         start the newer program, or restore a backup from before it"
    )]
    Newer {
        /// What the database says.
        found: i64,
        /// How many migrations this program has.
        known: usize,
    },
    /// A migration does not run on this database.
    #[error("migration {version} failed and was rolled back")]
    Failed {
        /// The version it would have led to.
        version: i64,
        /// What SQLite said.
        #[source]
        cause: rusqlite::Error,
    },
    /// The database itself refuses to work.
    #[error("the database cannot be migrated")]
    Sqlite(#[from] rusqlite::Error),
}
