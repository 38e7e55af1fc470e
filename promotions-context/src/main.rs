//! The `promotions` program: a table of contents.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::SystemClock;
use chassis::config::Settings;
use chassis::ids::UuidV7Ids;
use chassis::shutdown::Shutdown;
use clap::{Parser, Subcommand};
use promotions_context::config::{self, Config};
use promotions_context::{boot, deploy, http, verify};

/// Vouchers for completed orders.
#[derive(Parser)]
#[command(name = "promotions")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes order events, issues vouchers, publishes their events and answers HTTP.
    Serve,
    /// The topics that promotions writes.
    Topics {
        #[command(subcommand)]
        command: Apply,
    },
    /// The schemas of the events that promotions writes.
    Schemas {
        #[command(subcommand)]
        command: Apply,
    },
    /// Compares the journal with the topics; exits 1 and says what differs.
    Verify {
        /// How long a running relay may take to publish the rest, in seconds.
        #[arg(long, default_value_t = 10)]
        wait: u64,
    },
    /// Prints the OpenAPI document of the HTTP API.
    Openapi,
}

#[derive(Subcommand)]
enum Apply {
    /// Creates what is missing and changes what may be changed. Can be repeated at will.
    Apply,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("promotions ends: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::from_env();
    chassis::telemetry::init("promotions", &mut settings);
    match command {
        Command::Serve => {
            let config = Config::from_settings(&mut settings);
            let config = settings.finish(config)?;
            boot::run(config, Arc::new(SystemClock), Arc::new(UuidV7Ids), Shutdown::new()).await?;
        }
        Command::Topics { command: Apply::Apply } => {
            let kafka = config::kafka(&mut settings);
            return deploy::apply_topics(&settings.finish(kafka)?).await;
        }
        Command::Schemas { command: Apply::Apply } => {
            let registry = config::registry(&mut settings);
            return deploy::apply_schemas(&settings.finish(registry)?).await;
        }
        Command::Verify { wait } => {
            let subject = verify::Subject {
                kafka: config::kafka(&mut settings),
                registry: config::registry(&mut settings),
                database: config::database(&mut settings),
            };
            let subject = settings.finish(subject)?;
            return verify::run(subject, Duration::from_secs(wait)).await;
        }
        Command::Openapi => println!("{}", http::openapi_json()?),
    }
    Ok(ExitCode::SUCCESS)
}
