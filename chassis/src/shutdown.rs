//! The token by which a loop learns that it is to stop.

pub use tokio_util::sync::CancellationToken as Shutdown;
