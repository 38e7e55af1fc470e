//! `orders republish` on the command line.

use super::print;
use crate::boot;
use crate::config::{self, Database};
use crate::relay::records::SchemaIds;
use crate::republish::{Bound, Elsewhere, Full, Republish, Request, What};
use anyhow::Context;
use chassis::clock::SteadyClock;
use chassis::config::Settings;
use chassis::ids::{Ids, UuidV7Ids};
use chassis::kafka::KafkaConfig;
use clap::Args;
use schemas::registry::RegistryClient;
use std::sync::Arc;

/// What is published again, and where to.
#[derive(Args)]
pub struct Again {
    /// The first position or moment (2026-11-27T18:30:00Z); else the beginning.
    #[arg(long)]
    from: Option<Bound>,
    /// The last position or moment; else as far as it is published.
    #[arg(long)]
    to: Option<Bound>,
    /// The last state of each order, to the topic of states, instead of the events.
    #[arg(long)]
    state: bool,
    /// Into this topic, which is none of the system's own and has the partitions of the original, beside a
    /// running context; else into the original, while no context runs.
    #[arg(long)]
    into: Option<Elsewhere>,
    /// Write behind what the topic holds; else it has to be empty.
    #[arg(long)]
    append: bool,
    /// Begin anew, whatever an earlier run with these arguments has written.
    #[arg(long)]
    again: bool,
}

impl Again {
    /// Publishes.
    ///
    /// # Errors
    /// Whatever stands in the way, with what to do about it.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut settings = Settings::from_env();
        let kafka = KafkaConfig::from_settings(&mut settings, "orders-republish");
        let registry = config::registry(&mut settings);
        let database = settings.or("ORDERS_DATABASE_URL", Database::default());
        let (kafka, registry, database) = settings.finish((kafka, registry, database))?;
        if self.into.is_none() {
            boot::require_left(&database).await?;
        }
        let republish = Republish {
            store: boot::open_existing(&database).await?,
            kafka,
            schema_ids: SchemaIds::of(&RegistryClient::at(&registry)?).await?,
            clock: Arc::new(SteadyClock::start()),
            owner: UuidV7Ids.next().to_string(),
            runtime: tokio::runtime::Handle::current(),
        };
        let (again, request) = (self.again, self.request());
        let run = tokio::task::spawn_blocking(move || {
            if again {
                republish.begin_anew(&request)?;
            }
            republish.run(&request)
        });
        let records = run.await.context("it was interrupted: call it again")??;
        print(&format!("published again: {records} records\n"))
    }

    fn request(self) -> Request {
        Request {
            what: if self.state { What::States } else { What::Events },
            from: self.from,
            to: self.to,
            into: self.into,
            full: if self.append { Full::Append } else { Full::Refuse },
        }
    }
}
