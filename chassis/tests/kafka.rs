//! Relay, consumer loop, scan and topics on a real broker.
//!
//! The broker is the one at `KAFKA_BOOTSTRAP`; without it the tests start one of their own with
//! `deploy/local` and stop it when the last of them is done.

// What fails here fails the test.
#![allow(clippy::unwrap_used)]

#[path = "kafka/support.rs"]
mod support;

#[path = "kafka/consumer.rs"]
mod consumer;
#[path = "kafka/idle.rs"]
mod idle;
#[path = "kafka/letters.rs"]
mod letters;
#[path = "kafka/lost.rs"]
mod lost;
#[path = "kafka/outage.rs"]
mod outage;
#[path = "kafka/partly.rs"]
mod partly;
#[path = "kafka/recovery.rs"]
mod recovery;
#[path = "kafka/relay.rs"]
mod relay;
#[path = "kafka/topics.rs"]
mod topics;
