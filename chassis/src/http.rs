//! What every HTTP interface here has in common: problems, extractors, health and the server.
//!
//! Every answer that is a refusal is a [`Problem`] (RFC 9457), the framework's own included.

pub mod auth;
mod cors;
mod document;
mod extract;
mod health;
mod observe;
mod problem;
mod problem_pages;
mod room;
mod router;
mod server;
mod tls;

pub use cors::Origins;
use document::{describe_refusals, problem};
pub use extract::{Json, OptionalJson, Path, Query, RawJson};
pub use health::{Check, Health};
pub use problem::{FieldError, Problem};
pub use problem_pages::{ProblemPage, problem_pages};
pub use room::most_connections;
pub use router::router;
pub use server::{serve, serve_over};
pub use tls::{Tls, TlsFiles};

#[cfg(test)]
mod tests;
