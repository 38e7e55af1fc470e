//! PostgreSQL connections and migrations: plumbing only, no statement of any domain.
//!
//! Every connection of a [`Pool`] keeps the promises of [`pool`]; none talks to another machine
//! unencrypted unless the address says so ([`Address`]).

mod address;
mod migrate;
mod pipeline;
pub mod pool;

pub use address::{Address, AddressError};
pub use migrate::{
    Migrated, VersionError, is_compatible, migrate, require_compatible, require_version,
};
pub use pipeline::{Sending, pipelined};
pub use pool::{Client, Pool};
