#![doc = include_str!("../README.md")]

pub mod backoff;
pub mod clock;
pub mod config;
pub mod http;
pub mod ids;
pub mod kafka;
pub mod metrics;
pub mod postgres;
pub mod shutdown;
pub mod signal;
pub mod signing;
pub mod sqlite;
pub mod supervisor;
pub mod telemetry;
pub mod trust;
