//! What promotions does, one use case a file: taking a batch of order events, binding its
//! positions to a Kafka cluster, forgetting events that nobody repeats any more, listing a customer's
//! vouchers. Each that writes is one transaction, but for forgetting, which is a short one several times.

mod bind_cluster;
mod derive;
mod forget_events;
mod list_vouchers;
mod take_batch;
mod taker;
#[cfg(test)]
pub mod testing;

pub use bind_cluster::BindError;
pub use derive::{CodeKey, voucher_id};
pub use list_vouchers::{ListVouchers, Page};
pub use take_batch::{CompletedEvent, ReadRecord, Reading, TakeError, Taken, WAITS_BEHIND};
pub use taker::{Rules, Taker};
