//! The one place where concrete parts meet.

mod relays;

use crate::app::feed::Feeds;
use crate::app::{App, EndpointTest};
use crate::archiving::{self, OnTopic};
use crate::config::{self, Config, CustomerChannel, Database, MailServer};
use crate::leases::Leases;
use crate::store::Store;
use crate::store::postgres::{self, Postgres};
use crate::store::sqlite::{self, Sqlite};
use crate::tasks::mail::{self, Mailer};
use crate::tasks::post::Poster;
use crate::tasks::{Channels, Customers};
use crate::{
    bulk_actions, conformance, deadlines, deliveries, endpoint_tests, erasures, housekeeping, http,
    tasks,
};
use anyhow::Context;
use chassis::clock::{Clock, SystemClock};
use chassis::http::auth::Guard;
use chassis::http::{Health, Tls, most_connections};
use chassis::ids::{Ids, UuidV7Ids};
use chassis::kafka::watch_admission;
use chassis::postgres::Migrated;
use chassis::shutdown::Shutdown;
use chassis::supervisor::Supervisor;
use relays::Relays;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// How many new tasks may wait in memory; further ones are found in the store.
const HANDED_OVER: usize = 1_024;

/// How long each loop may take to stop.
const GRACE: Duration = Duration::from_secs(10);

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
    let guard = guard(&config).await?;
    let tls = config.tls.as_ref().map(Tls::load).transpose()?;
    let channels = channels(&config)?;
    let store = open_store(&config.database).await?;
    let (app, mut group) =
        App::new(Arc::clone(&store), Arc::clone(&clock), ids, config.terms.clone(), config.limits);
    let streams = config::streams_within(config.streams, most_connections());
    let app = app.with_answer_links(config.answer_links.clone()).with_streams(streams);
    let (app, tests) = app.reaching(config.webhook_reach);
    let relays = Relays::of(&config, Arc::clone(&store), Arc::clone(&clock)).await?;
    relays.wakes().iter().for_each(|wake| group.wake_on_journal(wake.clone()));
    let (hand_over, started) = mpsc::channel(HANDED_OVER);
    group.hand_tasks_to(hand_over);
    group.pause_by(config.pauses);
    group.open_at_most(config.most_open);
    let health = Health::new();
    let router = chassis::http::router(
        http::router(app.clone(), guard).merge(http::answer_pages(app.clone())),
        health.clone(),
        chassis::metrics::install(),
        http::BODY_LIMIT_BYTES,
    );
    let router = config.origins.clone().admit(router);
    let listener = TcpListener::bind(config.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", config.listen))?;
    let mut leases = Leases::new(Arc::clone(&store), UuidV7Ids.next().to_string());
    let (watched, archived, told) = (Arc::clone(&store), Arc::clone(&store), store);

    // What others rely on is started first and stopped last.
    let mut loops = Supervisor::new();
    let stop_all = loops.shutdown();
    loops.spawn("group-commit", |stop| group.run(stop));
    relays.add_to(&mut leases);
    loops.spawn("relays", |stop| relays.count(stop));
    let (channels, started) = (Arc::new(channels), Arc::new(Mutex::new(started)));
    tell_endpoints(telling(&config, &app, told, &channels), tests, &mut leases, &mut loops);
    let carrying_out = app.for_loops();
    leases.add("tasks", move |held, stop| {
        let (channels, started) = (Arc::clone(&channels), Arc::clone(&started));
        tasks::run(carrying_out.clone(), channels, started, held, stop)
    });
    let waking = (app.clone(), Arc::clone(&clock), config.limits.for_deadlines());
    leases.add("deadlines", move |_, stop| {
        deadlines::run(waking.0.clone(), Arc::clone(&waking.1), waking.2, stop)
    });
    let archivist = (config.clone(), Arc::clone(&clock));
    leases.add("archive", move |_, stop| archive(&archivist.0, &archived, &archivist.1, stop));
    let bulk = (app.clone(), Arc::clone(&clock));
    leases.add("bulk-actions", move |held, stop| {
        bulk_actions::run(bulk.0.clone(), Arc::clone(&bulk.1), held, stop)
    });
    loops.spawn("leases", |stop| leases.run(stop));
    let (ticking, runtime) = (Arc::clone(&clock), tokio::runtime::Handle::current());
    loops.spawn_thread("conformance", move |stop| {
        runtime.block_on(conformance::run(watched, ticking, stop))
    });
    let (erasing, feeds) = ((app.clone(), Arc::clone(&clock)), app.feeds().clone());
    let present = app.clone();
    loops.spawn("presences", |stop| present.note_presences(UuidV7Ids, stop));
    loops.spawn("erasures", |stop| erasures::run(erasing.0, erasing.1, stop));
    loops.spawn("housekeeping", |stop| housekeeping::run(app, clock, stop));
    loops.spawn("kafka", |stop| watch_admission(config.kafka, health.check("kafka"), stop));
    loops.spawn("http", |stop| chassis::http::serve_over(tls, listener, router, stop));
    add_feeds(&mut loops, feeds);
    tracing::info!(address = %config.listen, "orders are taken");
    let _stop_with_caller = tokio::spawn(async move {
        shutdown.cancelled().await;
        stop_all.cancel();
    });
    loops.run(GRACE).await
}

