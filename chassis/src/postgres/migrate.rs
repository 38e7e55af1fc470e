//! Brings a database to the present version of its tables.

use tokio_postgres::error::Error;

use super::pool::Client;

/// Held while migrating, so that two who migrate at once take turns. Any number, the same for ever.
const LOCK: i64 = 0x7461_6b65_6177_6179;

/// What a migration run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before, counted from 1; 0 was an empty database.
    pub from: usize,
    /// The version now.
    pub to: usize,
}

/// Why a database is not, and cannot be brought to, the version that a program needs. It is as it
/// was before.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// Migrations are missing.
    #[error("the database has version {found} of its tables, this program needs {known}")]
    Older {
        /// What the database says.
        found: usize,
        /// How many migrations this program has.
        known: usize,
    },
    /// A later version of this program has migrated it.
    #[error(
        "the database has version {found} of its tables, but this program knows only {known}: \
         start the newer program, or restore a backup from before it"
    )]
    Newer {
        /// What the database says.
        found: usize,
        /// How many migrations this program has.
        known: usize,
    },
    /// A migration does not run on this database.
    #[error("migration {version} failed and was rolled back")]
    Failed {
        /// The version it would have led to.
        version: usize,
        /// What PostgreSQL said.
        #[source]
        cause: Error,
    },
    /// The database itself refuses to work.
    #[error("the database cannot say which version it has")]
    Postgres(#[from] Error),
}

/// Runs the migrations that the database does not have yet, each in a transaction of its own
/// together with the version it leads to. Several may be called at once: each migration runs once.
/// A migration that shipped is never edited; add another.
///
/// # Errors
/// The database is newer than `migrations`, or one of them failed and left no trace.
pub async fn migrate(client: &mut Client, migrations: &[&str]) -> Result<Migrated, VersionError> {
    let known = migrations.len();
    let mut from = None;
    loop {
        let tx = client.transaction().await?;
        // Building an index may take its time, and so may whoever is migrating already.
        tx.batch_execute("SET LOCAL statement_timeout = 0").await?;
        tx.query("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        tx.batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (
                version     BIGINT PRIMARY KEY,
                migrated_at TIMESTAMPTZ NOT NULL DEFAULT now()
             )",
        )
        .await?;
        let found = version(&tx).await?;
        let before = *from.get_or_insert(found);
        if found > known {
            return Err(VersionError::Newer { found, known });
        }
        let Some(migration) = migrations.get(found) else {
            tx.commit().await?;
            return Ok(Migrated { from: before, to: known });
        };
        let version = found + 1;
        let ran = tx.batch_execute(migration).await;
        ran.map_err(|cause| VersionError::Failed { version, cause })?;
        let insert = "INSERT INTO schema_versions (version) VALUES ($1)";
        tx.execute(insert, &[&(version as i64)]).await?;
        tx.commit().await?;
        tracing::info!(version, "migrated the database");
    }
}

/// Checks that the database has exactly the version that `migrations` lead to.
///
/// # Errors
/// It has an older or a newer one.
pub async fn require_version(client: &Client, migrations: &[&str]) -> Result<(), VersionError> {
    let known = migrations.len();
    let exists = "SELECT to_regclass('schema_versions') IS NOT NULL";
    let found = match client.query_one(exists, &[]).await?.try_get(0)? {
        true => version(client).await?,
        false => 0,
    };
    match found {
        _ if found < known => Err(VersionError::Older { found, known }),
        _ if found > known => Err(VersionError::Newer { found, known }),
        _ => Ok(()),
    }
}

async fn version(client: &impl deadpool_postgres::GenericClient) -> Result<usize, Error> {
    let newest = "SELECT coalesce(max(version), 0) FROM schema_versions";
    let version: i64 = client.query_one(newest, &[]).await?.try_get(0)?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}
