//! Brings a database to the present version of its tables.
//!
//! A migration that begins with the line [`EXPANDS`] leaves all that programs of the version before it
//! need. The database remembers with each version the oldest program that can use it, so a program knows
//! of tables that are newer than itself whether it may go on with them.

use tokio_postgres::error::Error;

use super::pool::Client;

/// Held while migrating, so that two who migrate at once take turns. Any number, the same for ever.
const LOCK: i64 = 0x7461_6b65_6177_6179;

/// How a migration begins beside which programs of the version before may go on.
const EXPANDS: &str = "-- Expands.";

/// The version, and the oldest whose programs can use it: tables from before that was remembered are for
/// their own alone.
const NEWEST: &str = "SELECT version,
        coalesce((to_jsonb(newest) ->> 'compatible_from')::bigint, version)
    FROM schema_versions AS newest ORDER BY version DESC LIMIT 1";

/// What a migration run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before, counted from 1; 0 was an empty database.
    pub from: usize,
    /// The version now.
    pub to: usize,
    /// The oldest version whose programs may go on.
    pub compatible_from: usize,
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
/// A migration that shipped is never edited; add another. Tables that are newer and can be used are
/// left as they are.
///
/// # Errors
/// The database is too new for `migrations`, or one of them failed and left no trace.
pub async fn migrate(client: &mut Client, migrations: &[&str]) -> Result<Migrated, VersionError> {
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
             );
             ALTER TABLE schema_versions ADD COLUMN IF NOT EXISTS compatible_from BIGINT",
        )
        .await?;
        let found = Version::of(&tx).await?;
        let before = *from.get_or_insert(found.number);
        let Some(migration) = migrations.get(found.number) else {
            found.require_for(migrations.len())?;
            tx.commit().await?;
            let (to, compatible_from) = (found.number, found.compatible_from);
            return Ok(Migrated { from: before, to, compatible_from });
        };
        let version = found.number + 1;
        let ran = tx.batch_execute(migration).await;
        ran.map_err(|cause| VersionError::Failed { version, cause })?;
        let oldest = if expands(migration) { found.compatible_from } else { version };
        let insert = "INSERT INTO schema_versions (version, compatible_from) VALUES ($1, $2)";
        tx.execute(insert, &[&(version as i64), &(oldest as i64)]).await?;
        tx.commit().await?;
        tracing::info!(version, "migrated the database");
    }
}

/// Whether programs that can use the database now can use it once it is migrated.
///
/// # Errors
/// The database cannot say which version it has.
pub async fn is_compatible(client: &Client, migrations: &[&str]) -> Result<bool, VersionError> {
    let found = Version::found(client).await?.number;
    let missing = migrations.get(found..).unwrap_or_default();
    Ok(found == 0 || missing.iter().all(|migration| expands(migration)))
}

/// Checks that the database has exactly the version that `migrations` lead to.
///
/// # Errors
/// It has an older or a newer one.
pub async fn require_version(client: &Client, migrations: &[&str]) -> Result<(), VersionError> {
    let found = Version::found(client).await?;
    Version { compatible_from: found.number, ..found }.require_for(migrations.len())
}

/// Checks that the database has the version that `migrations` lead to, or a newer one that a program which
/// knows no more than these can use.
///
/// # Errors
/// It has an older or a newer one.
pub async fn require_compatible(client: &Client, migrations: &[&str]) -> Result<(), VersionError> {
    Version::found(client).await?.require_for(migrations.len())
}

/// What the database says of its tables.
#[derive(Clone, Copy, Default)]
struct Version {
    number: usize,
    /// The oldest whose programs can use it.
    compatible_from: usize,
}

impl Version {
    /// Of one that was perhaps never migrated.
    async fn found(client: &Client) -> Result<Self, Error> {
        let exists = "SELECT to_regclass('schema_versions') IS NOT NULL";
        match client.query_one(exists, &[]).await?.try_get(0)? {
            true => Self::of(client).await,
            false => Ok(Self::default()),
        }
    }

    async fn of(client: &impl deadpool_postgres::GenericClient) -> Result<Self, Error> {
        let Some(newest) = client.query_opt(NEWEST, &[]).await? else {
            return Ok(Self::default());
        };
        let (number, oldest): (i64, i64) = (newest.try_get(0)?, newest.try_get(1)?);
        let whole = |version: i64| usize::try_from(version).unwrap_or(usize::MAX);
        Ok(Self { number: whole(number), compatible_from: whole(oldest) })
    }

    /// For a program that has so many migrations.
    fn require_for(self, known: usize) -> Result<(), VersionError> {
        let Self { number: found, compatible_from } = self;
        match found {
            _ if found < known => Err(VersionError::Older { found, known }),
            _ if compatible_from > known => Err(VersionError::Newer { found, known }),
            _ => Ok(()),
        }
    }
}

fn expands(migration: &str) -> bool {
    migration.trim_start().starts_with(EXPANDS)
}
