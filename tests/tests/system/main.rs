//! Whole stories on a real stack of their own: Kafka, registry, mail and the three contexts, beside
//! whatever else runs on this machine. All tests share the stack and run at the same time, each with
//! restaurants and customers of its own; it stops when this program ends.

mod browser;
mod canary;
mod idempotency;
mod language;
mod letters;
mod operating;
mod poison;
mod registry;
mod restart;
mod silence;
mod support;
mod whole_story;
