//! Full orders through a running stack, and what they cost. Each order is placed, accepted once the
//! restaurant has heard of it, completed once its customer has; both are told by HTTP, in a sink of
//! this tool's own. Either a number of orders is kept in flight (closed loop), or they come at a rate
//! whatever becomes of them (open loop). It measures and prints; it judges nothing.
//!
//! It shares two cores with what it measures, so it is made to cost little: one thread, connections
//! kept open, answers read no further than needed.

mod cost;
mod http1;
mod order;
mod published;
mod report;
mod run;
mod sink;
mod times;
mod visible;

pub use report::Report;
pub use run::{Load, Pace, run};
pub use times::Percentiles;