/// To be stopped first: requests are waited for, and a stream would never end by itself.
fn add_feeds(loops: &mut Supervisor, feeds: Feeds) {
    let runtime = tokio::runtime::Handle::current();
    loops.spawn_thread("feeds", move |stop| runtime.block_on(feeds.run(stop)));
}

/// Tokens are judged by the time of those who issue them, not by the one that never jumps.
async fn guard(config: &Config) -> anyhow::Result<Guard<http::Principal>> {
    let verifier = config.auth.verifier(Arc::new(SystemClock)).await?;
    Ok(Guard::new(verifier, config.quotas.clone()))
}

fn channels(config: &Config) -> anyhow::Result<Channels> {
    let mailer = |MailServer { smtp_url, from }: &MailServer| {
        Mailer::new(smtp_url, from, mail::LIMIT).map(Arc::new)
    };
    let mailer = config.mail.as_ref().map(mailer).transpose()?;
    let customers = match (&config.customers, &mailer) {
        (CustomerChannel::Push(gateway), _) => Customers::Push(gateway.clone()),
        (CustomerChannel::Mail, Some(mailer)) => Customers::Mail(Arc::clone(mailer)),
        (CustomerChannel::Mail, None) => anyhow::bail!("SMTP_URL is not set"),
    };
    Ok(Channels { poster: Arc::new(Poster::new(config.webhook_reach)?), mailer, customers })
}

/// Has endpoints told what happens to orders, and tests sent that their owners ask for.
fn tell_endpoints(
    parts: deliveries::Parts,
    tests: mpsc::Receiver<EndpointTest>,
    leases: &mut Leases,
    loops: &mut Supervisor,
) {
    let (app, poster) = (parts.app.clone(), Arc::clone(&parts.poster));
    loops.spawn("endpoint-tests", |stop| endpoint_tests::run(app, poster, tests, stop));
    leases.add("deliveries", move |held, stop| deliveries::run(parts.clone(), held, stop));
}

/// What it takes to tell endpoints.
fn telling(
    config: &Config,
    app: &App,
    store: Arc<dyn Store>,
    channels: &Channels,
) -> deliveries::Parts {
    deliveries::Parts {
        app: app.for_loops(),
        store: store.for_loops(),
        poster: Arc::clone(&channels.poster),
        mailer: channels.mailer.clone(),
        pause_after_ms: config.endpoint_pause_after_ms,
    }
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
        let runtime = tokio::runtime::Handle::current();
        let asked = Arc::clone(&store);
        let ask_anew =
            move || Ok(OnTopic::new(kafka.clone(), Arc::clone(&asked), runtime.clone())?);
        archiving::run(store, clock, ask_anew, after_ms, stop).await
    }
}

/// The store that the configuration names, for whoever runs the context: a file is made if there is
/// none, and brought up to date.
///
/// # Errors
/// When it cannot be opened, is a file of an earlier version that somebody uses, or is a PostgreSQL that [`migrate_store`] has not brought up to date.
pub async fn open_store(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        Database::Sqlite(path) => Ok(Arc::new(open_sqlite(path)?)),
        Database::Postgres(_) => open_existing(database).await,
    }
}

/// The store that the configuration names, for whoever looks at it, perhaps beside a running context: it
/// is there and has tables that this version can use.
///
/// # Errors
/// When it is not, with what to do.
pub async fn open_existing(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    let opened: anyhow::Result<Arc<dyn Store>> = match database {
        Database::Sqlite(path) => Sqlite::open_existing(path).map(|store| Arc::new(store) as _),
        Database::Postgres(address) => {
            Postgres::open(address).await.map(|store| Arc::new(store) as _)
        }
    };
    opened.with_context(|| format!("cannot open the orders database {database}"))
}

/// Whether no `orders serve` uses the store, as far as can be seen; one that is being stopped is waited for.
///
/// # Errors
/// One does, or it does not answer.
pub async fn require_left(database: &Database) -> anyhow::Result<()> {
    match database.clone() {
        Database::Sqlite(path) => {
            tokio::task::spawn_blocking(move || sqlite::copy::require_left(&path)).await?
        }
        Database::Postgres(address) => postgres::copy::require_left(&address).await,
    }
}

/// Brings the tables of the store up to date, whichever version they have; what was done, and which
/// instances may go on.
///
/// # Errors
/// When it does not answer, belongs to a newer version, is used by instances that could not go on, or a
/// migration fails.
pub async fn migrate_store(database: &Database) -> anyhow::Result<String> {
    match database {
        Database::Sqlite(path) => {
            open_sqlite(path)?;
            Ok(format!("{}: up to date", path.display()))
        }
        Database::Postgres(address) => {
            let migrated = Postgres::migrate(address).await;
            let Migrated { from, to, compatible_from } = migrated
                .with_context(|| format!("cannot migrate the orders database {address}"))?;
            Ok(match from {
                _ if from == to => format!("{address}: up to date at version {to}"),
                0 => format!("{address}: migrated to version {to}"),
                _ => format!(
                    "{address}: migrated from version {from} to {to}, for instances of version \
                     {compatible_from} and later"
                ),
            })
        }
    }
}

/// Opening brings it up to date.
fn open_sqlite(path: &Path) -> anyhow::Result<Sqlite> {
    let store = Sqlite::open(path);
    store.with_context(|| format!("cannot open the orders database {}", path.display()))
}
