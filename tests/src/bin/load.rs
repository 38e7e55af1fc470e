//! `load`: full orders through a running stack, with the figures they give. Restaurants and the push
//! gateway are answered here, so orders must have been told where; `tests/bench/run` sets all of
//! that up.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use system_tests::{
    addresses::Addresses,
    load::{Load, Pace, run},
};

/// Takes full orders (place, accept, complete) and prints what it measured. The stack is the one of
/// TAKEAWAY_VAR, with ORDERS_PUSH_URL leading to the sink.
#[derive(Parser)]
#[command(name = "load")]
struct Options {
    /// Names what is measured.
    #[arg(long, default_value = "takeaway")]
    name: String,
    /// Orders in flight.
    #[arg(short = 'c', long, default_value_t = 64)]
    in_flight: usize,
    /// Instead: so many orders a second, whatever becomes of them.
    #[arg(long, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Most orders that are open at once when they come at a rate.
    #[arg(long, default_value_t = 1_024)]
    most_open: usize,
    /// How long to bring orders and count them, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long to bring them before counting, in seconds.
    #[arg(long, default_value_t = 5)]
    warmup: u64,
    /// Where restaurants and customers are told: host:port.
    #[arg(long, default_value = "127.0.0.1:7070")]
    sink: String,
    /// Keys of new orders are random, as many clients choose them, and do not grow with time.
    #[arg(long)]
    random_keys: bool,
    /// Read the topic too, and say how long events take until they are visible.
    #[arg(long)]
    watch: bool,
    /// Print one line of JSON behind the figures.
    #[arg(long)]
    json: bool,
}

// One thread: it shares its cores with what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let pace = match options.rate {
        Some(rate) => Pace::PerSecond(rate),
        None => Pace::InFlight(options.in_flight),
    };
    let is_something =
        options.in_flight.min(options.most_open) > 0 && options.rate.is_none_or(|rate| rate > 0.0);
    ensure!(
        is_something && options.seconds > 0,
        "nothing to do: -c, --rate, --seconds are above 0"
    );
    let load = Load {
        name: options.name,
        pace,
        most_open: options.most_open,
        warm_up: Duration::from_secs(options.warmup),
        measured: Duration::from_secs(options.seconds),
        sink: options.sink,
        random_keys: options.random_keys,
        watch: options.watch,
    };
    let report = run(&Addresses::of_environment()?, load).await?;
    println!("{report}");
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    ensure!(report.unseen == 0, "{} acknowledged events are not on the topic", report.unseen);
    Ok(())
}
