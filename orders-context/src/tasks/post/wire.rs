//! Connections that are kept to whoever is told something: plain or with TLS, HTTP/1.1 or 2. Nothing
//! between a task and its socket that a POST does not need.

use super::guard::{Names, Reach};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::time::timeout;

/// Connections to one host that are kept while nobody uses them: as many as attempts of both kinds use at
/// once, for all restaurants and the push gateway may be behind one. What is not kept is made anew at each burst.
const IDLE: usize = 2 * crate::tasks::AT_ONCE;

/// How long they are kept.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// How much of an answer is read, so that the connection can be used again; its content is ignored.
const ANSWER_BYTES: usize = 64 * 1024;

/// How long what follows the status of an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_millis(250);

/// How many addresses are remembered as they were read.
const ADDRESSES: usize = 4_096;

/// A POST with its headers.
pub type Request = http::Request<Full<bytes::Bytes>>;

/// A connection on which so long nothing is heard is given up, though nobody said that it is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// Sends requests and reads what is answered, but does not look into it. Follows no redirect and
/// knows of no proxy.
pub struct Wire {
    client: Client<HttpsConnector<HttpConnector<Names>>, Full<bytes::Bytes>>,
    reach: Reach,
    addresses: RwLock<HashMap<String, http::Uri>>,
}

/// Why there is no address to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// It is no URL of a server.
    Unreadable,
    /// It leads where nothing may be sent.
    Forbidden,
}

impl Wire {
    /// `connect_limit` is the longest that connecting may take.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(reach: Reach, connect_limit: Duration) -> anyhow::Result<Self> {
        let mut tcp = HttpConnector::new_with_resolver(Names(reach));
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_limit));
        tcp.set_tcp_user_timeout(Some(SILENCE));
        tcp.enforce_http(false);
        let tls = chassis::trust::client_config(chassis::trust::system_roots())?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(SILENCE / 3)
            .http2_keep_alive_timeout(SILENCE / 3)
            .build(connector);
        Ok(Self { client, reach, addresses: RwLock::default() })
    }

    /// Where `url` leads. Reading one is as dear as sending a request, so it is remembered.
    pub fn address(&self, url: &str) -> Result<http::Uri, NoAddress> {
        let known = self.addresses.read().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        if let Some(address) = known {
            return Ok(address);
        }
        let parsed = url::Url::parse(url).map_err(|_| NoAddress::Unreadable)?;
        if !self.reach.allows(&parsed) {
            return Err(NoAddress::Forbidden);
        }
        let address: http::Uri = parsed.as_str().parse().map_err(|_| NoAddress::Unreadable)?;
        let mut addresses = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= ADDRESSES {
            addresses.clear();
        }
        addresses.insert(url.to_owned(), address.clone());
        Ok(address)
    }

    /// Sends the request and waits for the answer for at most so long. Its status is the answer: the rest is
    /// read in vain, for a moment, after which the connection is given up.
    ///
    /// # Errors
    /// A code: `connect`, `timeout`, or `broken_connection`.
    pub async fn send(
        &self,
        request: Request,
        limit: Duration,
    ) -> Result<http::StatusCode, &'static str> {
        let answered = timeout(limit, self.client.request(request)).await;
        let response = answered.map_err(|_| "timeout")?.map_err(|error| code_of(&error))?;
        let status = response.status();
        let (mut body, mut read) = (response.into_body(), 0);
        let reading = async {
            while let Some(Ok(frame)) = body.frame().await {
                read += frame.data_ref().map_or(0, bytes::Bytes::len);
                if read > ANSWER_BYTES {
                    break;
                }
            }
        };
        // What goes on is closed with its body.
        let _ = timeout(ANSWER_LIMIT, reading).await;
        Ok(status)
    }
}

fn code_of(error: &Error) -> &'static str {
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let io = deeper.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return "timeout";
        }
        cause = deeper.source();
    }
    match error.is_connect() {
        true => "connect",
        false => "broken_connection",
    }
}
