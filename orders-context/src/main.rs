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

/// After so many tasks of its own a thread of the runtime looks for one that a thread outside has woken. The end of a
/// commit wakes the loop that begins the next, and until then SQLite's writer has nothing to do: by itself the runtime
/// looks every 200 microseconds or so.
const LOOK_OUTSIDE_EVERY: u32 = 8;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().global_queue_interval(LOOK_OUTSIDE_EVERY).build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(cli.run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever cannot read this has the exit code.
            let _ = writeln!(std::io::stderr(), "orders: {error:#}");
            ExitCode::FAILURE
        }
    }
}
