//! From Kafka into the lake: gathers records into windows, turns each window into rows and commits
//! them with the positions they were read up to.
//!
//! Nothing is acknowledged anywhere else. Whatever is lost between two commits, memory, process or
//! answer, is read again from the position in the table.

mod inbox;
mod lookup;
mod sink;
mod status;
mod window;

#[cfg(test)]
mod inbox_tests;

pub use inbox::LakeInbox;
pub use lookup::{RegistryLookup, SchemaLookup};
pub use sink::Sink;
pub use status::{Statuses, TableStatus};
pub use window::FlushRules;

/// The name under which this context's lag is displayed.
pub const GROUP: &str = "analytics";
