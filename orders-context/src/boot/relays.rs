//! The relays of one process: it holds leases of as many as the journal has shards.

use crate::config::{Config, Database};
use crate::leases::Leases;
use crate::relay::shards::{Shards, ask_published, begin};
use crate::store::{MOST_SHARDS, Store};
use anyhow::Context;
use chassis::clock::Clock;
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use schemas::registry::RegistryClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// How often an idle relay looks at the journal without having been woken.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// The same where other instances write too, whose commits do not wake it.
const LOOKS_FOR_OTHERS_EVERY: Duration = Duration::from_millis(20);

/// How often it is asked how many shards there are.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Everything that publishes.
pub struct Relays {
    shards: Arc<Shards>,
    /// One for each shard there may be: to be given when the journal grows.
    wakes: Vec<Signal>,
    /// How many shards there are now.
    number: Arc<AtomicI32>,
}

impl Relays {
    /// Relays as `config` says. A journal without an event is divided at once as it says, if Kafka answers
    /// and nothing was published; later that is `orders reshard`.
    ///
    /// # Errors
    /// When the database does not answer, an address is none, or Kafka says that more was published than
    /// the journal holds.
    pub async fn of(
        config: &Config,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let (most, look_every) = match config.database {
            Database::Sqlite(_) => (1, LOOKS_EVERY),
            Database::Postgres(_) => (MOST_SHARDS, LOOKS_FOR_OTHERS_EVERY),
        };
        let active = store.division().await.context("the number of relays")?.active;
        let published = ask_published(&config.kafka, active).await;
        begin(&*store, published, config.relay_shards).await?;
        let number = store.division().await.context("the number of relays")?.active.shards;
        let registry = RegistryClient::at(&config.registry)?;
        let kafka = config.kafka.clone();
        let shards = Arc::new(Shards { store, kafka, registry, clock, look_every });
        let wakes = (0..most).map(|_| Signal::new()).collect();
        Ok(Self { shards, wakes, number: Arc::new(AtomicI32::new(number)) })
    }

    /// To be given after each commit that adds to the journal.
    pub fn wakes(&self) -> &[Signal] {
        &self.wakes
    }

    /// Publishes the shards whose leases this process holds. Kafka and the registry may be away:
    /// orders are taken all the same and the journal grows.
    pub fn add_to(&self, leases: &mut Leases) {
        for (shard, wake) in (0..).zip(&self.wakes) {
            let (shards, wake) = (Arc::clone(&self.shards), wake.clone());
            let number = Arc::clone(&self.number);
            leases.add_while(
                &format!("relay-{shard}"),
                move || shard < number.load(Ordering::Relaxed),
                move |held, stop| Arc::clone(&shards).publish(shard, wake.clone(), held, stop),
            );
        }
    }

    /// Keeps the number of shards in mind until `stop`.
    ///
    /// # Errors
    /// None: what the database does not tell is asked again.
    pub async fn count(self, stop: Shutdown) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            if let Ok(division) = self.shards.store.division().await {
                self.number.store(division.active.shards, Ordering::Relaxed);
            }
            tokio::select! {
                () = tokio::time::sleep(COUNT_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }
}
