//! From records of a topic to rows of a table. Pure: no clock, no network, no disk.
//!
//! Every record becomes exactly one row. What cannot be read becomes a row as well, with its bytes
//! and the cause, so that the offsets of a table are the offsets of its topic and quarantine is a
//! filter (`_error IS NOT NULL`).

mod conform;
mod extent;
mod framing;
mod lineage;
mod possible;
mod project;
mod reader;
mod table_schema;

#[cfg(test)]
mod project_tests;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod shipped_tests;

pub use conform::conform;
pub use framing::schema_id;
pub use lineage::{DATE, ERROR, LINEAGE, OFFSET, PARTITION, RAW, SCHEMA_ID, TIMESTAMP, TOPIC};
pub use project::{Projected, Projector, Record};
pub use table_schema::{SchemaError, TableSchema};
