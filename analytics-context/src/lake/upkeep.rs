//! What happens to a table between two commits.

use async_trait::async_trait;

use super::table::Table;

/// Keeps a table in shape.
#[async_trait]
pub trait Upkeep: Send + 'static {
    /// Does what is due after a commit. Never fails: the rows are safe, and what did not work is
    /// tried again later.
    async fn after_commit(&mut self, table: &mut Table);
}
