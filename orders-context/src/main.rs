//! The `orders` program: see `orders help`.

use clap::Parser;
use orders_context::cli::Cli;
use std::io::Write;
use std::process::ExitCode;

/// An order asks for memory some hundred times, often on one thread for another: with an allocator made for that
/// it costs less than half. SQLite and Kafka's client ask it too: a record has a dozen pieces of memory there,
/// asked for by the relay and given back by the client's thread.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever cannot read this has the exit code.
            let _ = writeln!(std::io::stderr(), "orders: {error:#}");
            ExitCode::FAILURE
        }
    }
}
