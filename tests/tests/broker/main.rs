//! The contract as a product, tried on a real broker and a real registry: what the AsyncAPI document says is
//! what other people's tools and readers find. Needs `deploy/setup --tests`.

mod access;
mod asyncapi;
mod encrypted;
mod evolution;
mod guide;
mod kit;
mod lake;
mod lost;
mod republish;
mod secured;
mod support;
