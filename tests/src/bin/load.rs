//! `load`: full orders in a closed loop through a running stack, with the figures it gives. Mail
//! and webhooks are answered here, so the stack runs without its mail server; `tests/bench/run`
//! sets all of that up.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use system_tests::{
    addresses::Addresses,
    load::{Load, run},
};

/// Takes full orders (place, accept, complete) in a closed loop and prints what it measured.
/// The stack is the one of TAKEAWAY_VAR, without its mail server.
#[derive(Parser)]
#[command(name = "load")]
struct Options {
    /// Orders in flight.
    #[arg(short = 'c', long, default_value_t = 64)]
    customers: usize,
    /// How long to count, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How long to run before counting, in seconds.
    #[arg(long, default_value_t = 10)]
    warmup: u64,
    /// Print one line of JSON behind the figures.
    #[arg(long)]
    json: bool,
}

// One thread: it shares its cores with what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(options.customers > 0 && options.seconds > 0, "nothing to do: -c and --seconds are 1+");
    let load = Load {
        customers: options.customers,
        warm_up: Duration::from_secs(options.warmup),
        measured: Duration::from_secs(options.seconds),
    };
    let report = run(&Addresses::of_environment()?, load).await?;
    println!("{report}");
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
