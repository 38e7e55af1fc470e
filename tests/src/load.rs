//! Full orders in a closed loop: each of C customers places an order, waits until the restaurant
//! has heard of it, accepts, waits for the mail, completes, and begins again. It measures and
//! prints; it judges nothing.
//!
//! It shares two cores with what it measures, so it is made to cost little: one thread, connections
//! kept open, answers read no further than needed.

mod http1;
mod measure;
mod report;
mod run;
mod sinks;
mod visible;

pub use measure::{Cpu, Percentiles};
pub use report::Report;
pub use run::{Load, run};
