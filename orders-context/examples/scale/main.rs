//! Measures what many orders cost: those that wait, those that are due at once, those at rest.
//!
//! ```text
//! cargo run -p orders-context --example scale -- idle WAITING SECONDS
//! cargo run -p orders-context --example scale -- due WAITING PLACED_A_SECOND
//! cargo run -p orders-context --example scale -- closed SECONDS
//! ```
//!
//! Everything runs in this process, over the new database that `ORDERS_DATABASE_URL` names: the queue,
//! the deadlines and the archive as `orders serve` runs them, but no HTTP, no Kafka and no tasks.
//! `closed` wants a database that has orders in it already, and compares it with an empty file beside it.

mod closed;
mod kitchen;
#[path = "../support/lateness.rs"]
mod lateness;
mod process;
mod waiting;

use anyhow::Context;
use orders_context::config::Database;

/// As in `orders`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let url = std::env::var("ORDERS_DATABASE_URL").context("ORDERS_DATABASE_URL is not set")?;
    let database: Database = url.parse().map_err(anyhow::Error::msg)?;
    match words[..] {
        ["idle", orders, seconds] => {
            waiting::idle(&database, orders.parse()?, seconds.parse()?).await
        }
        ["due", orders, rate] => waiting::due(&database, orders.parse()?, rate.parse()?).await,
        ["rest", orders] => closed::rest(&database, orders.parse()?).await,
        ["closed", seconds] => closed::compare(&database, seconds.parse()?).await,
        _ => {
            anyhow::bail!("say idle, due, rest or closed, as described at the top of this program")
        }
    }
}
