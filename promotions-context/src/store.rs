//! Everything that is kept, in one SQLite file. The only place with SQL: small functions named
//! verb_noun that take the connection or the transaction they work in, so that the caller decides
//! what belongs together.

pub mod dead_letters;
pub mod inbox;
pub mod journal;
pub mod registry;
pub mod vouchers;

use std::path::{Path, PathBuf};

use anyhow::Context;
use chassis::sqlite::{MigrateError, Tables};
use rusqlite::TransactionBehavior;

/// What went wrong in the database. Nothing of the transaction it happened in was kept.
pub type Error = rusqlite::Error;

/// A transaction: all of it is kept once `commit` returns, or nothing if it is dropped.
pub type Tx<'a> = rusqlite::Transaction<'a>;

/// The tables of promotions, in any version, and in no other program's file.
const TABLES: Tables = Tables {
    name: "promotions",
    id: i32::from_be_bytes(*b"PROM"),
    known_by: &["voucher", "journal", "inbox_position"],
    migrations: MIGRATIONS,
};

/// One that shipped never changes: another follows it.
const MIGRATIONS: &[&str] =
    &[include_str!("store/migrations/1.sql"), include_str!("store/migrations/2.sql")];

/// Where the database is. Cheap to clone; every loop opens connections of its own.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, a newer version of this program or another one has written it, or
    /// somebody uses it while its tables are older. It is as it was then.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        match chassis::sqlite::open_migrated(path, &TABLES) {
            Err(used @ MigrateError::InUse { .. }) => {
                return Err(used).context(
                    "stop `promotions serve` first, and whatever else has it open (`verify`, a shell)",
                );
            }
            opened => drop(opened?),
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The database at `path` as it is: nothing is made or brought up to date.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A connection that writes. SQLite has one writer at a time; others wait.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn writer(&self) -> Result<Writer, Error> {
        chassis::sqlite::open(&self.path).map(Writer)
    }

    /// A connection that only reads and never waits for the writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<Reader, Error> {
        chassis::sqlite::open_reader(&self.path).map(Reader)
    }
}

/// A connection that writes.
pub struct Writer(rusqlite::Connection);

impl Writer {
    /// Begins a transaction that writes: it holds the write lock from here on, so that what it
    /// reads cannot change before it commits.
    ///
    /// # Errors
    /// Another writer held the lock for too long.
    pub fn begin(&mut self) -> Result<Tx<'_>, Error> {
        self.0.transaction_with_behavior(TransactionBehavior::Immediate)
    }
}

/// A connection that only reads.
pub struct Reader(rusqlite::Connection);

impl Reader {
    /// Whatever `read` reads is of one moment.
    ///
    /// # Errors
    /// The database refuses, or `read` does.
    pub fn of_one_moment<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // What is only read is as well rolled back.
        let _moment = self.0.unchecked_transaction()?;
        read(self)
    }
}

#[cfg(test)]
pub mod testing {
    //! A store on a file of its own, for tests.

    use super::Store;

    /// A new, empty store; the file lives as long as the directory.
    pub fn new_store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let store = Store::open(&directory.path().join("promotions.db")).expect("a new store");
        (directory, store)
    }
}

#[cfg(test)]
mod tests;
