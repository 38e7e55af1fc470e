//! Where the parts meet: binds the port and starts the loops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::http::Health;
use chassis::kafka::cluster;
use chassis::kafka::consumer::{ConsumerConfig, run_consumer};
use chassis::shutdown::Shutdown;
use chassis::supervisor::Supervisor;
use schemas::RegistryClient;
use schemas::topics::{ORDER_EVENTS, ORDER_EVENTS_VALUE, Topic, VOUCHER_EVENTS};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::http;
use crate::ingest::{GROUP, LakeInbox, RegistryLookup, Sink, Statuses};
use crate::maintenance::Maintenance;

/// The topics that have a table.
pub const TOPICS: [&Topic; 2] = [&ORDER_EVENTS, &VOUCHER_EVENTS];

/// How long each loop may take to stop. The consumer commits once more.
const GRACE: Duration = Duration::from_secs(20);

/// Analytics, with its loops running.
pub struct Running {
    /// Where the HTTP server listens.
    pub address: SocketAddr,
    supervisor: Supervisor,
}

impl Running {
    /// Runs until `shutdown`, a signal, or the failure of a loop; then commits what was read and
    /// stops.
    ///
    /// # Errors
    /// The first failure of a loop.
    pub async fn until(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let stop = self.supervisor.shutdown();
        let forward = tokio::spawn(async move {
            shutdown.cancelled().await;
            stop.cancel();
        });
        let ended = self.supervisor.run(GRACE).await;
        forward.abort();
        ended
    }
}

/// Starts analytics and runs it until `shutdown`, a signal, or a failure.
///
/// # Errors
/// What prevented the start, or the first failure of a loop.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let running = start(config).await?;
    tracing::info!(address = %running.address, "analytics is listening");
    running.until(shutdown).await
}

/// Starts analytics. Once this returns, the port is bound and every loop runs; whether Kafka and
/// the registry are there is for `/readyz` to say.
///
/// # Errors
/// The port cannot be bound, or a shipped schema cannot be a table.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: ANALYTICS_LISTEN", config.listen))?;
    let address = listener.local_addr()?;
    let metrics = chassis::metrics::install();
    let health = Health::new();
    let statuses = Statuses::default();
    let mut supervisor = Supervisor::new();

    let (consumed, shown) = (health.check("events"), statuses.clone());
    let routes = chassis::http::router(
        http::router(move || shown.all()),
        health,
        metrics,
        http::BODY_LIMIT_BYTES,
    );
    supervisor.spawn("http", move |stop| chassis::http::serve(listener, routes, stop));

    let inbox = inbox(&config, statuses)?;
    let consumer = ConsumerConfig {
        kafka: config.kafka,
        group: GROUP.to_owned(),
        topics: TOPICS.map(|topic| topic.name.to_owned()).to_vec(),
        max_records: 10_000,
        max_wait: Duration::from_millis(100),
        // Fine enough that a window is not much older than it may be.
        tick: (config.flush.after / 4).clamp(Duration::from_millis(20), Duration::from_secs(1)),
    };
    supervisor.spawn_thread("consumer", move |stop| {
        run_consumer(consumer, inbox.until(&stop), consumed, stop)
    });
    Ok(Running { address, supervisor })
}

fn inbox(config: &Config, statuses: Statuses) -> anyhow::Result<LakeInbox> {
    let mut sinks = Vec::new();
    for topic in TOPICS {
        let subject = topic.subject.with_context(|| format!("{} has no schema", topic.name))?;
        let sink =
            Sink::new(topic, subject.latest(), Box::new(Maintenance::default()), statuses.clone())
                .with_context(|| format!("{} cannot be a table", topic.name))?;
        sinks.push(sink);
    }
    let registry = RegistryClient::at(&config.registry)?;
    Ok(LakeInbox {
        lake: config.lake.clone(),
        sinks,
        rules: config.flush,
        lookup: Arc::new(RegistryLookup::new(registry, ORDER_EVENTS_VALUE)),
        find_cluster: cluster::find(config.kafka.clone()),
        runtime: Handle::current(),
    })
}
