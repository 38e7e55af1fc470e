#![doc = include_str!("../README.md")]

pub mod app;
pub mod boot;
pub mod check;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod deadlines;
pub mod domain;
pub mod housekeeping;
pub mod http;
pub mod leases;
pub mod picture;
pub mod relay;
pub mod store;
pub mod tasks;
pub mod verify;
