//! Whose tables a file holds, and how they come to their present version.

use super::leave_wal;
use rusqlite::{Connection, TransactionBehavior};

/// The tables of one program.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// Whose they are, for people.
    pub name: &'static str,
    /// What says so in the file (`PRAGMA application_id`): the number of no other program, and not 0. It
    /// never changes.
    pub id: i32,
    /// Tables of the first version which no other program has all of: a file from before there was a
    /// number in it is known by them.
    pub known_by: &'static [&'static str],
    /// In order; each leads to the next version (`PRAGMA user_version`, counted from 1). One that shipped is
    /// never edited; add another.
    pub migrations: &'static [&'static str],
}

/// Runs the migrations that the database does not have yet, all in one transaction together with the
/// version that they lead to, and writes into it whose it is.
///
/// Once this returns, all migrations are there. Processes that start at the same time may all
/// call it: each migration runs once. Tables that there are go to no other version while somebody else
/// has them open in WAL mode: a program of that version may be running on them.
///
/// # Errors
/// The database is another program's or newer than `tables`, somebody uses it, or a migration failed. It is
/// as it was then.
pub fn migrate(conn: &mut Connection, tables: &Tables) -> Result<(), MigrateError> {
    if File::of(conn, tables)?.is_older(tables) {
        leave_wal(conn)?;
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let file = File::of(&tx, tables)?;
    let known = tables.migrations.len();
    if file.version() > known {
        return Err(MigrateError::Newer { found: file.version, known });
    }
    if file.is_older(tables) && is_wal(&tx)? {
        return Err(MigrateError::InUse { found: file.version, known });
    }
    for (version, migration) in (1..).zip(tables.migrations).skip(file.version()) {
        tx.execute_batch(migration).map_err(|cause| MigrateError::Failed { version, cause })?;
        tx.pragma_update(None, "user_version", version)?;
    }
    if file.id != tables.id {
        tx.pragma_update(None, "application_id", tables.id)?;
    }
    tx.commit()?;
    if file.version() < known {
        tracing::info!(from = file.version, to = known, "migrated the database");
    }
    Ok(())
}

impl Tables {
    /// Checks that the database holds these tables, of whichever version, or nothing at all.
    ///
    /// # Errors
    /// It is another program's.
    pub fn require_own(&self, conn: &Connection) -> Result<(), MigrateError> {
        File::of(conn, self).map(drop)
    }

    /// Checks that the database has exactly the version that the migrations lead to.
    pub(super) fn require_version(&self, conn: &Connection) -> Result<(), MigrateError> {
        let (file, known) = (File::of(conn, self)?, self.migrations.len());
        let found = file.version;
        match file.version() {
            done if done < known => Err(MigrateError::Older { found, known }),
            done if done > known => Err(MigrateError::Newer { found, known }),
            _ => Ok(()),
        }
    }
}

/// What a file says of itself.
struct File {
    id: i32,
    version: i64,
}

impl File {
    /// One that may hold these tables: it says so, has what they are known by, or holds nothing.
    fn of(conn: &Connection, tables: &Tables) -> Result<Self, MigrateError> {
        // One statement, so that it is of one moment.
        let sql = "SELECT application_id, user_version, EXISTS (SELECT 1 FROM sqlite_schema)
                   FROM pragma_application_id, pragma_user_version";
        let (file, is_used) = conn.query_row(sql, [], |row| {
            Ok((Self { id: row.get(0)?, version: row.get(1)? }, row.get::<_, bool>(2)?))
        })?;
        let is_own = match file {
            Self { id: 0, version: 0 } => !is_used,
            Self { id: 0, .. } => has_all(conn, tables.known_by)?,
            Self { id, .. } => id == tables.id,
        };
        match is_own {
            true => Ok(file),
            false => Err(MigrateError::Foreign { name: tables.name }),
        }
    }

    /// Whether there are tables, and migrations that they have not had.
    fn is_older(&self, tables: &Tables) -> bool {
        (1..tables.migrations.len()).contains(&self.version())
    }

    /// How many migrations it has had.
    fn version(&self) -> usize {
        usize::try_from(self.version).unwrap_or(usize::MAX)
    }
}

fn is_wal(conn: &Connection) -> rusqlite::Result<bool> {
    conn.pragma_query_value(None, "journal_mode", |row| Ok(row.get::<_, String>(0)? == "wal"))
}

fn has_all(conn: &Connection, names: &[&str]) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let mut named = conn.prepare(sql)?;
    for name in names {
        if !named.exists([name])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Why a database is not, or could not be brought to, the present version. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Somebody else keeps something in it.
    #[error("the file is one of another program, not of {name}: correct the address")]
    Foreign {
        /// Whose it would have to be.
        name: &'static str,
    },
    /// Somebody has it open, perhaps a program that knows no newer version.
    #[error("somebody uses the file, whose tables would go from version {found} to {known}")]
    InUse {
        /// What the database says.
        found: i64,
        /// How many migrations this program has.
        known: usize,
    },
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
