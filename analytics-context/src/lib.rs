//! The analytics context: what happened, kept as tables that any BI tool reads.

pub mod lake;
pub mod projection;
