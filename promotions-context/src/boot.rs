//! Where the parts meet: opens the store, binds the port, and starts the loops.

mod foreign_schemas;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::clock::Clock;
use chassis::http::auth::Guard;
use chassis::http::{Check, Health, Tls};
use chassis::ids::Ids;
use chassis::kafka::cluster;
use chassis::kafka::consumer::{ConsumerConfig, run_consumer};
use chassis::kafka::relay::{RelayConfig, run_relay};
use chassis::shutdown::Shutdown;
use chassis::signal::Signal;
use chassis::supervisor::Supervisor;
use schemas::{RegistryClient, topics};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::app::{ListVouchers, Rules, Taker};
use crate::config::Config;
use crate::http::{self, Api};
use crate::inbound::{self, OrderInbox, OrderReader};
use crate::outbound::{SchemaIdSource, VoucherJournal, wait_for_schema_id};
use crate::store::Store;

/// Names our relay to Kafka: a second one with this name fences the first.
const TRANSACTIONAL_ID: &str = "promotions-relay-0";

/// How long each loop may take to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Promotions, with its loops running.
pub struct Running {
    /// Where the HTTP API listens.
    pub address: SocketAddr,
    supervisor: Supervisor,
}

impl Running {
    /// Runs until `shutdown`, a signal, or the failure of a loop; then stops in order.
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

/// Starts promotions and runs it until `shutdown`, a signal, or a failure.
///
/// # Errors
/// What prevented the start, or the first failure of a loop.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let running = start(config, clock, ids).await?;
    tracing::info!(address = %running.address, "promotions is listening");
    running.until(shutdown).await
}

/// Starts promotions. Once this returns, the port is bound and every loop runs; whether Kafka and
/// the registry are there is for `/readyz` to say.
///
/// # Errors
/// The database cannot be opened, or the port cannot be bound.
pub async fn start(
    config: Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> anyhow::Result<Running> {
    let path = config.database.path();
    let store = Store::open(path)
        .with_context(|| format!("cannot open {}: PROMOTIONS_DATABASE_URL", path.display()))?;
    let registry = RegistryClient::at(&config.registry)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: PROMOTIONS_LISTEN", config.listen))?;
    let address = listener.local_addr()?;
    let metrics = chassis::metrics::install();
    let health = Health::new();
    let (journal_grew, bound) = (Signal::new(), Signal::new());
    let mut supervisor = Supervisor::new();

    // What is spawned first stops last: the relay publishes what the consumer took before.
    let relay = RelayLoop {
        store: store.clone(),
        source: SchemaIdSource {
            registry: registry.clone(),
            writer: store.writer()?,
            ready: health.check("schema"),
        },
        config: RelayConfig::new(
            config.kafka.clone(),
            TRANSACTIONAL_ID,
            topics::PROMOTIONS_RELAY.name,
            &[topics::VOUCHER_EVENTS.name, topics::PROMOTIONS_ORDER_DLQ.name],
        ),
        journal_grew: journal_grew.clone(),
        bound: bound.clone(),
        clock: Arc::clone(&clock),
        runtime: Handle::current(),
    };
    supervisor.spawn_thread("relay", move |stop| relay.run(stop));

    let verifier = config.auth.verifier(Arc::clone(&clock)).await?;
    let guard = Guard::new(verifier, config.quotas.clone());
    let api = Api { list_vouchers: ListVouchers::new(store.reader()?), clock: Arc::clone(&clock) };
    let consumed = health.check("order-events");
    let routes =
        chassis::http::router(http::router(api, guard), health, metrics, http::BODY_LIMIT_BYTES);
    let routes = config.origins.clone().admit(routes);
    let tls = config.tls.as_ref().map(Tls::load).transpose()?;
    supervisor.spawn("http", move |stop| chassis::http::serve_over(tls, listener, routes, stop));

    let rules = Rules { campaign: config.campaign, key: config.code_key, clock, ids };
    let (kept, runtime, find_cluster) =
        (store.writer()?, Handle::current(), cluster::find(config.kafka.clone()));
    let taker = Taker::new(store.writer()?, rules);
    let inbox = move |stop| OrderInbox {
        find_cluster,
        reader: OrderReader::new(foreign_schemas::fetch(registry, kept, runtime, stop)),
        taker,
        bound,
        journal_grew,
    };
    spawn_consumer(&mut supervisor, config.kafka, inbox, consumed);
    Ok(Running { address, supervisor })
}

fn spawn_consumer(
    supervisor: &mut Supervisor,
    kafka: chassis::kafka::KafkaConfig,
    inbox: impl FnOnce(Shutdown) -> OrderInbox + Send + 'static,
    health: Check,
) {
    let config = ConsumerConfig {
        kafka,
        group: inbound::GROUP.to_owned(),
        topics: vec![topics::ORDER_EVENTS.name.to_owned()],
        max_records: 2_000,
        // A transaction here costs one flush to disk: what comes within this time shares it.
        max_wait: Duration::from_millis(20),
        tick: Duration::from_secs(10),
    };
    supervisor.spawn_thread("consumer", move |stop| {
        run_consumer(config, inbox(stop.clone()), health, stop)
    });
}

/// What the relay's thread needs.
struct RelayLoop {
    store: Store,
    source: SchemaIdSource,
    config: RelayConfig,
    journal_grew: Signal,
    /// Given once the database is bound to the cluster: what belongs to another one is not to be touched.
    bound: Signal,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

impl RelayLoop {
    fn run(self, stop: Shutdown) -> anyhow::Result<()> {
        let found = self.runtime.block_on(wait_for_schema_id(self.source, &stop))?;
        let Some(schema_id) = found else {
            return Ok(());
        };
        if !self.runtime.block_on(is_given(&self.bound, &stop)) {
            return Ok(());
        }
        let journal = VoucherJournal::new(self.store.reader()?, schema_id, inbound::GROUP)?;
        run_relay(self.config, journal, self.journal_grew, self.clock, stop)
    }
}

/// Waits until `signal` is given; whether it was before the stop.
async fn is_given(signal: &Signal, stop: &Shutdown) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = signal.wait_async() => true,
    }
}

#[cfg(test)]
mod tests;
