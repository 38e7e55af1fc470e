#![doc = include_str!("../README.md")]

pub mod boot;
pub mod config;
mod http;
pub mod ingest;
pub mod lake;
pub mod maintenance;
pub mod projection;
pub mod rows;
pub mod verify;
