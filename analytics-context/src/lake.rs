//! The lake: a folder of Delta tables, one per topic.
//!
//! Rows and the position they were read up to land in one commit, or neither does. A commit is
//! made only when the stored positions are those its rows begin at, so that a second writer, a
//! writer that died or a lost answer can neither double a row nor lose one.

mod durable;
mod files;
mod layout;
mod read;
mod table;
mod upkeep;

#[cfg(test)]
mod table_tests;

pub use durable::{DurableFileSystem, FileSync, SystemSync};
pub use layout::{Lake, table_name};
pub use read::columns_of_files;
pub use table::{Advance, CommitError, LiveFile, OpenError, Source, Table};
pub use upkeep::Upkeep;
