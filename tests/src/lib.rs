#![doc = include_str!("../README.md")]

pub mod addresses;
pub mod api;
pub mod contexts;
pub mod eventually;
pub mod kit;
pub mod load;
pub mod mail;
pub mod node;
pub mod python;
pub mod restaurant;
pub mod signature;
pub mod stack;
pub mod story;
pub mod topic;
