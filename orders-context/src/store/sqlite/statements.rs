//! The statements of one transaction, each looked up once however often it runs: the cache of
//! statements goes by their text, and hashing that for each of a group's rows costs as much as
//! some of the rows.

use rusqlite::{CachedStatement, Connection};

/// Statements on one connection, ready to run again.
pub struct Statements<'a> {
    conn: &'a Connection,
    ready: Vec<(&'static str, CachedStatement<'a>)>,
}

impl<'a> Statements<'a> {
    /// None yet.
    pub fn on(conn: &'a Connection) -> Self {
        Self { conn, ready: Vec::new() }
    }

    /// The connection, for what is rare.
    pub fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// The statement, as [`Connection::prepare_cached`] has it.
    ///
    /// # Errors
    /// It cannot be compiled.
    pub fn prepare_cached(
        &mut self,
        sql: &'static str,
    ) -> rusqlite::Result<&mut CachedStatement<'a>> {
        // The same place in memory is the same text; the same text elsewhere is compiled once more.
        let known = self.ready.iter().position(|(known, _)| std::ptr::eq(*known, sql));
        let at = match known {
            Some(at) => at,
            None => {
                self.ready.push((sql, self.conn.prepare_cached(sql)?));
                self.ready.len() - 1
            }
        };
        Ok(&mut self.ready[at].1)
    }
}
