//! The contract, kept: what was shipped stays as it is and every version reads every other.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says so when it fails")]

mod any;
mod blessed;
mod codec;
mod compatibility;
mod generated;
mod headers;
mod registry;
mod rules;
mod samples;
mod topics;
