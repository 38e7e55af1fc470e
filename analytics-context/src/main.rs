//! The `analytics` program: a table of contents of what it can do.

use std::process::ExitCode;
use std::time::Duration;

use analytics_context::config::{self, Config};
use analytics_context::rows::{self, rows_of_order};
use analytics_context::verify::{self, TopicReport};
use chassis::config::Settings;
use chassis::kafka::KafkaConfig;
use chassis::shutdown::Shutdown;
use clap::{Parser, Subcommand};

/// Keeps what happened as tables that any BI tool reads.
#[derive(Parser)]
#[command(name = "analytics")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes every event into the lake until it is told to stop.
    Serve,
    /// Compares topics and tables: every offset of every partition is one row. Exits 1 if not.
    Verify {
        /// Wait at most so many seconds for the tables to reach the ends the topics have now.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// Shows what the lake knows of an order. Exits 1 when it knows nothing.
    Rows {
        /// The order's id.
        #[arg(long, value_name = "ID")]
        order: String,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Serve => {
            analytics_context::boot::run(Config::from_env()?, Shutdown::new()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { wait } => verify_lake(Duration::from_secs(wait)).await,
        Command::Rows { order, json } => show_rows(&order, json).await,
    }
}

async fn verify_lake(wait: Duration) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::from_env();
    let kafka = KafkaConfig::from_settings(&mut settings, "analytics-verify");
    let lake = config::lake(&mut settings);
    let (kafka, lake) = settings.finish((kafka, lake))?;
    let reports = verify::verify(&kafka, &lake, wait).await?;
    print!("{}", verify::show(&reports));
    Ok(exit(reports.iter().all(TopicReport::is_clean)))
}

async fn show_rows(order: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::from_env();
    let lake = config::lake(&mut settings);
    let rows = rows_of_order(&settings.finish(lake)?, order).await?;
    if json {
        for row in &rows {
            println!("{}", serde_json::to_string(row)?);
        }
    } else {
        print!("{}", rows::show(&rows));
    }
    Ok(exit(!rows.is_empty()))
}

fn exit(fine: bool) -> ExitCode {
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
