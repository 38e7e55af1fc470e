//! One order all the way, told as it happened: through the orders API, its restaurant, Kafka, the
//! mail, the voucher and the lake.

pub mod take;
mod tell;

pub use take::{Story, take};
