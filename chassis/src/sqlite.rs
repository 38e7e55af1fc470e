//! SQLite connections and migrations: plumbing only, no statement of any domain.

mod migrate;

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

pub use migrate::{MigrateError, Tables, migrate};

/// How long a statement waits for another connection's lock before it fails.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before the mode of a busy file is set again.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How often it is looked whether whoever used a file has gone.
const LOOKS: u32 = 15;

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How many compiled statements a connection keeps for `prepare_cached`.
const CACHED_STATEMENTS: usize = 128;

/// Of a file that is not made. A connection belongs to one thread at a time, which the borrow checker
/// sees to.
const EXISTING: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// What each connection needs to be told; none of it is stored in the file.
const CONNECTION: &str = "
    -- SQLite checks references only on request.
    PRAGMA foreign_keys = ON;
    -- 16 MiB (negative: KiB) of pages: what was written since the last checkpoint. Everything else
    -- is mapped. SQLite walks the table of its pages at each commit: four times as many pages cost
    -- 3 % of an order.
    PRAGMA cache_size = -16384;
    -- Sorting never waits for a disk.
    PRAGMA temp_store = MEMORY;
    -- Reads of up to 256 MiB come from the page cache without a copy or a system call.
    PRAGMA mmap_size = 268435456;
";

/// What the one who writes adds.
const WRITER: &str = "
    -- In WAL mode only FULL flushes each commit: what was acknowledged survives a power cut.
    PRAGMA synchronous = FULL;
    -- What is deleted is overwritten: erased means gone from the file.
    PRAGMA secure_delete = ON;
    -- Copy the WAL back after 16 MiB (4,000 pages of 4 KiB) instead of 4: fewer flushes and
    -- each hot page is written once for many commits.
    PRAGMA wal_autocheckpoint = 4000;
    -- A WAL that grew under a long read is cut to 64 MiB at the next checkpoint.
    PRAGMA journal_size_limit = 67108864;
";

/// Opens the database at `path` for writing and creates the file if there is none.
///
/// A commit on this connection is durable once it returns: it survives a power cut.
///
/// # Errors
/// The file cannot be opened, or is no database.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let conn = connect(path, EXISTING | OpenFlags::SQLITE_OPEN_CREATE)?;
    make_writer(&conn)?;
    Ok(conn)
}

/// The same, once the database is known to hold `tables` or nothing, and [`migrate`] has brought it to their
/// present version. Where it has to, and somebody uses the file, they have three seconds to go. Blocks.
///
/// # Errors
/// The file cannot be opened or is no database, or [`migrate`] refuses it: it is as it was then.
pub fn open_migrated(path: &Path, tables: &Tables) -> Result<Connection, MigrateError> {
    let mut looks = 1;
    loop {
        let mut conn = connect(path, EXISTING | OpenFlags::SQLITE_OPEN_CREATE)?;
        conn.execute_batch(WRITER)?;
        match migrate(&mut conn, tables) {
            // Not open meanwhile, lest two who migrate wait for each other.
            Err(MigrateError::InUse { .. }) if looks < LOOKS => drop(conn),
            migrated => {
                migrated?;
                // Behind it, for the file remembers this, and it may be somebody else's.
                use_wal(&conn)?;
                return Ok(conn);
            }
        }
        looks += 1;
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// Opens the existing database at `path` for writing, which has exactly the version that the migrations of
/// `tables` lead to. It is not migrated, and no file is made.
///
/// # Errors
/// There is no such file, it is no database or another program's, or its tables are older or newer.
pub fn open_existing(path: &Path, tables: &Tables) -> Result<Connection, MigrateError> {
    let conn = connect(path, EXISTING)?;
    tables.require_version(&conn)?;
    make_writer(&conn)?;
    Ok(conn)
}

fn make_writer(conn: &Connection) -> rusqlite::Result<()> {
    use_wal(conn)?;
    conn.execute_batch(WRITER)
}

/// Opens the existing database at `path` for reading: every statement that writes fails.
///
/// # Errors
/// There is no such file, or it is no database.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // Not READ_ONLY: a reader must be able to write the index of the WAL if it is the first.
    let conn = connect(path, EXISTING)?;
    conn.execute_batch("PRAGMA query_only = ON;")?;
    Ok(conn)
}

/// In WAL mode readers never wait for the writer, nor the writer for them. The file remembers it.
///
/// SQLite does not wait for others when it changes the mode, lest two that change it at once wait
/// for each other: so those who create a database together try again.
fn use_wal(conn: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match conn.execute_batch("PRAGMA journal_mode = WAL;") {
            Err(cause)
                if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(BUSY_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Waits until nobody else has the file open, who have three seconds to go, and leaves WAL mode then; whether that was
/// so. Blocks.
///
/// # Errors
/// The file cannot be read or written.
pub fn wait_until_left(conn: &Connection) -> rusqlite::Result<bool> {
    for _ in 0..LOOKS {
        if leave_wal(conn)? {
            return Ok(true);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(false)
}

/// Leaves WAL mode, which only the last one to have the file open may; whether that was so.
fn leave_wal(conn: &Connection) -> rusqlite::Result<bool> {
    let mode = conn.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0));
    match mode {
        Ok::<String, _>(mode) => Ok(mode == "delete"),
        Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A plan never depends on the values that are bound: SQLite would compile a statement with a range
    // anew for each of them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch(CONNECTION)?;
    Ok(conn)
}

#[cfg(test)]
mod tests;
