//! The one place where concrete parts meet.

use crate::app::App;
use crate::archiving::{self, OnTopic};
use crate::config::{Config, CustomerChannel, Database};
use crate::leases::Leases;
use crate::relay::OrderJournal;
use crate::store::Store;
use crate::store::postgres::Postgres;
use crate::store::sqlite::Sqlite;
use crate::tasks::mail::{self, Mailer};
use crate::tasks::post::Poster;
use crate::tasks::{Channels, Customers};
use crate::{bulk_actions, conformance, deadlines, housekeeping, http, tasks};
use anyhow::Context;
use chassis::backoff::Backoff;
use chassis::clock::Clock;
use chassis::http::Health;
use chassis::ids::{Ids, UuidV7Ids};
use chassis::kafka::relay::{RelayConfig, run_relay};
use chassis::postgres::Migrated;
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use chassis::supervisor::Supervisor;
use schemas::registry::RegistryClient;
use schemas::topics::{ORDER_EVENTS, ORDER_EVENTS_VALUE, ORDERS_RELAY};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// How many new tasks may wait in memory; further ones are found in the store.
const HANDED_OVER: usize = 1_024;

/// How long each loop may take to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How often an idle relay looks at the journal without having been woken.
const RELAY_LOOKS_EVERY: Duration = Duration::from_millis(500);

/// The same where other instances write too, whose commits do not wake it.
const RELAY_LOOKS_FOR_OTHERS_EVERY: Duration = Duration::from_millis(20);

/// Between two questions to a registry that does not answer.
const REGISTRY_AGAIN: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// Runs the orders context until `shutdown`, a signal or the first failure, then stops it in order:
/// no request that was accepted is lost.
///
/// # Errors
/// When a part cannot be started or fails.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let store = open_store(&config.database).await?;
    let (app, mut group) =
        App::new(Arc::clone(&store), Arc::clone(&clock), ids, config.terms.clone(), config.limits);
    let journal_grew = Signal::new();
    group.wake_on_journal(journal_grew.clone());
    let (hand_over, started) = mpsc::channel(HANDED_OVER);
    group.hand_tasks_to(hand_over);
    let channels = channels(&config)?;
    let health = Health::new();
    let router = chassis::http::router(
        http::router(app.clone()),
        health.clone(),
        chassis::metrics::install(),
        http::BODY_LIMIT_BYTES,
    );
    let listener = TcpListener::bind(config.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", config.listen))?;
    let leases = Leases::new(Arc::clone(&store), UuidV7Ids.next().to_string());
    let (watched, archived) = (Arc::clone(&store), Arc::clone(&store));
    let relay = Relay { config: config.clone(), store, journal_grew, clock: Arc::clone(&clock) };

    // What others rely on is started first and stopped last.
    let mut loops = Supervisor::new();
    let stop_all = loops.shutdown();
    loops.spawn("group-commit", |stop| group.run(stop));
    relay.start(&mut loops, leases.clone())?;
    let (channels, started) = (Arc::new(channels), Arc::new(Mutex::new(started)));
    let tasks = (leases.clone(), app.clone());
    loops.spawn("tasks", |stop| async move {
        let (leases, app) = tasks;
        let work = |held, stop| {
            tasks::run(app.clone(), Arc::clone(&channels), Arc::clone(&started), held, stop)
        };
        leases.run("tasks", work, stop).await
    });
    let deadlines = (leases.clone(), app.clone(), Arc::clone(&clock));
    let share = config.limits.for_deadlines();
    loops.spawn("deadlines", move |stop| async move {
        let (leases, app, clock) = deadlines;
        let work = |_, stop| deadlines::run(app.clone(), Arc::clone(&clock), share, stop);
        leases.run("deadlines", work, stop).await
    });
    let archivist = (leases.clone(), config.clone(), Arc::clone(&clock));
    loops.spawn("archive", |stop| async move {
        let (leases, config, clock) = archivist;
        let work = |_, stop| archive(&config, &archived, &clock, stop);
        leases.run("archive", work, stop).await
    });
    let bulk = (leases, app.clone(), Arc::clone(&clock));
    loops.spawn("bulk-actions", |stop| async move {
        let (leases, app, clock) = bulk;
        let work = |held, stop| bulk_actions::run(app.clone(), Arc::clone(&clock), held, stop);
        leases.run("bulk-actions", work, stop).await
    });
    let (ticking, runtime) = (Arc::clone(&clock), tokio::runtime::Handle::current());
    loops.spawn_thread("conformance", move |stop| {
        runtime.block_on(conformance::run(watched, ticking, stop))
    });
    loops.spawn("housekeeping", |stop| housekeeping::run(app, clock, stop));
    loops.spawn("http", |stop| chassis::http::serve(listener, router, stop));
    tracing::info!(address = %config.listen, "orders are taken");
    let _stop_with_caller = tokio::spawn(async move {
        shutdown.cancelled().await;
        stop_all.cancel();
    });
    loops.run(GRACE).await
}

