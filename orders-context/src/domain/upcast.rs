//! Upcasters: what an older stored form means in the words of the present one. Each says what is true
//! of everything that was stored before its member existed.

use super::FlowVersion;

/// Orders placed before flows had numbers follow the first.
pub const fn flow_version() -> FlowVersion {
    FlowVersion::FIRST
}

/// The times that orders had before policies had numbers are version 1.
pub const fn policy_version() -> u32 {
    1
}

/// The present acceptance window of an order that was never redriven was opened by its placing. States of
/// those that were have got the member with a migration of the tables.
pub const fn placing() -> i64 {
    1
}

/// Whether that is so.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub const fn is_placing(opened_by: &i64) -> bool {
    *opened_by == placing()
}
