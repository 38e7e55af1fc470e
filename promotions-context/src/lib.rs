#![doc = include_str!("../README.md")]

pub mod app;
pub mod boot;
pub mod config;
pub mod deploy;
pub mod domain;
pub mod http;
pub mod inbound;
pub mod outbound;
pub mod store;
pub mod verify;