fn channels(config: &Config) -> anyhow::Result<Channels> {
    let customers = match &config.customers {
        CustomerChannel::Mail { smtp_url, from } => {
            Customers::Mail(Mailer::new(smtp_url, from, mail::LIMIT).context("SMTP_URL")?)
        }
        CustomerChannel::Push(gateway) => Customers::Push(gateway.clone()),
    };
    Ok(Channels { poster: Poster::new(config.webhook_reach)?, customers })
}

/// Moves orders at rest to compact history until `stop`.
fn archive(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    stop: Shutdown,
) -> impl Future<Output = anyhow::Result<()>> + Send + use<> {
    let (kafka, after_ms) = (config.kafka.clone(), config.archive_after_ms);
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    async move {
        let published = OnTopic::new(kafka, store.journal_reader()?);
        archiving::run(store, clock, published, after_ms, stop).await
    }
}

/// The store that the configuration names, with the tables of this version.
///
/// # Errors
/// When it cannot be opened, or is a PostgreSQL that [`migrate_store`] has not brought up to date.
pub async fn open_store(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match database {
        Database::Sqlite(path) => Arc::new(open_sqlite(path)?),
        Database::Postgres(address) => {
            let store = Postgres::open(address).await;
            Arc::new(store.with_context(|| format!("cannot open the orders database {address}"))?)
        }
    })
}

/// Brings the tables of the store up to date, whichever version they have; what was done.
///
/// # Errors
/// When it does not answer, belongs to a newer version, or a migration fails.
pub async fn migrate_store(database: &Database) -> anyhow::Result<String> {
    match database {
        Database::Sqlite(path) => {
            open_sqlite(path)?;
            Ok(format!("{}: up to date", path.display()))
        }
        Database::Postgres(address) => {
            let migrated = Postgres::migrate(address).await;
            let Migrated { from, to } = migrated
                .with_context(|| format!("cannot migrate the orders database {address}"))?;
            Ok(match from == to {
                true => format!("{address}: up to date at version {to}"),
                false => format!("{address}: migrated from version {from} to {to}"),
            })
        }
    }
}

/// Opening brings it up to date.
fn open_sqlite(path: &Path) -> anyhow::Result<Sqlite> {
    let store = Sqlite::open(path);
    store.with_context(|| format!("cannot open the orders database {}", path.display()))
}

struct Relay {
    config: Config,
    store: Arc<dyn Store>,
    journal_grew: Signal,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// Kafka and the registry may be away: orders are taken all the same and the journal grows.
    fn start(self, loops: &mut Supervisor, leases: Leases) -> anyhow::Result<()> {
        let registry = RegistryClient::new(&self.config.registry_url)?;
        let relay = Arc::new(self);
        loops.spawn("relay", |stop| async move {
            let Some(id) = schema_id(&registry, &stop).await? else { return Ok(()) };
            let work = |_, stop| {
                let relay = Arc::clone(&relay);
                async move { tokio::task::spawn_blocking(move || relay.publish(id, stop)).await? }
            };
            leases.run("relay-0", work, stop).await
        });
        Ok(())
    }

    /// Blocks. Kafka fences whoever published before, so that nothing is published twice even if
    /// they have not noticed that their lease is lost.
    fn publish(&self, schema_id: u32, stop: Shutdown) -> anyhow::Result<()> {
        let journal = OrderJournal::new(self.store.journal_reader()?, schema_id)?;
        let kafka = self.config.kafka.clone();
        let relay = RelayConfig {
            look_every: match self.config.database {
                // Nobody else writes: each commit wakes the relay.
                Database::Sqlite(_) => RELAY_LOOKS_EVERY,
                Database::Postgres(_) => RELAY_LOOKS_FOR_OTHERS_EVERY,
            },
            ..RelayConfig::new(kafka, "orders-relay-0", ORDERS_RELAY.name, &[ORDER_EVENTS.name])
        };
        let (wake, clock) = (self.journal_grew.clone(), Arc::clone(&self.clock));
        run_relay(relay, journal, wake, clock, stop)
    }
}

/// The id of our schema, asked until the registry answers; `None` when stopped meanwhile.
async fn schema_id(registry: &RegistryClient, stop: &Shutdown) -> anyhow::Result<Option<u32>> {
    let (subject, schema) = (ORDER_EVENTS_VALUE.name, ORDER_EVENTS_VALUE.latest());
    for attempt in 0.. {
        match registry.id_of(subject, schema).await {
            Ok(known) => return Ok(Some(known.id)),
            Err(error) => tracing::warn!(error = %error, "events wait for the schema registry"),
        }
        tokio::select! {
            () = tokio::time::sleep(REGISTRY_AGAIN.delay(attempt)) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
    Ok(None)
}
