//! `takeaway-kit`: puts golden records and whole stories onto a broker, so that other teams can test
//! their readers without us. Prints one JSON object for each message.

use std::process::ExitCode;

use anyhow::Result;
use chassis::{config::Settings, kafka::KafkaConfig};
use clap::{Parser, Subcommand};
use schemas::{RegistryAddress, RegistryClient};
use system_tests::kit::{Kit, Story};

/// Publishes what Takeaway would, onto the broker of `KAFKA_BOOTSTRAP` with the registry of
/// `SCHEMA_REGISTRY_URL`. For tests: never run it against a broker that others rely on.
#[derive(Parser)]
#[command(name = "takeaway-kit", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the topics and register the schemas. Safe to repeat.
    Prepare,
    /// Publish the golden records: one message of each event type.
    Golden {
        /// Those of this version of the schemas instead of the latest.
        #[arg(long)]
        version: Option<usize>,
    },
    /// Play a story of a new order.
    Play {
        /// Which.
        story: Story,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("takeaway-kit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let mut settings = Settings::from_env();
    let kafka = KafkaConfig::from_settings(&mut settings, "takeaway-kit");
    let registry = RegistryAddress {
        url: settings.required("SCHEMA_REGISTRY_URL"),
        ca_file: settings.optional("SCHEMA_REGISTRY_CA_FILE"),
    };
    let (kafka, registry) = settings.finish((kafka, registry))?;
    let kit = Kit::new(kafka, RegistryClient::at(&registry)?);
    let published = match cli.command {
        Command::Prepare => {
            kit.prepare().await?.iter().for_each(|topic| println!("{topic}: ready"));
            return Ok(());
        }
        Command::Golden { version } => kit.golden(version).await?,
        Command::Play { story } => kit.play(story).await?,
    };
    for message in published {
        println!("{}", serde_json::to_string(&message)?);
    }
    Ok(())
}
