//! The `orders` program: see `orders help`.

use clap::Parser;
use orders_context::cli::Cli;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Cli::parse().run().await
}
