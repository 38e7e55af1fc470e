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
