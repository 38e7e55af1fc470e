//! A bounded number of connections that come back by themselves.
//!
//! What every connection promises:
//!
//! - A commit is durable once it is acknowledged (`synchronous_commit`, `fsync`); a server that
//!   cannot promise it is refused.
//! - No statement runs for longer than [`STATEMENT_LIMIT`], and a session that was abandoned within
//!   a transaction (its process stopped, say) is ended by the server after [`IDLE_LIMIT`], so that
//!   it holds neither locks nor the transaction-id horizon.
//! - A server that went away without a word is noticed within seconds.
//!
//! It needs a session of its own on the server: no pooler in between that shares one by transaction.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use deadpool_postgres::{
    Connect, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime,
};
use tokio::task::JoinHandle;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::debug;

use super::address::Address;
use crate::backoff::Backoff;

/// A connection borrowed from a [`Pool`]; goes back when dropped. `Client::take` keeps it from
/// going back.
pub type Client = deadpool_postgres::Client;

/// How long a statement may run.
pub const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// How long a session may sit within a transaction.
pub const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection to become free.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// When nothing is heard for so long, the server is asked whether it is there, and given up when
/// it stays silent for as long again.
const SILENCE: Duration = Duration::from_secs(5);

/// Between two attempts to connect to a server that does not answer. A caller waits this out
/// before its own attempt.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));

/// Connections to one database, made when they are needed.
pub struct Pool {
    inner: deadpool_postgres::Pool,
    address: Address,
}

impl Pool {
    /// At most `size` connections, which the server's views show as `name`. Connects to nothing yet.
    ///
    /// # Errors
    /// The connections are to be encrypted and this machine has no certificates to trust.
    pub fn new(address: &Address, name: &str, size: usize) -> anyhow::Result<Self> {
        let mut config = address.driver_config().clone();
        config.connect_timeout(CONNECT_LIMIT);
        config.keepalives_idle(SILENCE).keepalives_interval(SILENCE / 5).keepalives_retries(5);
        config.tcp_user_timeout(2 * SILENCE);
        // After a failover the address may lead to a server that only reads.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name(name);
        }
        let encryption = address.is_encrypted().then(trust_system_roots).transpose()?;
        let connector = Connector { encryption, failures: AtomicU32::new(0) };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let inner =
            deadpool_postgres::Pool::builder(Manager::from_connect(config, connector, recycling))
                .runtime(Runtime::Tokio1)
                .max_size(size)
                .wait_timeout(Some(WAIT_LIMIT))
                .create_timeout(Some(2 * CONNECT_LIMIT))
                .post_create(Hook::async_fn(|client, _| {
                    Box::pin(async {
                        let promised = keep_promises(client).await;
                        promised.map_err(|cause| HookError::message(format!("{cause:#}")))
                    })
                }))
                .build()?;
        Ok(Self { inner, address: address.clone() })
    }

    /// A connection that works as far as is known.
    ///
    /// # Errors
    /// The server does not answer, refuses, or all connections stay busy for five seconds. The pool
    /// works again as soon as the server does.
    pub async fn get(&self) -> anyhow::Result<Client> {
        let refused = match self.inner.get().await {
            Ok(client) => return Ok(client),
            Err(PoolError::Backend(cause)) => cause.into(),
            Err(PoolError::PostCreateHook(HookError::Message(cause))) => anyhow::anyhow!(cause),
            Err(other) => anyhow::Error::from(other),
        };
        Err(refused.context(format!("there is no connection to {}", self.address)))
    }
}

struct Connector {
    encryption: Option<MakeRustlsConnect>,
    failures: AtomicU32,
}

type Connected = Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            if let Some(before) = self.failures.load(Ordering::Relaxed).checked_sub(1) {
                tokio::time::sleep(AGAIN.delay(before)).await;
            }
            let connected = match &self.encryption {
                Some(encryption) => config.connect(encryption.clone()).await.map(drive),
                None => config.connect(NoTls).await.map(drive),
            };
            match &connected {
                Ok(_) => self.failures.store(0, Ordering::Relaxed),
                Err(_) => drop(self.failures.fetch_add(1, Ordering::Relaxed)),
            }
            connected
        })
    }
}

/// Lets the two ends of a connection talk until one of them ends it.
fn drive<C>(
    (client, connection): (tokio_postgres::Client, C),
) -> (tokio_postgres::Client, JoinHandle<()>)
where
    C: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    let driven = tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever was using it has the error, and says what came of it.
            debug!(error = %error, "A connection to PostgreSQL broke");
        }
    });
    (client, driven)
}

fn trust_system_roots() -> anyhow::Result<MakeRustlsConnect> {
    let roots = crate::trust::system_roots();
    anyhow::ensure!(
        !roots.is_empty(),
        "there is no certificate to check the server by: name a file of them in SSL_CERT_FILE"
    );
    Ok(MakeRustlsConnect::new(crate::trust::client_config(roots)?))
}

async fn keep_promises(client: &tokio_postgres::Client) -> anyhow::Result<()> {
    let limits = format!(
        "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {};
         SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
         -- Statements here are short, and the same few for ever: planned once, never compiled.
         SET plan_cache_mode = force_generic_plan; SET jit = off;
         -- Waiting for replicas to apply is stronger still, where somebody has chosen it.
         SELECT set_config('synchronous_commit', 'on', false)
          WHERE current_setting('synchronous_commit') <> 'remote_apply'",
        STATEMENT_LIMIT.as_millis(),
        IDLE_LIMIT.as_millis(),
    );
    client.batch_execute(&limits).await.context("the session cannot be set up")?;
    let durable = "SELECT current_setting('synchronous_commit'), current_setting('fsync')";
    let row = client.query_one(durable, &[]).await?;
    let (commit, fsync): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    anyhow::ensure!(
        fsync == "on" && (commit == "on" || commit == "remote_apply"),
        "the server does not keep what it acknowledges (synchronous_commit={commit}, \
         fsync={fsync}): both must be on"
    );
    Ok(())
}
