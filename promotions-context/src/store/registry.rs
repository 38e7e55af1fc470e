//! What the registry said: the ids of our own schemas, and the schemas that others write with.

use rusqlite::{OptionalExtension, params};

use super::{Error, Tx};

/// Keeps the id of `schema`, in place of what was kept before.
///
/// # Errors
/// The database refuses.
pub fn keep_schema_id(tx: &Tx<'_>, subject: &str, schema: &str, id: u32) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO schema_id (subject, schema, schema_id) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET schema_id = excluded.schema_id",
    )?
    .execute(params![subject, schema, id])?;
    Ok(())
}

/// The id that was kept for exactly this text of the schema.
///
/// # Errors
/// The database refuses.
pub fn read_schema_id(tx: &Tx<'_>, subject: &str, schema: &str) -> Result<Option<u32>, Error> {
    tx.prepare_cached("SELECT schema_id FROM schema_id WHERE subject = ?1 AND schema = ?2")?
        .query_row(params![subject, schema], |row| row.get(0))
        .optional()
}

/// Keeps a schema that was fetched by its id. An id means the same schema as long as it is the same registry.
///
/// # Errors
/// The database refuses.
pub fn keep_schema(tx: &Tx<'_>, id: u32, schema: &str) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO fetched_schema (schema_id, schema) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?
    .execute(params![id, schema])?;
    Ok(())
}

/// The schema that was fetched by this id before.
///
/// # Errors
/// The database refuses.
pub fn read_schema(tx: &Tx<'_>, id: u32) -> Result<Option<String>, Error> {
    tx.prepare_cached("SELECT schema FROM fetched_schema WHERE schema_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// Forgets every schema that was fetched by its id.
///
/// # Errors
/// The database refuses.
pub fn forget_schemas(tx: &Tx<'_>) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM fetched_schema")?.execute([])?;
    Ok(())
}
