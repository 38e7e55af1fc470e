//! Kafka: client settings, topics, the relay that publishes a journal exactly once, the consumer
//! loop, dead letters, and reading a whole topic for verification.
//!
//! It moves bytes and headers and knows nothing of what they mean. The promises:
//!
//! - [`relay`]: a `read_committed` reader of the topics sees every row of the journal exactly once
//!   and in order, whatever crashes when.
//! - [`consumer`]: an [`consumer::Inbox`] is given every record from its own stored position on,
//!   and decides itself what "done" means, in its own transaction.

pub mod admin;
mod admission;
pub mod cluster;
pub mod consumer;
mod context;
pub mod dead_letter;
mod headers;
mod open;
mod questions;
mod refusal;
pub mod relay;
pub mod scan;
pub mod settings;
mod topic;

pub use admission::watch_admission;
pub use consumer::Incoming;
pub use headers::{Headers, HeadersRef};
pub use relay::Outgoing;
pub use settings::KafkaConfig;
