//! The HTTP API of orders as strangers meet it: a tool of theirs that asks for everything the OpenAPI
//! document promises, a process that stops while it is asked, one that is asked for more than it can
//! do, a library of theirs that verifies what it is sent, and connections that are cut again and again.
//! Each test has an `orders serve` of its own, with a database of its own; Kafka, registry and mail are
//! away, which is not orders' trouble.

mod delivering;
mod encrypted;
mod feed;
mod overload;
mod schema;
mod served;
mod stopping;
mod vanishing;
mod webhooks;
