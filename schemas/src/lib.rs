#![doc = include_str!("../README.md")]

pub mod access;
pub mod asyncapi;
pub mod catalogue;
pub mod codec;
pub mod golden;
pub mod headers;
pub mod order_events;
pub mod order_state;
mod record;
pub mod registry;
pub mod rehearsal;
pub mod topics;
pub mod voucher_events;

pub use codec::{DecodeError, Decoder, EncodeError, Encoder, SchemaError};
pub use headers::Envelope;
pub use order_events::{OrderEvent, OrderFact};
pub use order_state::OrderState;
pub use record::{Columns, Event};
pub use registry::{RegistryAddress, RegistryClient, RegistryError};
pub use topics::{Owner, Subject, Topic};
pub use voucher_events::{VoucherEvent, VoucherFact};
